"""Distances: looking at blocks first changes nothing, layers share one sampling, capsules agree with the fast road."""

from itertools import product

import numpy as np
import pytest

from netlesion.image.geometry import Geometry
from netlesion.phantom import carve, distances
from netlesion.phantom.compounds import Mirrored, Offset, Rough, Within
from netlesion.phantom.distances import Distances
from netlesion.phantom.paint import share_of
from netlesion.phantom.pose import Pose
from netlesion.phantom.shares import Share, blend
from netlesion.phantom.solids import Capsule, Ellipsoid, Sampled
from netlesion.phantom.stage import Stage
from netlesion.phantom.tubes import splits
from tests.small_stages import JOINTS, grid, moving

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
    for module in (distances, carve):
        monkeypatch.setattr(module, "LARGE_BOX", 10**9)
    plain = share_of(Stage(stage.geometry, moving()), Offset(LARGE[name], margin), "trunk")
    assert quick.box == plain.box
    assert plain.share.size > 2 * 4096
    np.testing.assert_allclose(quick.share, plain.share, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", list(LARGE))
def test_a_grid_one_voxel_thick_is_right(name, monkeypatch):
    whole = grid((1.0, 1.2, 1.5))
    affine = whole.affine_ras.copy()
    affine[:3, 3] = whole.to_world(np.array([[0, 0, 41]]))[0]
    thin = Geometry(affine, (*whole.shape[:2], 1))
    quick = share_of(Stage(thin, moving()), LARGE[name], "trunk")
    for module in (distances, carve):
        monkeypatch.setattr(module, "LARGE_BOX", 10**9)
    plain = share_of(Stage(thin, moving()), LARGE[name], "trunk")
    assert plain.share.size > 2 * 1024
    np.testing.assert_allclose(quick.share, plain.share, rtol=0, atol=1e-6)
