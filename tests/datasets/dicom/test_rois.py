"""Contours and segments find the image they were drawn on, reach the PET, and are refused where neither can be told."""

import json

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from netlesion.datasets.dicom.importer import import_dicom, prepare_import
from netlesion.image.volume import Quantity
from netlesion.io.nifti import read_volume
from tests.io.dicom.dicom_objects import square, write_rtstruct, write_seg
from tests.synthetic_dicom import write_series

STUDY, FRAME = generate_uid(), generate_uid()
SAME = {"StudyInstanceUID": STUDY, "FrameOfReferenceUID": FRAME}
#: PET: slices at 30, 34, ... 54; CT over the same place on a finer grid, slices at 28.5, 31.5, ...
PET_STORED = np.arange(9 * 9 * 7, dtype=np.int16).reshape(9, 9, 7)
CT_STORED = np.zeros((20, 20, 11), np.int16)


@pytest.fixture
def export(tmp_path):
    """A PET and its CT in one frame of reference; the first files of both."""
    folder = tmp_path / "e"
    pet = write_series(folder / "pet", PET_STORED, changes=SAME)
    ct = write_series(
        folder / "ct", CT_STORED, "CT", spacing=(1.5, 1.0, 3.0), origin=(-11.0, -21.0, 28.5), changes=SAME
    )
    return folder, pet, ct


def contours(image, *z, half=3.2, name="lesion"):
    return [(name, [("CLOSED_PLANAR", square(-2, -10, z, half)) for z in z])]


def seg_frame(image, segment=1, spacing=None):
    header = pydicom.dcmread(image, stop_before_pixels=True)
    pixels = np.zeros((header.Rows, header.Columns))
    pixels[2:4, 3:6] = 1
    return {
        "pixels": pixels, "segment": segment, "position": header.ImagePositionPatient,
        "orientation": header.ImageOrientationPatient, "spacing": spacing or header.PixelSpacing,
    }  # fmt: skip


def edit(path, change):
    dataset = pydicom.dcmread(path)
    change(dataset)
    dataset.save_as(path)


def _without_series(dataset):
    if "ReferencedSeriesSequence" in dataset:
        del dataset.ReferencedSeriesSequence
    else:
        del dataset.ReferencedFrameOfReferenceSequence


def masks(result):
    return sorted(p.name for p in result.written if "derivatives" in str(p))


def _other_frame(dataset):
    dataset.FrameOfReferenceUID = generate_uid()


def _other_frame_of_roi(dataset):
    dataset.StructureSetROISequence[0].ReferencedFrameOfReferenceUID = generate_uid()


def _other_frame_of_item(dataset):
    dataset.ReferencedFrameOfReferenceSequence[0].FrameOfReferenceUID = generate_uid()


def _other_frame_of_both(dataset):
    uid = generate_uid()
    dataset.ReferencedFrameOfReferenceSequence[0].FrameOfReferenceUID = uid
    dataset.StructureSetROISequence[0].ReferencedFrameOfReferenceUID = uid


def _other_patient(dataset):
    dataset.PatientID = "SOMEONE-ELSE"


@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        ("RS", _other_frame_of_roi, "another Frame of Reference UID"),
        ("RS", _other_frame_of_item, "another Frame of Reference UID"),
        ("RS", _other_frame_of_both, "another Frame of Reference UID"),
        ("SEG", _other_frame, "another Frame of Reference UID"),
        ("RS", _other_patient, "another Patient ID"),
        ("SEG", _other_patient, "another Patient ID"),
    ],
)
def test_a_contour_that_contradicts_the_series_it_names_is_refused(tmp_path, export, kind, change, words):
    folder, pet, _ = export
    path = folder / kind
    if kind == "RS":
        write_rtstruct(path, pet[0], contours(pet, 34, 38))
    else:
        write_seg(path, pet[0], [seg_frame(pet[1])])
    edit(path, change)
    result = import_dicom(folder, tmp_path / "c")
    assert masks(result) == []
    (line,) = result.failures
    assert line.startswith(
        f"{kind}: ROI 1 names the series of sub-001/ses-01/pet/sub-001_ses-01_trc-dotatate_pet.nii.gz"
    )
    assert words in line


def _names_slices(pet, ct, image):
    def change(dataset):
        _without_series(dataset)
        for contour in dataset.ROIContourSequence[0].ContourSequence:
            item = Dataset()
            item.ReferencedSOPInstanceUID = pydicom.dcmread(image, stop_before_pixels=True).SOPInstanceUID
            contour.ContourImageSequence = [item]

    return change


def test_contours_without_a_series_are_matched_by_place_and_it_is_said(tmp_path, export):
    folder, pet, _ = export
    edit(write_rtstruct(folder / "RS", pet[0], contours(pet, 34, 38)), _without_series)
    edit(write_seg(folder / "SEG", pet[0], [seg_frame(pet[1])]), _without_series)
    result = import_dicom(folder, tmp_path / "c")
    assert masks(result) == [f"sub-001_ses-01_trc-dotatate_desc-lesion{n}_mask.nii.gz" for n in ("", "n2")]
    assert not result.failures
    by = [line for line in result.warnings if "names no series" in line]
    assert len(by) == 2
    assert all("was matched by its frame of reference and lattice" in line for line in by)


