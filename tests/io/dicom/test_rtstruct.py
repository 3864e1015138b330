"""Contours -> mask: holes as XOR and as keyhole, off-plane contours, and contours that enclose nothing."""

from itertools import pairwise

import numpy as np
import pytest

from netlesion.errors import DicomError
from netlesion.image.geometry import Geometry
from netlesion.io.dicom.file import read_whole
from netlesion.io.dicom.rtstruct import Structure, beyond_mm, read_structure, structure_mask
from tests.io.dicom.dicom_objects import square as lps_square
from tests.io.dicom.dicom_objects import write_rtstruct
from tests.synthetic_dicom import write_series

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


def test_how_far_a_contour_is_cut_off_is_known():
    assert beyond_mm(Structure("S", None, None, (square(7, 14, 0),)), GRID) == pytest.approx((14.5 - 8.5) * 3.0)
    assert beyond_mm(Structure("S", None, None, (square(0, 8, 0),)), GRID) == pytest.approx(0.0, abs=1e-9)


def test_contours_that_overlap_in_part_or_are_there_twice_are_refused():
    """Even-odd would leave out what they share, a union would keep it: which is meant is not in the file."""
    for other in (square(4, 7, 1), square(2, 5, 1)):
        with pytest.raises(DicomError, match=r"ROI 0 on slice 1 overlap"):
            mask_of(square(2, 5, 1), other)
    assert mask_of(square(2, 5, 1), square(2, 5, 2)).sum() == 32, "on slices of their own"
    assert mask_of(square(2, 4, 1), square(5, 7, 1)).sum() == 18, "side by side"
    declared = Structure("S", None, None, (square(2, 5, 1), square(4, 7, 1)), xor=True)
    assert structure_mask(declared, GRID).array.sum() == 32 - 2 * 4


def test_a_contour_off_the_slices_is_refused():
    with pytest.raises(DicomError, match=r"0\.40 slices off"):
        mask_of(square(2, 5, 1.4))
    with pytest.raises(DicomError, match="slice 7"):
        mask_of(square(2, 5, 7))


@pytest.mark.parametrize("seed", range(6))
def test_a_keyhole_is_the_hole_that_two_contours_make(seed):
    """Outer and inner ring as two contours, and as one contour with a bridge there and back."""
    random = np.random.default_rng(seed)
    angles = np.sort(random.uniform(0, 2 * np.pi, 24))
    centre = np.array([5.0, 4.0])
    outer, inner = (centre + r * np.stack([np.cos(angles), np.sin(angles)], 1) for r in (3.7, 1.9))
    keyhole = np.concatenate([outer, outer[:1], inner[:1], inner[::-1]])
    at = [GRID.to_world(np.column_stack([ring, np.full(len(ring), 2.0)])) for ring in (outer, inner, keyhole)]
    two, one = mask_of(at[0], at[1]), mask_of(at[2])
    assert np.array_equal(two, one)
    assert two.sum() > 0
    assert np.array_equal(two[:, :, 2] > 0, naive(outer) ^ naive(inner))


def naive(polygon):
    """Slow twin: a voxel is inside when a ray from its centre crosses an odd number of edges."""
    inside = np.zeros(GRID.shape[:2], bool)
    for i, j in np.ndindex(*inside.shape):
        for (x0, y0), (x1, y1) in pairwise([*polygon, polygon[0]]):
            if (y0 <= j) != (y1 <= j) and i < x0 + (j - y0) * (x1 - x0) / (y1 - y0):
                inside[i, j] ^= True
    return inside


def test_a_point_leaves_the_rest_of_its_structure_and_set(tmp_path):
    image = write_series(tmp_path / "i", np.zeros((5, 3, 4), np.int16), "CT")[0]
    rois = [
        ("isocentre", [("POINT", [(-6, -12, 30)])]),
        ("GTV", [("CLOSED_PLANAR", lps_square(-6, -14, 30, 3)), ("POINT", [(0, 0, 30)])]),
        ("clicks", [("CLOSED_PLANAR", [(0, 0, 30), (1, 1, 30)][:n]) for n in (1, 2)]
         + [("CLOSED_PLANAR", lps_square(-6, -14, 30, 3))]),
    ]  # fmt: skip
    path = write_rtstruct(tmp_path / "rs.dcm", image, rois)
    dataset = read_whole(path)
    assert [len(read_structure(path, dataset, n).contours_mm) for n in (1, 2)] == [0, 1]
    assert read_structure(path, dataset, 2).num_open == 1
    clicks = read_structure(path, dataset, 3)
    assert (len(clicks.contours_mm), clicks.num_open) == (1, 2)
    dataset.ROIContourSequence[2].ContourSequence[1].NumberOfContourPoints = 50
    with pytest.raises(DicomError, match="ROI 3 has a contour of 50 points that holds 2"):
        read_structure(path, dataset, 3)
