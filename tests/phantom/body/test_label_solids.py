"""Smooth shapes from masks: their volume is the mask's, their distance a ball's, and boxes leave nothing out."""

import numpy as np
import pytest

from netlesion.phantom.body.label_solids import solid_of_mask
from netlesion.phantom.compounds import Union
from netlesion.phantom.solids import contains, rotation


def grid_points(affine, shape):
    index = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1).reshape(-1, 3)
    return index @ affine[:3, :3].T + affine[:3, 3]


def oblique(spacing_mm, turn_deg=(12.0, -7.0, 30.0)):
    affine = np.eye(4)
    affine[:3, :3] = rotation(turn_deg) * spacing_mm
    affine[:3, 3] = 11.0, -40.0, 3.0
    return affine


def volume_of(solid, step_mm=1.3):
    low, high = solid.bounds_mm()
    axes = [np.arange(a, b, step_mm) for a, b in zip(low, high, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    return contains(solid, points).sum() * step_mm**3


@pytest.mark.parametrize("spacing_mm", [(4.0, 4.0, 4.0), (2.0, 2.5, 5.0)])
def test_a_ball_keeps_its_volume_and_its_distances(spacing_mm):
    affine, shape, radius = oblique(spacing_mm), (29, 25, 21), 22.0
    centre = (affine @ [14.2, 11.9, 9.7, 1.0])[:3]
    points = grid_points(affine, shape)
    mask = (np.linalg.norm(points - centre, axis=1) <= radius).reshape(shape)
    made = solid_of_mask(mask, affine)
    solid = made.solid(np.eye(4))
    assert volume_of(solid) == pytest.approx(mask.sum() * np.prod(spacing_mm), rel=0.02)
    assert 0.7 * radius < made.depth_mm < radius
    near = points[np.abs(np.linalg.norm(points - centre, axis=1) - radius) < 4.0]
    error = solid.distance(*near.T.astype(np.float32)) - (np.linalg.norm(near - centre, axis=1) - radius)
    assert np.abs(error).max() < 0.6 * max(spacing_mm)
    assert abs(error.mean()) < 0.1 * max(spacing_mm)


def test_a_frame_moves_and_stretches_it():
    affine, shape = oblique((3.0, 3.0, 3.0)), (17, 15, 13)
    mask = np.zeros(shape, dtype=bool)
    mask[4:12, 5:11, 3:9] = True
    to_frame = np.diag([1.1, 0.9, 1.2, 1.0])
    to_frame[:3, 3] = 5.0, 6.0, 7.0
    made = solid_of_mask(mask, affine)
    points = np.random.default_rng(0).uniform(*made.solid(np.eye(4)).bounds_mm(), (500, 3))
    moved = points @ to_frame[:3, :3].T + to_frame[:3, 3]
    np.testing.assert_array_equal(contains(made.solid(np.eye(4)), points), contains(made.solid(to_frame), moved))


def test_a_winding_tube_is_cut_into_small_boxes_that_hold_all_of_it():
    affine, shape = np.diag([2.0, 3.0, 2.5, 1.0]), (71, 51, 61)
    points = grid_points(affine, shape)
    t = np.linspace(0.0, 4.0 * np.pi, 300)
    curve = np.stack([70 + 45 * np.cos(t), 75 + 45 * np.sin(t), 20 + 9 * t], axis=1)
    gap = np.min([np.linalg.norm(points - c, axis=1) for c in curve[::3]], axis=0)
    mask = (gap < 7.0).reshape(shape)
    made = solid_of_mask(mask, affine)
    solid = made.solid(np.eye(4))
    assert isinstance(solid, Union)
    assert sum(np.prod(np.diff(p.bounds_mm(), axis=0)) for p in solid.solids) < 0.7 * np.prod(
        np.diff(solid.bounds_mm(), axis=0)
    )
    whole = made.distance_IJK <= 0.0
    np.testing.assert_array_equal(contains(solid, grid_points(made.affine_ras, whole.shape)), whole.ravel())


def test_a_few_voxels_and_a_mask_at_the_edge_keep_their_volume():
    for where in (np.s_[3:5, 3:5, 3:5], np.s_[2:4, 0:7, 0:3]):
        mask = np.zeros((7, 7, 7), dtype=bool)
        mask[where] = True
        made = solid_of_mask(mask, np.diag([3.0, 3.0, 3.0, 1.0]))
        assert volume_of(made.solid(np.eye(4)), 0.4) == pytest.approx(mask.sum() * 27.0, rel=0.2)
