"""Painting: volumes are right on any grid, both roads for capsules agree, poses go both ways."""

from itertools import product

import numpy as np
import pytest

import netlesion.phantom.carve as carve
import netlesion.phantom.distances as painting
from netlesion.geometry import Geometry
from netlesion.phantom.body.parts import SEGMENTS, Part
from netlesion.phantom.compounds import Mirrored, Offset, Rough, Within, tube
from netlesion.phantom.distances import Distances
from netlesion.phantom.paint import paint, share_of
from netlesion.phantom.pose import Displacement, Pose
from netlesion.phantom.shares import Share, blend
from netlesion.phantom.solids import Capsule, Ellipsoid, Sampled, sphere
from netlesion.phantom.stage import Stage
from netlesion.phantom.tubes import splits

JOINTS = {hold[1]: (5.0 * n, -3.0 * n, 7.0 * n) for n, hold in enumerate(SEGMENTS.values()) if hold}


def grid(spacing=(4.0, 5.0, 3.0), extent=(130.0, 110.0, 120.0), flips=(-1, 1, 1)):
    shape = tuple(int(e / s) for e, s in zip(extent, spacing, strict=True))
    affine = np.diag([*(np.array(spacing) * flips), 1.0])
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Geometry(affine, shape)


def still():
    return Pose(JOINTS, {})


def moving(seed=0):
    field = np.random.default_rng(seed).normal(size=(3, 12, 12, 12))
    from scipy.ndimage import gaussian_filter

    field = np.stack([gaussian_filter(f, 1.5, mode="wrap") for f in field])
    displacement = Displacement(4.0 * field / field.std(), (-220.0, -220.0, -220.0), 40.0)
    return Pose(JOINTS, {"thigh_right": (20, 10, 5), "shank_right": (-40, 0, 0)}, (3, -2, 4), (6, 5, -4), displacement)


def test_points_go_to_the_scan_and_come_back():
    pose = moving()
    points = np.random.default_rng(2).uniform(-90, 90, (200, 3))
    for segment in ("trunk", "head", "shank_right"):
        back = pose.to_body(pose.to_scan(points, segment), segment)
        np.testing.assert_allclose(back, points, atol=0.01)
    assert np.abs(pose.to_scan(points, "trunk") - points).max() > 3.0


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


CAPSULES = {
    "round": Capsule((-20, 5, 3), (25, -10, 12), 6.0, 3.0),
    "flat": Capsule((-20, 5, 3), (25, -10, 12), 9.0, 9.0, (0.0, 0.0, 1.0), 0.5),
    "mirrored": Mirrored(Capsule((-20, 5, 3), (25, -10, 12), 6.0, 3.0, (0.6, 0.0, 0.8), 0.7)),
    "grown": Offset(Capsule((-20, 5, 3), (25, -10, 12), 6.0, 3.0), 2.0),
    "oblate": Mirrored(Ellipsoid((9, 5, 3), (10, 10, 6), turn_deg=(20, 30, 40))),
    "prolate": Ellipsoid((9, 5, 3), (4, 7, 4), turn_deg=(20, 30, 40)),
    "shrunk": Offset(Mirrored(Capsule((-20, 5, 3), (25, -10, 12), 6.0, 4.0)), -2.0),
}


@pytest.mark.parametrize(("name", "segment"), list(product(CAPSULES, ("trunk", "shank_right"))))
def test_a_capsule_is_the_same_by_both_roads(name, segment):
    """The straight road in the grid's frame against the general one; a rigid pose, where both are exact."""
    pose = Pose(JOINTS, {"shank_right": (-40, 15, 0)}, (3, -2, 4), (6, 5, -4))
    stage = Stage(grid((2.0, 2.5, 1.5)), pose)
    fast, general = np.zeros(stage.geometry.shape), np.zeros(stage.geometry.shape)
    blend(fast, share_of(stage, CAPSULES[name], segment), 1.0)
    bounds = CAPSULES[name].bounds_mm()
    (box,) = stage.boxes_of(bounds[None], segment)
    split = int(splits((bounds[1] - bounds[0]).min() / 2.0, stage.voxel_mm))
    blend(general, Share(box, Distances(CAPSULES[name], segment, box, split, (0.0,)).share(stage, 0.0)), 1.0)
    assert fast.sum() == pytest.approx(general.sum(), rel=0.05)
    assert np.abs(fast - general).max() < 0.25


