"""What a reader corrected comes back on the PET's voxels, beside the model's, and nothing of another PET does."""

import json

import numpy as np
import pydicom
import pytest

from netlesion.datasets.corrections import changes, import_corrections
from netlesion.datasets.dicom.importer import import_dicom
from netlesion.errors import CohortError, ConfigError
from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.io.bids.cohort import open_cohort
from netlesion.io.bids.masks import open_masks
from netlesion.io.nifti import read_volume, write_volume
from netlesion.report.clinical_objects.export import export_clinical_objects
from tests.report.clinical_objects.conftest import pet, result

CASE = "sub-001_ses-01_trc-dotatate"
BOXES = {1: np.s_[2:5, 2:4, 1:3], 2: np.s_[7, 5, 4]}
OBLIQUE = {"row": (0.8, 0.0, -0.6), "column": (0.48, 0.6, 0.64)}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A cohort, results on it, and their DICOM objects, in hospital's and in research names."""
    root = tmp_path_factory.mktemp("corrections")
    pet(root / "source" / "pet", **OBLIQUE)
    import_dicom(root / "source", root / "cohort")
    result(root / "results", root / "source" / "pet", CASE, BOXES)
    export_clinical_objects(root / "results", root / "source", root / "objects")
    export_clinical_objects(root / "results", root / "source", root / "hidden", pseudonymise=True)
    return root


@pytest.fixture
def model(made):
    return read_volume(made / "results" / "sub-001_ses-01" / f"{CASE}_desc-lesions_dseg.nii.gz", Quantity.LABEL)


def object_of(root, kind, folder="objects"):
    return root / folder / "sub-001_ses-01" / f"{CASE}_{kind}.dcm"


def read(found, reader, instances=False):
    path = found.masks[CASE]
    if instances:
        path = path.with_name(path.name.replace(f"desc-{reader}_mask", f"desc-{reader}instances_dseg"))
    return read_volume(path, Quantity.LABEL)


@pytest.mark.parametrize("kind", ["seg", "rtstruct"])
@pytest.mark.parametrize("folder", ["objects", "hidden"])
def test_an_object_comes_back_voxel_by_voxel_under_any_file_name_that_can_be_told(made, model, tmp_path, kind, folder):
    path = object_of(made, kind, folder)
    if folder == "objects":  # the key knows the series; a program called the file as it likes
        (tmp_path / "a.dcm").write_bytes(path.read_bytes())
        path = tmp_path / "a.dcm"
    found = import_corrections(path, made / "cohort", "anna")
    assert found.failures == ()
    assert np.array_equal(read(found, "anna", instances=True).array, model.array)
    assert np.array_equal(read(found, "anna").array, model.array > 0)


def test_an_edited_nifti_on_turned_axes_comes_back_with_what_was_changed(made, model, tmp_path):
    edited = model.array.copy()
    edited[7, 5, 4] = 0
    edited[0, 0, 0] = 9
    edited[2, 2, 1] = 0
    affine = model.geometry.affine_ras[:, [2, 0, 1, 3]].copy()
    turned = edited.transpose(2, 0, 1)
    path = tmp_path / f"{CASE}_desc-lesions_dseg.nii.gz"
    write_volume(path, Volume(turned, Geometry(affine, turned.shape), Quantity.LABEL))
    found = import_corrections(tmp_path, made / "cohort", "bert", results=made / "results")
    assert np.array_equal(read(found, "bert", instances=True).array, edited)
    record = json.loads(found.masks[CASE].with_name(f"{CASE}_desc-bert_mask.json").read_text())
    assert record["reader"] == "bert"
    assert record["changes"] == {"kept": 0, "edited": 1, "removed": 1, "added": 1}
    assert record["corrected"]["model"]["checkpoint_sha256"] == "c0ffee" * 8
    (visit,) = open_cohort(made / "cohort").visits
    assert {"bert", "model"} <= set(visit.masks["sstr"])
    assert np.array_equal(read_volume(visit.masks["sstr"]["model"], Quantity.LABEL).array, model.array > 0)


def test_results_that_were_corrected_in_place_come_back_without_their_other_maps(made, model, tmp_path):
    for name in (f"{CASE}_desc-lesions_dseg", f"{CASE}_desc-lesions_probseg", f"{CASE}_desc-organs_dseg"):
        write_volume(tmp_path / "sub-001_ses-01" / f"{name}.nii.gz", model)
    found = import_corrections(tmp_path, made / "cohort", "finn")
    assert (list(found.masks), found.failures, len(found.skipped)) == ([CASE], (), 2)


def test_no_lesion_left_is_a_correction_too(made, model, tmp_path):
    write_volume(tmp_path / f"{CASE}.nii.gz", model.with_array(model.array * 0))
    assert not read(import_corrections(tmp_path, made / "cohort", "cleo"), "cleo").array.any()


