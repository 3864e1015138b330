"""Folds and mirror images averaged in one pass."""

import torch

from netlesion.inference.average import averaged, averaged_beside_first

GENERATOR = torch.Generator().manual_seed(0)
WEIGHT = torch.randn(2, 3, 3, 3, 3, generator=GENERATOR)
WINDOWS = torch.randn(2, 3, 5, 6, 7, generator=GENERATOR)


def one(windows):
    return torch.nn.functional.conv3d(windows, WEIGHT, padding="same")


def other(windows):
    return 3.0 * one(windows) + 1.0


def test_the_mean_over_folds_and_mirror_images_is_that_of_a_plain_loop():
    wanted = []
    for network in (one, other):
        for axes in ([], [2], [4], [2, 4]):
            wanted.append(network(WINDOWS.flip(axes)).flip(axes) if axes else network(WINDOWS))
    torch.testing.assert_close(averaged([one, other], (0, 2))(WINDOWS), torch.stack(wanted).mean(0))


def test_the_first_answer_comes_beside_the_mean_without_a_further_forward():
    calls = []

    def counted(windows):
        calls.append(1)
        return one(windows)

    both = averaged_beside_first([counted, other], (1,))(WINDOWS)
    assert len(calls) == 2, "one network, two mirror images"
    torch.testing.assert_close(both[:, :2], averaged([one, other], (1,))(WINDOWS))
    assert torch.equal(both[:, 2:], one(WINDOWS))


def test_one_network_and_no_mirror_image_is_the_network_itself():
    assert averaged([one]) is one
