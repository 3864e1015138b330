"""Lesions -> SEG -> the same voxels in space, by pydicom, highdicom, SimpleITK and our own reader."""

import shutil
import subprocess
import warnings

import numpy as np
import pydicom
import pytest

from netlesion.errors import DicomError
from netlesion.io.dicom.file import read_whole
from netlesion.io.dicom.objects.maker import save
from netlesion.io.dicom.objects.segmentation import segmentation
from netlesion.io.dicom.objects.source_images import pseudonymised
from netlesion.io.dicom.seg import segment_mask
from tests.io.dicom.objects.conftest import KINDS, make, uid

every_kind = pytest.mark.parametrize("made", list(KINDS), indirect=True)


def written(made, path, source=None):
    save(segmentation(made.labels, made.case, source or made.source, uid), path)
    return path


def points(made, lesion):
    """Centres of a lesion's voxels in LPS mm, from the series' own headers alone (classic ones)."""
    found = []
    for k, header in enumerate(made.source.headers):
        row, column = np.array(header.ImageOrientationPatient, float).reshape(2, 3)
        between_rows, between_columns = map(float, header.PixelSpacing)
        for i, j in np.argwhere(made.labels[:, :, k] == lesion):
            first = np.array(header.ImagePositionPatient, float)
            found.append(first + i * between_columns * row + j * between_rows * column)
    return sorted(map(tuple, np.round(found, 3).tolist()))


@every_kind
def test_our_reader_finds_every_voxel_again(tmp_path, made):
    path = written(made, tmp_path / "seg.dcm")
    for number, lesion in enumerate(made.case.lesions, start=1):
        mask = segment_mask(path, read_whole(path), number, made.source.geometry).array
        assert np.array_equal(mask, made.labels == lesion.lesion_id)


@pytest.mark.parametrize("made", [k for k in KINDS if k != "enhanced"], indirect=True)
def test_bare_pydicom_and_simpleitk_place_every_pixel_where_the_source_has_it(tmp_path, made):
    """SimpleITK decodes the pixels; each frame is placed by what the file says of it."""
    import SimpleITK as sitk

    path = written(made, tmp_path / "seg.dcm")
    dataset = pydicom.dcmread(path)
    shared = dataset.SharedFunctionalGroupsSequence[0]
    row, column = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float).reshape(2, 3)
    spacing = list(map(float, shared.PixelMeasuresSequence[0].PixelSpacing))
    for frames in (dataset.pixel_array, sitk.GetArrayFromImage(sitk.ReadImage(str(path)))):
        found = {n: [] for n in (1, 2, 3)}
        for pixels, group in zip(frames, dataset.PerFrameFunctionalGroupsSequence, strict=True):
            position = np.array(group.PlanePositionSequence[0].ImagePositionPatient, float)
            number = group.SegmentIdentificationSequence[0].ReferencedSegmentNumber
            for j, i in np.argwhere(pixels):
                found[number].append(position + i * spacing[1] * row + j * spacing[0] * column)
        for number, lesion in enumerate(made.case.lesions, start=1):
            assert sorted(map(tuple, np.round(found[number], 3).tolist())) == points(made, lesion.lesion_id)


@pytest.mark.parametrize("made", ["plain", "gapped", "sagittal"], indirect=True)
def test_simpleitks_own_affine_of_the_source_leads_to_the_same_voxels(tmp_path, made):
    import SimpleITK as sitk

    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(made.files[0].parent)))
    image = reader.Execute()
    path = written(made, tmp_path / "seg.dcm")
    for number, lesion in enumerate(made.case.lesions, start=1):
        mask = segment_mask(path, read_whole(path), number, made.source.geometry)
        world = mask.geometry.to_world(np.argwhere(mask.array)) * (-1, -1, 1)
        theirs = np.array([image.TransformPhysicalPointToIndex(p) for p in world.tolist()])
        ours = np.argwhere(made.labels == lesion.lesion_id)
        assert sorted(map(tuple, theirs.tolist())) == sorted(map(tuple, ours.tolist()))


@every_kind
def test_highdicom_reads_the_same(tmp_path, made):
    import highdicom

    volume = highdicom.seg.segread(written(made, tmp_path / "seg.dcm")).get_volume(combine_segments=True)
    grid, ids = made.source.geometry, np.array([0, 1, 2, 300])
    index = np.argwhere(volume.array)
    ras = (np.c_[index, np.ones(len(index))] @ volume.affine.T)[:, :3] * (-1, -1, 1)
    array = np.zeros(grid.shape, dtype=int)
    array[tuple(np.rint(grid.to_index(ras)).astype(int).T)] = ids[volume.array[tuple(index.T)]]
    assert np.array_equal(array, made.labels)