def changed(made, tmp_path, kind, change):
    dataset = pydicom.dcmread(object_of(made, kind))
    change(dataset)
    dataset.save_as(tmp_path / f"{CASE}_{kind}.dcm")
    return import_corrections(tmp_path, made / "cohort", "dora")


def _other_frame(dataset):
    dataset.FrameOfReferenceUID = "1.2.3"
    for roi in dataset.get("StructureSetROISequence", ()):
        roi.ReferencedFrameOfReferenceUID = "1.2.3"


def _overlap(dataset):
    """Both segments fill one slice."""
    dataset.PixelData = b"\xff" * len(dataset.PixelData)
    groups = dataset.PerFrameFunctionalGroupsSequence
    groups[-1].PlanePositionSequence = groups[0].PlanePositionSequence


@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        ("seg", lambda d: setattr(d, "PatientID", "OTHER"), "another Patient ID"),
        ("seg", _other_frame, "another frame of reference"),
        ("seg", _overlap, "shares voxels with another"),
        ("rtstruct", lambda d: setattr(d, "PatientID", "OTHER"), "another Patient ID"),
    ],
)
def test_an_object_of_another_patient_or_frame_is_refused(made, tmp_path, kind, change, words):
    found = changed(made, tmp_path, kind, change)
    assert found.masks == {}
    assert words in found.failures[0]
    assert not list((made / "cohort").rglob("*desc-dora*"))


def test_other_voxels_other_names_and_a_second_correction_are_refused_and_notes_are_passed_over(made, model, tmp_path):
    affine = model.geometry.affine_ras.copy()
    affine[0, 3] += 1.0
    write_volume(
        tmp_path / f"{CASE}_moved.nii.gz", Volume(model.array, Geometry(affine, model.array.shape), Quantity.LABEL)
    )
    write_volume(tmp_path / "unknown.nii.gz", model)
    write_volume(tmp_path / f"{CASE}_1.nii.gz", model)
    write_volume(tmp_path / f"{CASE}_2.nii.gz", model)
    (tmp_path / "notes.txt").write_text("liver")
    found = import_corrections(tmp_path, made / "cohort", "eve")
    said = "\n".join(found.failures)
    for words in ("save it on the grid of its PET", "begins with no case", "second correction"):
        assert words in said
    assert len(found.masks) == 1
    assert found.skipped == ("notes.txt: no lesions as NIfTI, SEG or RTSTRUCT",)


@pytest.mark.parametrize("reader", ["lesions", "model", "Dr. X", "", "a/b"])
def test_a_reader_has_a_name_that_can_be_a_label(made, reader):
    with pytest.raises(ConfigError, match="research name"):
        import_corrections(object_of(made, "seg"), made / "cohort", reader)


def test_what_a_reader_did_is_counted():
    model = np.array([1, 1, 0, 2, 2, 0, 3, 3])
    assert changes(model, np.array([5, 5, 0, 2, 0, 0, 0, 0])) == {"kept": 1, "edited": 1, "removed": 1, "added": 0}
    assert changes(model, np.array([1, 1, 4, 2, 2, 0, 3, 3])) == {"kept": 3, "edited": 0, "removed": 0, "added": 1}
    assert changes(model * 0, model) == {"kept": 0, "edited": 0, "removed": 0, "added": 3}


def test_two_readers_who_drew_different_pets_are_compared_on_those_of_both(tmp_path):
    for n in (1, 2, 3):
        pet(tmp_path / "source" / f"{n}", seed=n, changes={"PatientID": f"P{n}", "PatientName": f"A{n}^B"})
    import_dicom(tmp_path / "source", tmp_path / "cohort")
    pets = sorted((tmp_path / "cohort").glob("sub-*/ses-*/pet/*_pet.nii.gz"))
    for reader, count in (("anna", 2), ("bert", 1)):
        for path in pets[:count]:
            image = read_volume(path, Quantity.BQML)
            labels = image.with_array((image.array > image.array.mean()).astype(np.uint8), Quantity.LABEL)
            write_volume(tmp_path / reader / path.name.replace("_pet", ""), labels)
        assert len(import_corrections(tmp_path / reader, tmp_path / "cohort", reader).masks) == count
    assert len(open_masks(tmp_path / "cohort", "anna").masks) == 2
    assert len(open_masks(tmp_path / "cohort", "bert").masks) == 1
    with pytest.raises(CohortError, match="no mask desc-lesions"):
        open_masks(tmp_path / "cohort")
    with pytest.raises(CohortError, match="no mask desc-berta"):
        open_masks(tmp_path / "cohort", "berta")
