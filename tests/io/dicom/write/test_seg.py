"""Lesion instances -> DICOM SEG: the same voxels by bare pydicom and by highdicom, with codes and tracking."""

from dataclasses import replace

import numpy as np
import pydicom
import pytest

from netlesion.datasets.dicom.facts import facts_of
from netlesion.errors import DicomError
from netlesion.io.dicom.index import scan
from netlesion.io.dicom.series import LPS_TO_RAS
from netlesion.io.dicom.write.seg import SegmentationKind, write_segmentation
from netlesion.io.dicom.write.series import right_handed
from tests.io.dicom.write.test_rtstruct import EXAM, LESIONS, image_and_labels


def naive(dataset, written) -> np.ndarray:
    """Segment number in every voxel (I, J, K), frame by frame, placed by the position that each frame states."""
    places = {tuple(map(float, pydicom.dcmread(p).ImagePositionPatient)): k for k, p in enumerate(written.files)}
    array = np.zeros(written.geometry.shape, dtype=int)
    for pixels, group in zip(dataset.pixel_array, dataset.PerFrameFunctionalGroupsSequence, strict=True):
        k = places[tuple(map(float, group.PlanePositionSequence[0].ImagePositionPatient))]
        source = group.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        assert source == written.instance_uids[k]
        number = 1
        if dataset.SegmentationType == "BINARY":
            number = group.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        array[:, :, k] += pixels.T.astype(int) * number
    return array


@pytest.mark.parametrize("kind", SegmentationKind)
@pytest.mark.parametrize("name", ["LAS", "oblique"])
def test_voxels_come_back(tmp_path, kind, name):
    written, labels = image_and_labels(tmp_path, name)
    dataset = pydicom.dcmread(write_segmentation(labels, written, LESIONS, EXAM, tmp_path / "seg.dcm", kind=kind))
    ids = np.array([0] + [int(s.SegmentLabel.lstrip("L0")) for s in dataset.SegmentSequence if s.SegmentNumber])
    assert np.array_equal(ids[naive(dataset, written)], right_handed(labels).array)


@pytest.mark.parametrize("kind", SegmentationKind)
def test_highdicom_reads_the_same(tmp_path, kind):
    highdicom = pytest.importorskip("highdicom")
    written, labels = image_and_labels(tmp_path)
    path = write_segmentation(labels, written, LESIONS, EXAM, tmp_path / "seg.dcm", kind=kind)
    volume = highdicom.seg.segread(path).get_volume(combine_segments=True)
    to_ours = np.linalg.inv(written.geometry.affine_ras) @ LPS_TO_RAS @ volume.affine
    truth = right_handed(labels).array
    for index in np.ndindex(volume.array.shape):
        ours = np.rint(to_ours @ (*index, 1))[:3].astype(int)
        assert (0, 1, 2, 300)[volume.array[index]] == truth[tuple(ours)]


def test_segments_carry_codes_and_a_tracking_uid_that_outlives_the_study(tmp_path):
    written, labels = image_and_labels(tmp_path)
    dataset = pydicom.dcmread(write_segmentation(labels, written, LESIONS, EXAM, tmp_path / "seg.dcm"))
    primary, metastasis, unknown = dataset.SegmentSequence
    assert [s.SegmentNumber for s in dataset.SegmentSequence] == [1, 2, 3]
    assert primary.SegmentedPropertyCategoryCodeSequence[0].CodeValue == "49755003"
    types = [s.SegmentedPropertyTypeCodeSequence[0].CodeValue for s in dataset.SegmentSequence]
    assert types == ["372087000", "14799000", "52988006"]
    assert primary.AnatomicRegionSequence[0].CodeValue == "15776009"
    assert metastasis.AnatomicRegionSequence[0].CodeMeaning == "Liver"
    assert "AnatomicRegionSequence" not in unknown
    assert unknown.TrackingID == "L300"
    later = replace(EXAM, start=EXAM.start.replace(month=9))
    assert primary.TrackingUID == later.tracking_uid(1) != later.tracking_uid(2)
    assert dataset.FrameOfReferenceUID == pydicom.dcmread(written.files[0]).FrameOfReferenceUID
    assert "phantom" in dataset.ContentDescription


def test_the_background_of_a_label_map_is_no_lesion_to_an_import(tmp_path):
    written, labels = image_and_labels(tmp_path)
    write_segmentation(labels, written, LESIONS, EXAM, tmp_path / "seg" / "seg.dcm", kind=SegmentationKind.LABELMAP)
    (facts,) = facts_of(scan(tmp_path / "seg"))
    assert [roi.name for roi in facts.rois] == ["L001", "L002", "L300"]


def test_empty_frames_are_left_out_and_no_lesion_is_refused(tmp_path):
    written, labels = image_and_labels(tmp_path)
    only = labels.with_array(np.where(np.arange(3) == 2, labels.array, 0))
    dataset = pydicom.dcmread(write_segmentation(only, written, LESIONS, EXAM, tmp_path / "seg.dcm"))
    assert dataset.NumberOfFrames == 3
    with pytest.raises(DicomError, match="at least one segment"):
        write_segmentation(labels.with_array(labels.array * 0), written, LESIONS, EXAM, tmp_path / "none.dcm")
    assert not (tmp_path / "none.dcm").exists()
