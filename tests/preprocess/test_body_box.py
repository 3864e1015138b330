"""The body's box: nothing of the patient is left out, specks and air are."""

import numpy as np
import pytest

from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.preprocess.body_box import MARGIN_MM, block_means, body_box
from netlesion.preprocess.harmonise import Harmonised

SHAPE, SPACING = (61, 47, 83), (4.0, 4.0, 3.0)
BODY = np.s_[20:41, 15:33, 10:70]


def grid_of(**channels):
    geometry = Geometry(np.diag([*SPACING, 1.0]), SHAPE)
    volumes = {name: Volume(array, geometry, quantity) for name, (array, quantity) in channels.items()}
    return Harmonised("1", tuple(volumes), geometry, volumes, {})


def filled(outside, inside, *places):
    array = np.full(SHAPE, outside, dtype=np.float32)
    for place in places:
        array[place] = inside
    return array


def require_box(box, place):
    """All of `place`, and at most the margin and one coarse voxel more."""
    for low, high, part, n, mm in zip(*box, place, SHAPE, SPACING, strict=True):
        slack = int(np.ceil(MARGIN_MM / mm)) + max(1, round(8.0 / mm))
        assert max(0, part.start - slack) <= low <= part.start
        assert part.stop <= high <= min(n, part.stop + slack)


@pytest.mark.parametrize(
    ("outside", "inside", "quantity"),
    [(-1000.0, 0.0, Quantity.HU), (0.02, 1.0, Quantity.SUVBW), (5.0, 300.0, Quantity.MR)],
)
def test_every_kind_of_image_shows_the_body(outside, inside, quantity):
    require_box(body_box(grid_of(x=(filled(outside, inside, BODY), quantity))), BODY)


def test_an_arm_apart_and_what_only_one_channel_shows_belong_to_it():
    arm = np.s_[50:56, 20:26, 20:70]
    head = np.s_[25:35, 18:30, 70:82]
    ct = filled(-1000.0, 0.0, BODY, arm)
    pet = filled(0.0, 2.0, head)
    box = body_box(grid_of(ct=(ct, Quantity.HU), fdg=(pet, Quantity.SUVBW)))
    require_box(box, np.s_[20:56, 15:33, 10:82])


def test_a_speck_of_noise_is_not_the_patient():
    ct = filled(-1000.0, 0.0, BODY, np.s_[2:4, 2:4, 3:6])
    require_box(body_box(grid_of(ct=(ct, Quantity.HU))), BODY)


def test_an_image_of_air_shows_nobody():
    assert body_box(grid_of(ct=(filled(-1000.0, 0.0), Quantity.HU))) is None


@pytest.mark.parametrize(("shape", "step"), [((13, 17, 11), [2, 3, 4]), ((5, 4, 3), [8, 1, 2]), ((1, 1, 1), [3, 3, 3])])
def testblock_means_are_those_of_every_block(shape, step):
    array = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    wanted = [
        [
            [_block(array, (i, j, k), step).mean() for k in range(0, shape[2], step[2])]
            for j in range(0, shape[1], step[1])
        ]
        for i in range(0, shape[0], step[0])
    ]
    np.testing.assert_allclose(block_means(array, step), wanted, atol=1e-6)


def _block(array, at, step):
    return array[tuple(slice(a, a + s) for a, s in zip(at, step, strict=True))]
