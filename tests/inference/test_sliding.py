import numpy as np
import pytest
import torch

from netlesion.inference.plan import plan_windows
from netlesion.inference.sliding import sliding
from tests.reference import sliding_twin

NETWORK = torch.nn.Conv3d(2, 3, 3, padding=1)


def run(image, window, overlap=0.5, batch_size=1):
    with torch.inference_mode():
        return sliding(torch.from_numpy(image), plan_windows(image.shape[1:], window, overlap), NETWORK, batch_size)


def image_of(shape, seed=0):
    return np.random.default_rng(seed).normal(size=(2, *shape)).astype(np.float32)


def twin(image, window, overlap):
    network = torch.nn.Conv3d(2, 3, 3, padding=1).double()
    network.load_state_dict(NETWORK.state_dict())

    def predict(patch):
        with torch.inference_mode():
            return network(torch.from_numpy(patch)[None])[0].numpy()

    return sliding_twin.blend(image, window, overlap, predict)


@pytest.mark.parametrize(
    ("shape", "window"),
    [
        ((11, 7, 13), (5, 3, 4)),
        ((3, 5, 2), (4, 4, 4)),
        ((1, 1, 9), (4, 4, 4)),
        ((8, 8, 8), (8, 8, 8)),
        ((7, 2, 5), (4, 4, 4)),
    ],
)
@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5, 0.75])
def test_agrees_with_the_float64_twin(shape, window, overlap):
    image = image_of(shape)
    assert np.abs(run(image, window, overlap).numpy() - twin(image, window, overlap)).max() < 1e-5


def test_agrees_with_monai():
    from monai.inferers import SlidingWindowInferer

    image = image_of((11, 17, 23))
    inferer = SlidingWindowInferer((8, 8, 8), overlap=0.5, mode="gaussian")
    with torch.inference_mode():
        theirs = inferer(torch.from_numpy(image)[None], NETWORK)[0]
    assert torch.abs(run(image, (8, 8, 8)) - theirs).max() < 1e-3


@pytest.mark.parametrize("batch_size", [2, 3, 100])
def test_the_batch_size_does_not_matter(batch_size):
    image = image_of((11, 7, 13))
    assert torch.allclose(run(image, (5, 3, 4)), run(image, (5, 3, 4), batch_size=batch_size), atol=1e-6)


def test_a_constant_network_gives_its_constant_everywhere():
    plan = plan_windows((11, 7, 13), (4, 4, 4), 0.5)
    out = sliding(torch.zeros(1, 11, 7, 13), plan, lambda w: torch.full((len(w), 2, 4, 4, 4), 3.25))
    assert torch.allclose(out, torch.tensor(3.25))


def test_accumulation_is_float32_whatever_the_network_returns():
    plan = plan_windows((5, 5, 5), (4, 4, 4), 0.5)
    out = sliding(torch.zeros(1, 5, 5, 5), plan, lambda w: torch.ones(len(w), 1, 4, 4, 4, dtype=torch.bfloat16))
    assert out.dtype == torch.float32


def test_a_nan_of_the_network_and_a_wrong_shape_surface():
    plan = plan_windows((5, 5, 5), (4, 4, 4), 0.5)
    image = torch.zeros(1, 5, 5, 5)
    with pytest.raises(ValueError, match="not finite"):
        sliding(image, plan, lambda w: torch.full((len(w), 1, 4, 4, 4), float("nan")))
    with pytest.raises(ValueError, match="the network returned"):
        sliding(image, plan, lambda w: torch.zeros(len(w), 1, 2, 2, 2))
    with pytest.raises(ValueError, match="for a plan over"):
        sliding(torch.zeros(1, 5, 5, 4), plan, NETWORK)


def test_progress_counts_every_window():
    plan, seen = plan_windows((11, 7, 13), (4, 4, 4), 0.5), []
    sliding(torch.zeros(2, 11, 7, 13), plan, lambda w: torch.zeros(len(w), 1, 4, 4, 4), 5, seen.append)
    assert sum(seen) == plan.num_tiles
