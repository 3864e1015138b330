"""A shape's share of voxels against a slow twin that counts points, on grids where an axis swap cannot hide."""

import numpy as np
import pytest

from netlesion.geometry import Geometry
from netlesion.phantom.superellipsoid import Superellipsoid, share_of_voxels

SHAPE = Superellipsoid((3.0, -5.0, 8.0), (21.0, 13.0, 30.0), power=2.3, axial_power=4.0, turn_deg=(10.0, 25.0, -40.0))


def permuted_oblique_grid() -> Geometry:
    """Axes in the order S, L, A, turned 20 degrees about z, spacing 5 x 2.5 x 3.5 mm; covers SHAPE."""
    c, s = np.cos(np.radians(20)), np.sin(np.radians(20))
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.array([[0, -2.5, 0], [0, 0, 3.5], [5.0, 0, 0]])
    shape = (17, 29, 19)
    affine[:3, 3] = np.array(SHAPE.centre_mm) - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Geometry(affine, shape)


def counted_share(shape: Superellipsoid, grid: Geometry, per_axis: int) -> np.ndarray:
    """The slow twin: per_axis^3 points in every voxel, each asked whether it is inside."""
    steps = (np.arange(per_axis) + 0.5) / per_axis - 0.5
    total = np.zeros(grid.num_voxels)
    index = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1).reshape(-1, 3)
    for offset in np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3):
        total += shape.contains(grid.to_world(index + offset))
    return (total / per_axis**3).reshape(grid.shape)


def full(shape: Superellipsoid, grid: Geometry, oversample: int = 1) -> np.ndarray:
    out = np.zeros(grid.shape, dtype=np.float32)
    part = share_of_voxels(shape, grid, oversample)
    out[part.box] = part.share
    return out


@pytest.mark.parametrize(("oversample", "worst", "mean"), [(1, 0.25, 0.012), (4, 0.06, 0.003)])
def test_agrees_with_counting_points(oversample, worst, mean):
    grid = permuted_oblique_grid()
    gap = np.abs(full(SHAPE, grid, oversample) - counted_share(SHAPE, grid, per_axis=6))
    assert gap.max() < worst
    assert gap.mean() < mean


def test_the_shares_add_up_to_the_exact_volume():
    grid = permuted_oblique_grid()
    assert full(SHAPE, grid, 2).sum() * grid.voxel_volume_ml == pytest.approx(SHAPE.volume_ml, rel=0.01)


def test_an_ellipsoid_has_the_textbook_volume():
    assert Superellipsoid((0, 0, 0), (20, 10, 5)).volume_ml == pytest.approx(4 / 3 * np.pi * 20 * 10 * 5 / 1000)


def test_a_shape_off_the_grid_reaches_no_voxel_and_one_on_the_border_is_cut():
    grid = Geometry(np.diag([4.0, 4.0, 5.0, 1.0]), (7, 5, 3))
    assert share_of_voxels(Superellipsoid((500, 0, 0), (9, 9, 9)), grid).share.size == 0
    on_border = Superellipsoid((-2.0, 8.0, 5.0), (9, 9, 9))
    part = share_of_voxels(on_border, grid, 4)
    assert part.box[0].start == 0
    assert 0 < part.share.sum() * grid.voxel_volume_ml < on_border.volume_ml


def test_flipped_grid_gives_the_flipped_share():
    ras = Geometry(np.array([[4.0, 0, 0, -40], [0, 3.0, 0, -36], [0, 0, 5.0, -35], [0, 0, 0, 1]]), (23, 21, 19))
    affine = ras.affine_ras.copy()
    affine[0] = [-4.0, 0, 0, -40 + 4.0 * 22]
    np.testing.assert_allclose(full(SHAPE, Geometry(affine, ras.shape)), full(SHAPE, ras)[::-1], atol=1e-4)
