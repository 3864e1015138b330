"""Multi-frame images, contours and segmentations."""

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid

from tests.io.dicom.broken.variants import edit, patch, series, variant
from tests.io.dicom.dicom_objects import square, write_enhanced, write_rtstruct, write_seg


@variant
def v_enhanced_without_groups(folder):
    path = write_enhanced(folder / "IM1", series(folder / "c", "CT"), "CT")
    edit(path, PerFrameFunctionalGroupsSequence=Sequence([Dataset()]), SeriesInstanceUID=generate_uid())
    return "IM1"


@variant
def v_enhanced_with_a_lying_count(folder):
    path = write_enhanced(folder / "IM1", series(folder / "c", "CT"), "CT")
    edit(path, NumberOfFrames=100000, SeriesInstanceUID=generate_uid())
    return "IM1"


@variant
def v_contours_beside_the_slices(folder):
    write_rtstruct(folder / "RS", series(folder)[0], [("GTV", [("CLOSED_PLANAR", square(-6, -12, 31.9, 3))])])
    return "RS"


@variant
def v_contours_that_overlap_in_part(folder):
    contours = [("CLOSED_PLANAR", square(x, -14, 30, 4)) for x in (-6, -3)]
    write_rtstruct(folder / "RS", series(folder)[0], [("../../Doe\nJane", contours)])
    return "RS: two contours of ROI 1"


@variant
def v_contours_of_two_points(folder):
    write_rtstruct(folder / "RS", series(folder)[0], [("GTV", [("CLOSED_PLANAR", square(-6, -12, 30, 3)[:2])])])
    return "RS"


@variant
def v_contours_of_text(folder):
    path = write_rtstruct(folder / "RS", series(folder)[0], [("GTV", [("CLOSED_PLANAR", square(-6, -12, 30, 3))])])
    patch(path, b"-9.000000", b"Doe^Jane4")
    return "RS"


@variant
def v_contours_at_infinity(folder):
    write_rtstruct(folder / "RS", series(folder)[0], [("GTV", [("CLOSED_PLANAR", square(1e30, -12, 30, 3))])])
    return "RS"


@variant
def v_rtstruct_cut(folder):
    path = write_rtstruct(folder / "RS", series(folder)[0], [("GTV", [("CLOSED_PLANAR", square(-6, -12, 30, 3))])])
    path.write_bytes(path.read_bytes()[:-100])
    return "RS"


@variant
def v_segmentation_on_another_grid(folder):
    frame = {"position": (-9.7, -20, 30), "orientation": (1, 0, 0, 0, 1, 0), "spacing": (3, 2), "segment": 1}
    write_seg(folder / "SEG", series(folder)[0], [frame | {"pixels": np.ones((3, 5), bool)}])
    return "SEG"


@variant
def v_segmentation_cut(folder):
    frame = {"position": (-10, -20, 30), "orientation": (1, 0, 0, 0, 1, 0), "spacing": (3, 2), "segment": 1}
    path = write_seg(folder / "SEG", series(folder)[0], [frame | {"pixels": np.ones((3, 5), bool)}])
    path.write_bytes(path.read_bytes()[:-2])
    return "SEG"
