"""Labels of a fine grid on a coarse one: volume is kept, the majority wins, orientation does not matter."""

import numpy as np
import pytest

from netlesion.datasets.label_grid import label_on_grid
from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from tests.small_images import CT_GRID, PET_GRID


def fine_ball(grid, centre_mm, radius_mm, value=2):
    index = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1).reshape(-1, 3)
    inside = np.linalg.norm(grid.to_world(index) - centre_mm, axis=1) <= radius_mm
    return Volume(np.where(inside, value, 0).reshape(grid.shape).astype(np.uint8), grid, Quantity.LABEL)


def test_a_label_map_comes_back_from_a_grid_twice_as_fine():
    rng = np.random.default_rng(3)
    coarse = rng.integers(0, 4, PET_GRID.shape).astype(np.uint8)
    index = np.stack(np.meshgrid(*map(np.arange, CT_GRID.shape), indexing="ij"), axis=-1).reshape(-1, 3)
    nearest = np.rint(PET_GRID.to_index(CT_GRID.to_world(index) + (0.01, 0.01, 0.01))).astype(int)
    nearest = np.clip(nearest, 0, np.array(PET_GRID.shape) - 1)
    fine = Volume(coarse[tuple(nearest.T)].reshape(CT_GRID.shape), CT_GRID, Quantity.LABEL)
    back = label_on_grid(fine, PET_GRID)
    assert np.array_equal(back.array[1:-1, 1:-1, 1:-1], coarse[1:-1, 1:-1, 1:-1])


@pytest.mark.parametrize("flip", [1, -1])
def test_volume_is_kept_on_a_turned_grid(flip):
    fine = Geometry(np.diag([1.0, 1.0, 1.0, 1.0]), (61, 63, 65))
    turn = np.deg2rad(20)
    axes = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = axes @ np.diag([flip * 3.1, 2.9, 4.3])
    coarse = Geometry(affine, (31, 33, 19))
    centre = coarse.to_world(np.array([[15.0, 16.0, 9.0]]))[0]
    affine[:3, 3] += np.array([30.0, 31.0, 32.0]) - centre
    ball = fine_ball(fine, (30, 31, 32), 17.0)
    moved = label_on_grid(ball, Geometry(affine, (31, 33, 19)))
    volume = moved.array.astype(bool).sum() * moved.geometry.voxel_volume_ml
    # a convex surface loses about 1 % to the majority rule; the rest is where the voxels happen to lie
    assert volume == pytest.approx(4 / 3 * np.pi * 1.7**3, rel=0.05)
    assert set(np.unique(moved.array)) == {0, 2}


def test_an_empty_map_and_one_beside_the_grid_give_nothing():
    empty = Volume(np.zeros(CT_GRID.shape, np.uint8), CT_GRID, Quantity.LABEL)
    assert not label_on_grid(empty, PET_GRID).array.any()
    far = Geometry(PET_GRID.affine_ras + np.array([[0, 0, 0, 900.0], [0] * 4, [0] * 4, [0] * 4]), PET_GRID.shape)
    assert not label_on_grid(fine_ball(CT_GRID, (4, -18, 13), 6), far).array.any()