def test_layers_of_a_shell_share_one_sampling():
    stage = Stage(grid(), moving())
    solid = Ellipsoid((0, 0, 0), (30, 25, 20))
    outer, inner = share_of(stage, Offset(solid, 5.0), "trunk"), share_of(stage, Offset(solid, -5.0), "trunk")
    fresh = share_of(Stage(grid(), moving()), Offset(solid, -5.0), "trunk")
    assert outer.share.sum() > inner.share.sum()
    a, b = np.zeros(stage.geometry.shape), np.zeros(stage.geometry.shape)
    blend(a, inner, 1.0)
    blend(b, fresh, 1.0)
    np.testing.assert_allclose(a, b, atol=1e-5)


def test_what_is_off_the_grid_has_no_share():
    stage = Stage(grid(), still())
    assert share_of(stage, sphere((500, 0, 0), 10.0), "trunk").share.size == 0
    assert share_of(stage, Capsule((500, 0, 0), (520, 0, 0), 3.0, 3.0), "trunk").share.size == 0


def test_one_voxel_is_a_grid():
    stage = Stage(Geometry(np.diag([4.0, 4.0, 4.0, 1.0]), (1, 1, 1)), moving())
    assert share_of(stage, sphere((0, 0, 0), 200.0), "trunk").share.max() == pytest.approx(1.0)


def sampled(solid, step=2.0, margin=6.0):
    """As a label map gives it: distances on a grid that ends 6 mm outside."""
    low, high = solid.bounds_mm()
    axes = [np.arange(a - margin, b + margin + step, step, dtype=np.float32) for a, b in zip(low, high, strict=True)]
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = low - margin
    return Sampled(solid.distance(*np.ix_(*axes)).astype(np.float32), affine)


LARGE = {
    "sampled": sampled(Ellipsoid((0, 0, 0), (50, 45, 12), turn_deg=(10, 5, 0))),
    "long and thin": Ellipsoid((0, 0, 0), (60, 9, 8), turn_deg=(0, 20, 35)),
    "boxy": Ellipsoid((4, 2, 0), (45, 40, 50), power=4.0, axial_power=2.5),
    "crescent": Within(Ellipsoid((0, 0, 0), (50, 40, 45)), holes=(Ellipsoid((8, 0, 5), (48, 37, 43)),)),
    "wavy": Rough(Ellipsoid((0, 0, 0), (50, 40, 45)), 2.0, 20.0, tuple(np.linspace(0.0, 6.0, 12))),
}


@pytest.mark.parametrize(("name", "margin"), list(product(LARGE, (0.0, -6.0, 4.0))))
def test_looking_at_blocks_first_changes_nothing(name, margin, monkeypatch):
    stage = Stage(grid((2.0, 2.5, 1.5)), moving())
    quick = share_of(stage, Offset(LARGE[name], margin), "trunk")
    for module in (painting, carve):
        monkeypatch.setattr(module, "LARGE_BOX", 10**9)
    plain = share_of(Stage(stage.geometry, moving()), Offset(LARGE[name], margin), "trunk")
    assert quick.box == plain.box
    assert plain.share.size > 2 * 4096
    np.testing.assert_allclose(quick.share, plain.share, rtol=0, atol=1e-6)


def test_one_chain_is_the_same_alone_and_among_others():
    stage = Stage(grid(), moving())
    shapes = [tube(np.array([[-40, y, 0], [0, y + 9, 5], [40.0, y, 0]]), 3.0) for y in (-20, 0, 20)]
    parts = [Part("", "blood", s) for s in shapes]
    for shape, (_, share) in zip(shapes, paint(stage, parts), strict=True):
        alone = share_of(stage, shape, "trunk")
        assert alone.box == share.box
        np.testing.assert_array_equal(alone.share, share.share)
