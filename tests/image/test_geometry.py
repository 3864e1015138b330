import numpy as np
import pytest

from netlesion.errors import GeometryError
from netlesion.image.geometry import Geometry

OBLIQUE = np.array(
    [
        [-2.0, 0.0, 0.0, 11.0],
        [0.0, 3.0 * np.cos(0.3), -5.0 * np.sin(0.3), -7.0],
        [0.0, 3.0 * np.sin(0.3), 5.0 * np.cos(0.3), 13.0],
        [0.0, 0.0, 0.0, 1.0],
    ]
)


def test_spacing_and_volume_come_from_the_affine():
    grid = Geometry(OBLIQUE, (2, 3, 5))
    assert grid.spacing_mm == pytest.approx((2.0, 3.0, 5.0))
    assert grid.voxel_volume_ml == pytest.approx(0.030)


def test_world_and_index_are_inverse():
    grid = Geometry(OBLIQUE, (2, 3, 5))
    index = np.array([[0.0, 0.0, 0.0], [1.0, 2.0, 4.0], [0.5, -1.25, 3.75]])
    assert np.allclose(grid.to_index(grid.to_world(index)), index)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda a: a.__setitem__((slice(0, 3), 0), 0.0), "singular"),
        (lambda a: a.__setitem__((0, 1), 1.0), "sheared"),
        (lambda a: a.__setitem__((0, 3), np.nan), "not finite"),
        (lambda a: a.__setitem__((3, 0), 1.0), "last row"),
    ],
)
def test_a_broken_affine_is_refused(change, word):
    affine = OBLIQUE.copy()
    change(affine)
    with pytest.raises(GeometryError, match=word):
        Geometry(affine, (2, 3, 5))


def test_an_impossible_shape_is_refused():
    with pytest.raises(GeometryError, match="at least one voxel"):
        Geometry(np.eye(4), (2, 0, 5))


@pytest.mark.parametrize("flip", [(1, 1, 1), (-1, 1, 1), (-1, -1, -1)])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
def test_resampled_covers_the_same_field_of_view_in_ras_order(flip, order):
    affine = np.eye(4)
    affine[:3, :3] = (np.diag([2.0, 3.0, 5.0]) * flip)[:, order]
    affine[:3, 3] = (1.0, 2.0, 3.0)
    shape = tuple(np.array((11, 7, 5))[list(order)])
    grid = Geometry(affine, shape)
    same = grid.resampled((2.0, 3.0, 5.0))
    assert same.shape == (11, 7, 5)
    assert np.allclose(same.affine_ras[:3, :3], np.diag([2.0, 3.0, 5.0]))
    corners = [
        grid.to_world(np.array([[0, 0, 0], np.array(shape) - 1])),
        same.to_world(np.array([[0, 0, 0], [10, 6, 4]])),
    ]
    assert np.allclose(np.sort(corners[0], axis=0), np.sort(corners[1], axis=0))


def test_same_grid_tolerates_rounding_but_not_a_shift():
    grid = Geometry(OBLIQUE, (2, 3, 5))
    nudged, shifted = OBLIQUE.copy(), OBLIQUE.copy()
    nudged[0, 3] += 1e-4
    shifted[0, 3] += 0.5
    assert grid.same_grid(Geometry(nudged, (2, 3, 5)))
    assert not grid.same_grid(Geometry(shifted, (2, 3, 5)))
    with pytest.raises(GeometryError, match="the PET and the mask"):
        grid.require_same_grid(Geometry(shifted, (2, 3, 5)), "the PET", "the mask")
