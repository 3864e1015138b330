"""Outlines fill back to the very mask, whatever its shape, with holes as polygons or as keyholes."""

import numpy as np
import pytest
from scipy import ndimage

from netlesion.io.dicom.outline import Holes, outlines
from netlesion.io.dicom.rtstruct import _fill


def filled(polygons, shape):
    plane = np.zeros(shape, dtype=bool)
    for polygon in polygons:
        found = _fill(polygon, shape)
        plane[found.box] ^= found.inside
    return plane


def random_masks():
    rng = np.random.default_rng(5)
    for number in range(150):
        mask = rng.random(tuple(rng.integers(1, 12, 2))) < rng.random()
        yield np.kron(mask, np.ones((2, 3), dtype=bool)) if number % 3 == 0 else mask


@pytest.mark.parametrize("holes", Holes)
def test_any_mask_comes_back(holes):
    for mask in random_masks():
        assert np.array_equal(filled(outlines(mask, holes), mask.shape), mask)


def test_matplotlib_fills_them_alike():
    """An independent point-in-polygon, polygon by polygon, combined by exclusive or."""
    path = pytest.importorskip("matplotlib.path")
    for mask in random_masks():
        centres = np.argwhere(np.ones(mask.shape))
        inside = np.zeros(len(centres), dtype=bool)
        for polygon in outlines(mask):
            inside ^= path.Path(np.vstack([polygon, polygon[:1]]), closed=True).contains_points(centres)
        assert np.array_equal(inside.reshape(mask.shape), mask)


def test_keyholes_leave_one_polygon_per_piece():
    for mask in random_masks():
        assert len(outlines(mask, Holes.KEYHOLE)) == ndimage.label(mask)[1]


def test_a_square_is_its_four_corners_at_voxel_edges():
    mask = np.zeros((7, 5), dtype=bool)
    mask[2:5, 1:4] = True
    (square,) = outlines(mask)
    assert sorted(map(tuple, square)) == [(1.5, 0.5), (1.5, 3.5), (4.5, 0.5), (4.5, 3.5)]


def test_a_ring_is_two_polygons_or_one_with_a_channel():
    mask = np.ones((5, 4), dtype=bool)
    mask[2, 1:3] = False
    assert [len(p) for p in outlines(mask)] == [4, 4]
    assert [len(p) for p in outlines(mask, Holes.KEYHOLE)] == [4 + 4 + 2]


def test_voxels_that_touch_at_a_corner_are_outlined_apart():
    assert [len(p) for p in outlines(np.eye(3, dtype=bool))] == [4, 4, 4]


def test_an_empty_mask_has_no_outline():
    assert outlines(np.zeros((3, 5), dtype=bool)) == []
