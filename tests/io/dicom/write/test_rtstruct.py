"""Lesion instances -> RTSTRUCT -> the very same masks, on any grid, with holes either way."""

from datetime import datetime

import numpy as np
import pydicom
import pytest

from netlesion.errors import DicomError, GeometryError, QuantityError
from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.io.dicom.outline import Holes
from netlesion.io.dicom.rtstruct import read_structures, structure_mask
from netlesion.io.dicom.series import index_folder, read_image
from netlesion.io.dicom.write.ct import write_ct_series
from netlesion.io.dicom.write.exam import SyntheticExam
from netlesion.io.dicom.write.lesions import LesionIdentity
from netlesion.io.dicom.write.rtstruct import ALL_LESIONS, write_rtstruct
from netlesion.io.dicom.write.series import right_handed
from tests.io.dicom.write.conftest import grids

EXAM = SyntheticExam("D-007", datetime(2020, 2, 28, 9, 30), seed=11)
LESIONS = (LesionIdentity(1, "primary", "pancreas"), LesionIdentity(2, "metastasis", "liver"), LesionIdentity(300))


def image_and_labels(tmp_path, name="oblique-left", ids=(0, 1, 2, 300)):
    """A CT, and labels full of holes, islands and voxels at the border."""
    geometry = Geometry(grids()[name].affine_ras, (11, 9, 3))
    rng = np.random.default_rng(3)
    array = rng.choice(ids, geometry.shape) * (rng.random(geometry.shape) < 0.7)
    written = write_ct_series(Volume(np.full(geometry.shape, -50.0), geometry, Quantity.HU), EXAM, tmp_path / "ct")
    return written, Volume(array, geometry, Quantity.LABEL)


@pytest.mark.parametrize(
    ("name", "holes"),
    [("LAS", Holes.XOR), ("SLP", Holes.KEYHOLE), ("oblique", Holes.KEYHOLE), ("oblique-left", Holes.XOR)],
)
def test_masks_come_back_voxel_by_voxel(tmp_path, name, holes):
    written, labels = image_and_labels(tmp_path, name)
    write_rtstruct(labels, written, LESIONS, EXAM, tmp_path / "rt" / "rt.dcm", holes=holes)
    ct, contours = index_folder(tmp_path)
    geometry, truth = read_image(ct).geometry, right_handed(labels).array
    masks = {s.name: structure_mask(s, geometry).array for s in read_structures(contours)}
    assert list(masks) == [ALL_LESIONS, "L001", "L002", "L300"]
    assert np.array_equal(masks[ALL_LESIONS], truth > 0)
    for lesion in LESIONS:
        assert np.array_equal(masks[lesion.tracking_id], truth == lesion.lesion_id)
    assert {s.series_uid for s in read_structures(contours)} == {ct.uid}


def test_each_contour_names_the_slice_that_it_lies_on(tmp_path):
    written, labels = image_and_labels(tmp_path)
    dataset = pydicom.dcmread(write_rtstruct(labels, written, LESIONS, EXAM, tmp_path / "rt.dcm"))
    slices = {h.SOPInstanceUID: h for h in map(pydicom.dcmread, written.files)}
    for item in dataset.ROIContourSequence:
        for contour in item.ContourSequence:
            header = slices[contour.ContourImageSequence[0].ReferencedSOPInstanceUID]
            row, column = np.array(header.ImageOrientationPatient, float).reshape(2, 3)
            points = np.array(contour.ContourData, float).reshape(-1, 3) - np.array(header.ImagePositionPatient, float)
            assert np.abs(points @ np.cross(row, column)).max() < 1e-5
            assert len(points) == contour.NumberOfContourPoints


def test_a_slice_full_of_points_is_written_whole(tmp_path):
    """More than 64 KiB in one contour: a comb whose outline has thousands of corners."""
    geometry = Geometry(np.eye(4), (1201, 3, 1))
    array = np.zeros(geometry.shape, dtype=np.uint8)
    array[:, 0], array[::2, 1:] = 1, 1
    labels = Volume(array, geometry, Quantity.LABEL)
    written = write_ct_series(Volume(np.zeros(geometry.shape), geometry, Quantity.HU), EXAM, tmp_path / "ct")
    write_rtstruct(labels, written, LESIONS, EXAM, tmp_path / "rt" / "rt.dcm")
    (both, _) = read_structures(index_folder(tmp_path / "rt")[0])
    assert len(both.contours_mm[0]) > 2400
    assert np.array_equal(structure_mask(both, geometry).array, array)


def test_without_lesions_there_is_one_empty_structure(tmp_path):
    written, labels = image_and_labels(tmp_path, ids=(0,))
    dataset = pydicom.dcmread(write_rtstruct(labels, written, LESIONS, EXAM, tmp_path / "rt.dcm"))
    assert [roi.ROIName for roi in dataset.StructureSetROISequence] == [ALL_LESIONS]
    assert "ContourSequence" not in dataset.ROIContourSequence[0]


def test_strangers_are_refused(tmp_path):
    written, labels = image_and_labels(tmp_path)
    with pytest.raises(DicomError, match="hold 300, which no lesion names"):
        write_rtstruct(labels, written, LESIONS[:2], EXAM, tmp_path / "rt.dcm")
    with pytest.raises(QuantityError, match="not HU"):
        write_rtstruct(labels.with_array(labels.array, Quantity.HU), written, LESIONS, EXAM, tmp_path / "rt.dcm")
    moved = np.array(labels.geometry.affine_ras)
    moved[0, 3] += 3.0
    with pytest.raises(GeometryError, match="different grids"):
        write_rtstruct(Volume(labels.array, Geometry(moved, labels.array.shape), Quantity.LABEL), written, LESIONS,
                       EXAM, tmp_path / "rt.dcm")  # fmt: skip
    with pytest.raises(DicomError, match="kind 'tumour'"):
        LesionIdentity(1, "tumour")
    assert not (tmp_path / "rt.dcm").exists()
