import numpy as np
import pytest
from scipy.spatial.distance import pdist

from netlesion.image.geometry import Geometry
from netlesion.quantify.axes import pet_axes

#: I runs to posterior, J to the left and K upwards, as a permuted and flipped grid does.
PERMUTED = Geometry(np.array([[0, -3.0, 0, 0], [-4.0, 0, 0, 0], [0, 0, 5.0, 0], [0, 0, 0, 1]]), (40, 40, 40))


def axes_of(voxels, geometry=PERMUTED):
    found = pet_axes(np.array(voxels), geometry)
    return found.long_mm, found.short_mm, found.longest_mm


def test_one_voxel_is_as_long_as_its_longest_edge():
    assert axes_of([[3, 5, 7]]) == pytest.approx((4.0, 3.0, 5.0))


def test_a_bar_is_measured_from_face_to_face():
    """Five voxels of 3 mm in a row, one of 4 mm wide."""
    assert axes_of([[3, j, 9] for j in range(5)]) == pytest.approx((15.0, 4.0, 15.0))


def test_height_counts_in_space_alone():
    long_mm, short_mm, longest_mm = axes_of([[3, 4, k] for k in range(6)])
    assert (long_mm, short_mm, longest_mm) == pytest.approx((4.0, 3.0, 30.0))


def test_the_axial_slice_is_found_on_a_grid_turned_on_its_side():
    turned = Geometry(np.array([[0, 0, 3.0, 0], [4.0, 0, 0, 0], [0, 5.0, 0, 0], [0, 0, 0, 1]]), (40, 40, 40))
    assert axes_of([[3, 9, k] for k in range(5)], turned) == pytest.approx((15.0, 4.0, 15.0))
    assert axes_of([[3, j, 9] for j in range(5)], turned) == pytest.approx((4.0, 3.0, 25.0))


def test_an_ellipsoid_has_its_axes_however_it_lies():
    geometry = Geometry(np.diag([1.0, 1.0, 1.0, 1.0]), (61, 61, 61))
    grid = np.argwhere(np.ones(geometry.shape, bool)) - 30.0
    turn = np.array([[np.cos(0.7), -np.sin(0.7), 0], [np.sin(0.7), np.cos(0.7), 0], [0, 0, 1]])
    inside = (((grid @ turn) / (25.0, 12.0, 8.0)) ** 2).sum(axis=1) <= 1
    voxels = np.argwhere(np.ones(geometry.shape, bool))[inside]
    found = pet_axes(voxels, geometry)
    assert (found.long_mm, found.short_mm, found.longest_mm) == pytest.approx((50.0, 24.0, 50.0), abs=1.2)


def test_agrees_with_all_pairs_of_voxels():
    voxels = np.unique(np.random.default_rng(5).integers(0, 12, (60, 3)), axis=0)
    spacing = np.array(PERMUTED.spacing_mm)
    between_centres = pdist(voxels * spacing).max()
    assert between_centres <= pet_axes(voxels, PERMUTED).longest_mm <= between_centres + spacing.max()
