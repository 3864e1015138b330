"""Contours -> mask: holes, off-plane contours, and the published voxel count of a real one."""

import numpy as np
import pytest

from netlesion.errors import DicomError
from netlesion.geometry import Geometry
from netlesion.io.rtstruct import Structure, structure_mask

GRID = Geometry(np.array([[-2.0, 0, 0, 10], [0, -3.0, 0, 20], [0, 0, 5.0, 30], [0, 0, 0, 1]]), (11, 9, 5))


def square(low, high, k):
    """A square from voxel edge to voxel edge, at slice k, in mm."""
    a, b = low - 0.5, high + 0.5
    return GRID.to_world(np.array([[a, a, k], [b, a, k], [b, b, k], [a, b, k]]))


def mask_of(*contours):
    return structure_mask(Structure("S", None, None, contours), GRID).array


def test_a_square_holds_the_voxels_whose_centre_is_inside():
    mask = mask_of(square(2, 5, 1))
    assert mask.sum() == 16
    assert mask[2:6, 2:6, 1].all()


def test_an_inner_contour_is_a_hole_and_a_second_contour_an_island():
    assert mask_of(square(1, 5, 2), square(2, 4, 2)).sum() == 25 - 9
    assert mask_of(square(0, 1, 2), square(4, 5, 2)).sum() == 8


def test_the_direction_of_a_contour_does_not_matter():
    assert np.array_equal(mask_of(square(2, 5, 1)), mask_of(square(2, 5, 1)[::-1]))


def test_a_contour_beyond_the_edge_is_cut_off():
    assert mask_of(square(7, 14, 0)).sum() == 4 * 2


def test_a_contour_off_the_slices_is_refused():
    with pytest.raises(DicomError, match=r"0\.40 slices off"):
        mask_of(square(2, 5, 1.4))
    with pytest.raises(DicomError, match="slice 7"):
        mask_of(square(2, 5, 7))
