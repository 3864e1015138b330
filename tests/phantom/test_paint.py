"""Painting: volumes are right on any grid, in any orientation, alone and among others."""

import numpy as np
import pytest

from netlesion.image.geometry import Geometry
from netlesion.phantom.body.parts import Part
from netlesion.phantom.compounds import tube
from netlesion.phantom.paint import paint, share_of
from netlesion.phantom.shares import blend
from netlesion.phantom.solids import Capsule, Ellipsoid, sphere
from netlesion.phantom.stage import Stage
from tests.small_stages import grid, moving, still


@pytest.mark.parametrize("spacing", [(1.6, 1.6, 1.6), (4.0, 5.0, 3.0), (6.0, 6.0, 6.0)])
def test_a_volume_is_the_same_on_every_grid(spacing):
    stage = Stage(grid(spacing), still())
    for solid, volume in (
        (sphere((3, 2, 1), 30.0), 4 / 3 * np.pi * 27.0),
        (sphere((3, 2, 1), 6.0), 4 / 3 * np.pi * 0.216),
    ):
        share = share_of(stage, solid, "trunk")
        assert share.share.sum() * stage.geometry.voxel_volume_ml == pytest.approx(volume, rel=0.04)


def test_a_tube_has_the_volume_of_its_length():
    stage = Stage(grid((3.0, 3.0, 3.0)), still())
    share = share_of(stage, tube(np.array([[-40, 0, 0], [0, 0, 0], [40.0, 0, 0]]), 7.0), "trunk")
    expected = (np.pi * 49 * 80 + 4 / 3 * np.pi * 343) / 1000
    assert share.share.sum() * stage.geometry.voxel_volume_ml == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("flips", [(-1, 1, 1), (1, -1, 1), (1, 1, -1), (-1, -1, -1)])
def test_every_orientation_shows_the_same_world(flips):
    solid = Ellipsoid((10, -12, 14), (20, 12, 25), turn_deg=(10, 20, 30))
    pose = moving()
    one, other = (Stage(grid(flips=f), pose) for f in ((1, 1, 1), flips))
    a, b = np.zeros(one.geometry.shape), np.zeros(other.geometry.shape)
    for stage, canvas in ((one, a), (other, b)):
        blend(canvas, share_of(stage, solid, "trunk"), 1.0)
    turned = b[tuple(slice(None, None, f) for f in flips)]
    assert np.abs(a - turned).max() < 0.02


def test_what_is_off_the_grid_has_no_share():
    stage = Stage(grid(), still())
    assert share_of(stage, sphere((500, 0, 0), 10.0), "trunk").share.size == 0
    assert share_of(stage, Capsule((500, 0, 0), (520, 0, 0), 3.0, 3.0), "trunk").share.size == 0


def test_one_voxel_is_a_grid():
    stage = Stage(Geometry(np.diag([4.0, 4.0, 4.0, 1.0]), (1, 1, 1)), moving())
    assert share_of(stage, sphere((0, 0, 0), 200.0), "trunk").share.max() == pytest.approx(1.0)


def test_one_chain_is_the_same_alone_and_among_others():
    stage = Stage(grid(), moving())
    shapes = [tube(np.array([[-40, y, 0], [0, y + 9, 5], [40.0, y, 0]]), 3.0) for y in (-20, 0, 20)]
    parts = [Part("", "blood", s) for s in shapes]
    for shape, (_, share) in zip(shapes, paint(stage, parts), strict=True):
        alone = share_of(stage, shape, "trunk")
        assert alone.box == share.box
        np.testing.assert_array_equal(alone.share, share.share)