@pytest.mark.skipif(shutil.which("segimage2itkimage") is None, reason="an optional oracle, dcmqi, is not installed")
@pytest.mark.parametrize("made", ["reversed", "gapped", "enhanced"], indirect=True)
def test_dcmqi_reads_the_same(tmp_path, made):
    import nibabel

    path, out = written(made, tmp_path / "seg.dcm"), tmp_path / "out"
    out.mkdir()
    command = ["segimage2itkimage", "--inputDICOM", path, "--outputDirectory", out, "-t", "nifti"]
    subprocess.run(command, check=True, capture_output=True)
    files, grid = sorted(out.glob("*.nii.gz")), made.source.geometry
    for file, lesion in zip(files, made.case.lesions, strict=True):
        image = nibabel.load(file)
        world = nibabel.affines.apply_affine(image.affine, np.argwhere(np.asarray(image.dataobj)))
        found = sorted(map(tuple, np.rint(grid.to_index(world)).astype(int).tolist()))
        assert found == sorted(map(tuple, np.argwhere(made.labels == lesion.lesion_id).tolist()))


@every_kind
def test_a_segment_is_coded_tracked_and_names_its_source(tmp_path, made):
    dataset = pydicom.dcmread(written(made, tmp_path / "seg.dcm"))
    one, two, three = dataset.SegmentSequence
    assert (one.SegmentLabel, one.TrackingID, one.TrackingUID) == ("L001", "ses-01_L001", uid("lesion", 1))
    assert one.SegmentedPropertyTypeCodeSequence[0].CodeValue == "52988006"
    assert one.AnatomicRegionSequence[0].CodeMeaning == "Liver"
    assert two.AnatomicRegionSequence[0].AnatomicRegionModifierSequence[0].CodeMeaning == "Left"
    assert "AnatomicRegionSequence" not in three
    assert dataset.FrameOfReferenceUID == made.source.frame_of_reference_uid
    assert dataset.ReferencedSeriesSequence[0].SeriesInstanceUID == made.source.series_uid
    named = {
        (s.ReferencedSOPInstanceUID, s.get("ReferencedFrameNumber"))
        for g in dataset.PerFrameFunctionalGroupsSequence
        for s in g.DerivationImageSequence[0].SourceImageSequence
    }
    slices = np.flatnonzero(made.labels.any(axis=(0, 1))).tolist()
    items = [made.source.reference(k) for k in slices]
    assert named == {(i.ReferencedSOPInstanceUID, i.get("ReferencedFrameNumber")) for i in items}


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is not installed")
@pytest.mark.parametrize("made", ["gapped", "enhanced"], indirect=True)
def test_dciodvfy_finds_no_error(tmp_path, made):
    report = subprocess.run(["dciodvfy", written(made, tmp_path / "seg.dcm")], capture_output=True, text=True).stderr
    assert [line for line in report.splitlines() if line.startswith("Error")] == []


def test_a_second_run_gives_the_same_bytes_and_no_clock_is_read(tmp_path, made):
    one, two = written(made, tmp_path / "a.dcm"), written(made, tmp_path / "b.dcm")
    assert one.read_bytes() == two.read_bytes()
    assert pydicom.dcmread(one).ContentDate == "20240314"


def test_nothing_of_the_patient_is_left_in_a_pseudonymised_object(tmp_path, made):
    source = pseudonymised(made.source, "sub-001", "ses-01", lambda *what: uid("pseudonym", *what))
    path = written(made, tmp_path / "seg.dcm", source)
    text = path.read_bytes()
    header = made.source.first
    for secret in ("HOSPITAL-4711", "Doe", "19500102", "20240314", header.StudyInstanceUID, header.SeriesInstanceUID,
                   header.FrameOfReferenceUID, header.SOPInstanceUID):  # fmt: skip
        assert secret.encode() not in text
    dataset = pydicom.dcmread(path)
    assert (dataset.PatientID, dataset.PatientIdentityRemoved) == ("sub-001", "YES")
    assert np.array_equal(segment_mask(path, dataset, 1, made.source.geometry).array, made.labels == 1)


def test_a_name_that_no_standard_likes_is_copied_without_a_warning(tmp_path, made):
    for header in made.source.headers:
        header.PatientName = "Müller <b>'Ann\"a"
        header.SpecificCharacterSet = "ISO_IR 192"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path = written(made, tmp_path / "seg.dcm")
    assert str(pydicom.dcmread(path).PatientName) == "Müller <b>'Ann\"a"


def test_no_lesion_and_strange_lesions_are_refused(tmp_path):
    made = make(tmp_path, "plain")
    with pytest.raises(DicomError, match="at least one"):
        segmentation(made.labels * 0, made.case, made.source, uid)
    with pytest.raises(DicomError, match="holds 2 lesions and its table 3"):
        segmentation(np.where(made.labels == 2, 0, made.labels), made.case, made.source, uid)