def test_contours_that_fit_two_images_are_refused_unless_their_slices_tell(tmp_path, export):
    folder, pet, _ = export
    twin = write_series(folder / "pet2", PET_STORED, changes=SAME | {"SeriesTime": "110001"})
    edit(write_rtstruct(folder / "RS", pet[0], contours(pet, 34)), _without_series)
    edit(write_rtstruct(folder / "RS2", pet[0], contours(pet, 38)), _names_slices(pet, None, twin[2]))
    result = import_dicom(folder, tmp_path / "c")
    (line,) = result.failures
    assert line.startswith("RS: ROI 1 names no series, and fits several (")
    (path,) = [p for p in result.written if "mask" in p.name]
    (warning,) = [w for w in result.warnings if "names no series" in w]
    assert "matched by the slices that it names" in warning
    assert f"{path.parent.name}/{path.name.partition('_desc')[0]}" in warning


@pytest.mark.parametrize(
    ("frame", "words"), [("", "names neither a series nor a frame of reference"), ("1.2.3.4", "not here")]
)
def test_contours_that_lie_nowhere_here_are_told(tmp_path, export, frame, words):
    folder, pet, _ = export

    def change(dataset):
        _without_series(dataset)
        dataset.StructureSetROISequence[0].ReferencedFrameOfReferenceUID = frame

    edit(write_rtstruct(folder / "RS", pet[0], contours(pet, 34)), change)
    plan = prepare_import(folder, tmp_path / "c")
    assert words in plan.rois[0].why


def test_contours_drawn_on_the_ct_reach_the_pet_of_its_frame(tmp_path, export):
    folder, _, ct = export
    z = [28.5 + 3 * k for k in range(2, 7)]
    write_rtstruct(folder / "RS", ct[0], contours(ct, *z))
    result = import_dicom(folder, tmp_path / "c")
    assert masks(result) == [
        "sub-001_ses-01_mod-ct_desc-lesion_mask.nii.gz", "sub-001_ses-01_trc-dotatate_desc-lesion_mask.nii.gz",
    ]  # fmt: skip
    on_ct, on_pet = (read_volume(p, Quantity.LABEL) for p in sorted(p for p in result.written if "mask" in p.name))
    assert on_pet.geometry.shape == PET_STORED.shape
    volumes = [v.array.sum() * v.geometry.voxel_volume_ml for v in (on_ct, on_pet)]
    assert volumes[1] == pytest.approx(volumes[0], rel=0.35)
    centres = [v.geometry.to_world(np.argwhere(v.array)).mean(axis=0) for v in (on_ct, on_pet)]
    assert np.abs(centres[0] - centres[1]).max() < 1.5
    assert any("brought to the PET by majority of volume" in line for line in result.warnings)
    assert len(import_dicom(folder, tmp_path / "c").written) == 0, "a rerun adds nothing"


def test_the_pets_own_contour_of_that_name_stays_alone(tmp_path, export):
    folder, pet, ct = export
    write_rtstruct(folder / "RS1", ct[0], contours(ct, 34.5, 37.5))
    write_rtstruct(folder / "RS2", pet[0], contours(pet, 34, 38))
    assert masks(import_dicom(folder, tmp_path / "c")) == [
        "sub-001_ses-01_mod-ct_desc-lesion_mask.nii.gz", "sub-001_ses-01_trc-dotatate_desc-lesion_mask.nii.gz",
    ]  # fmt: skip


def test_a_pet_in_another_frame_gets_no_mask_and_that_is_said(tmp_path):
    folder = tmp_path / "e"
    write_series(folder / "pet", PET_STORED, changes={"StudyInstanceUID": STUDY})
    ct = write_series(folder / "ct", CT_STORED, "CT", spacing=(1.5, 1.0, 3.0), changes=SAME)
    write_rtstruct(folder / "RS", ct[0], contours(ct, 33, half=2))
    result = import_dicom(folder, tmp_path / "c")
    assert masks(result) == ["sub-001_ses-01_mod-ct_desc-lesion_mask.nii.gz"]
    assert any("gets no mask of it, it does not lie in the same frame of reference" in line for line in result.skipped)


@pytest.mark.parametrize("interpolate", [False, True])
def test_contours_on_every_second_slice_are_told_and_filled_when_asked(tmp_path, export, interpolate):
    folder, pet, _ = export
    write_rtstruct(folder / "RS", pet[0], contours(pet, 34, 42, 50))
    result = import_dicom(folder, tmp_path / "c", interpolate_contours=interpolate)
    (path,) = [p for p in result.written if "mask" in p.name]
    slices = np.flatnonzero(read_volume(path, Quantity.LABEL).array.any(axis=(0, 1))).tolist()
    assert slices == ([1, 2, 3, 4, 5] if interpolate else [1, 3, 5])
    record = json.loads((tmp_path / "c/derivatives/netlesion/import-001.json").read_text())
    name = path.relative_to(tmp_path / "c").as_posix()
    assert record["interpolated_slices"] == ({name: [2, 4]} if interpolate else {})
    words = "2 slices without a contour were interpolated" if interpolate else "--interpolate-contours fills them"
    assert any(words in line for line in result.warnings)
