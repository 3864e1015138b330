"""Results -> DICOM objects on the series that they were made of, and on no other."""

import json
import shutil

import numpy as np
import pydicom
import pytest

from netlesion.datasets.key import Key, KnownSeries
from netlesion.errors import CohortError
from netlesion.image.geometry import Geometry
from netlesion.io.dicom.index import scan
from netlesion.io.dicom.seg import segment_mask
from netlesion.io.dicom.series import stack_of
from netlesion.report.clinical_objects.export import export_clinical_objects
from tests.report.clinical_objects.conftest import pet, result

CASE = "sub-001_ses-01_trc-dotatate"


def export(root, **more):
    return export_clinical_objects(root / "results", root / "source", **more)


def read(found, case=CASE):
    return {p.name.removeprefix(f"{case}_").removesuffix(".dcm"): pydicom.dcmread(p) for p in found.files[case]}


def refused(root, **more):
    found = export(root, **more)
    assert found.files == {}
    assert not list((root / "results.dicom").rglob("*.dcm"))
    return found.failures[CASE]


def test_the_objects_name_the_patient_and_the_series_and_hold_the_measured_values(one):
    found = export(one)
    assert found.failures == {}
    made = read(found)
    assert list(made) == ["seg", "sr", "rtstruct"]
    source = pydicom.dcmread(one / "source" / "pet" / "000.dcm")
    for dataset in made.values():
        assert dataset.PatientID == "HOSPITAL-4711"
        assert dataset.StudyInstanceUID == source.StudyInstanceUID
    assert made["seg"].FrameOfReferenceUID == source.FrameOfReferenceUID
    text = (one / "results" / "sub-001_ses-01" / f"{CASE}_desc-lesions.tsv").read_text().splitlines()
    suvmax = float(text[1].split("\t")[text[0].split("\t").index("suvmax_g_per_ml")])
    numbers = [float(e.value) for e in made["sr"].iterall() if e.keyword == "NumericValue"]
    assert any(abs(n - suvmax) < 1e-6 * suvmax for n in numbers)


def test_a_second_run_writes_the_same_bytes_and_a_changed_result_other_identifiers(one):
    before = {p: p.read_bytes() for p in export(one).files[CASE]}
    assert {p: p.read_bytes() for p in export(one).files[CASE]} == before
    uid = pydicom.dcmread(next(iter(before))).SOPInstanceUID
    shutil.rmtree(one / "results")
    result(one / "results", one / "source" / "pet", CASE, {1: np.s_[2:5, 2:4, 1:3]})
    assert pydicom.dcmread(export(one).files[CASE][0]).SOPInstanceUID != uid


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_results_on_a_permuted_and_reversed_grid_lie_at_the_same_places(tmp_path, order):
    """As another converter would have written the same PET."""

    def turned(volume):
        affine = volume.geometry.affine_ras[:, [*order, 3]].copy()
        array = volume.array.transpose(order)[::-1]
        affine[:3, 3] += affine[:3, 0] * (array.shape[0] - 1)
        affine[:3, 0] *= -1
        return type(volume)(array, Geometry(affine, array.shape), volume.quantity)

    pet(tmp_path / "source" / "pet", row=(0.8, 0.0, -0.6), column=(0.48, 0.6, 0.64))
    boxes = {1: np.s_[2:5, 2:4, 1:3], 2: np.s_[7, 5, 4]}
    result(tmp_path / "results", tmp_path / "source" / "pet", CASE, boxes, reorient=turned)
    path = export(tmp_path).files[CASE][0]
    (series,) = scan(tmp_path / "source").series
    grid = stack_of(series).geometry
    for n, box in boxes.items():
        expected = np.zeros(grid.shape, bool)
        expected[box] = True
        assert np.array_equal(segment_mask(path, pydicom.dcmread(path), n, grid).array, expected)


def test_nothing_of_the_source_is_left_in_pseudonymised_objects(one):
    found = export(one, pseudonymise=True)
    source = pydicom.dcmread(one / "source" / "pet" / "000.dcm")
    secrets = ("HOSPITAL-4711", "Doe", "19500102", "20240314", source.StudyInstanceUID, source.SeriesInstanceUID,
               source.FrameOfReferenceUID, source.SOPInstanceUID)  # fmt: skip
    for path in found.files[CASE]:
        data = path.read_bytes()
        assert not [s for s in secrets if s.encode() in data]
        assert pydicom.dcmread(path).PatientID == "sub-001"
    seg = {p.name: pydicom.dcmread(p) for p in found.files[CASE]}[f"{CASE}_seg.dcm"]
    named = export(one)
    assert not {s.TrackingUID for s in seg.SegmentSequence} & {
        s.TrackingUID for s in read(named)["seg"].SegmentSequence
    }


def test_another_patient_is_refused_by_the_uptake(one):
    shutil.rmtree(one / "source")
    pet(one / "source" / "pet", seed=2)
    assert "another patient, another visit or another reconstruction" in refused(one)


def test_another_frame_of_reference_is_refused(one):
    shutil.rmtree(one / "source")
    pet(one / "source" / "pet", origin=(-10.0, -20.0, 38.0))
    assert "another frame of reference" in refused(one)


@pytest.mark.parametrize("missing", ["003.dcm", "005.dcm"])
def test_missing_slices_are_refused(one, missing):
    (one / "source" / "pet" / missing).unlink()
    assert "slices are missing" in refused(one)


def test_slices_of_two_frames_of_reference_are_refused(one):
    path = one / "source" / "pet" / "003.dcm"
    dataset = pydicom.dcmread(path)
    dataset.FrameOfReferenceUID = "1.2.3"
    dataset.save_as(path)
    assert "another frame of reference" in refused(one)


def test_another_tracer_is_refused_and_so_is_a_source_without_a_pet(one):
    shutil.rmtree(one / "source")
    pet(one / "source" / "pet", changes={"dose.Radiopharmaceutical": "FDG", "dose.RadionuclideCodeSequence": None})
    assert "shows fdg, the results dotatate" in refused(one)
    shutil.rmtree(one / "source")
    (one / "source").mkdir()
    assert "no PET series" in refused(one)


def test_without_a_lesion_only_the_key_tells(one):
    shutil.rmtree(one / "results")
    result(one / "results", one / "source" / "pet", CASE, {})
    assert "give the key" in refused(one)
    made = read(export(one, key_file=key_of(one)))
    assert list(made) == ["sr"]


def key_of(root, uid=None, num_files=6, patient="HOSPITAL-4711"):
    key = Key.read(root / "cohort.key.tsv")
    key.day(patient, "20240314")
    uid = pydicom.dcmread(next((root / "source" / "pet").iterdir())).SeriesInstanceUID if uid is None else uid
    key.series[key.digest(uid)] = KnownSeries(f"sub-001/ses-01/pet/{CASE}_pet.nii.gz", num_files)
    key.save()
    return key.path


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"uid": "1.2.3", "patient": "OTHER"}, "is of another patient"),
        ({"uid": "1.2.3"}, "another series of its patient"),
        ({"num_files": 8}, "slices are missing"),
    ],
)
def test_the_key_refuses_what_it_does_not_name(one, more, words):
    assert words in refused(one, key_file=key_of(one, **more))


def test_lesions_keep_their_name_over_visits_and_a_refused_visit_does_not_stop_the_other(one):
    later = "sub-001_ses-02_trc-dotatate"
    pet(one / "source" / "later", seed=3)
    result(one / "results", one / "source" / "later", later, {1: np.s_[7, 5, 4], 2: np.s_[1:3, 1, 1]})
    row = {"class": "persistent", "lesions_before": f"{CASE}/2", "lesions_after": f"{later}/1"}
    path = one / "results" / "answers" / "sub-001" / "answers.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"answers": [{"question": "response", "rows": [row]}]}))
    found = export(one)
    first, second = read(found)["seg"].SegmentSequence, read(found, later)["seg"].SegmentSequence
    assert first[1].TrackingUID == second[0].TrackingUID
    assert first[1].TrackingID == second[0].TrackingID == "ses-01_trc-dotatate_L002"
    assert len({s.TrackingUID for s in (*first, *second)}) == 3
    shutil.rmtree(one / "source" / "pet")
    again = export(one)
    assert set(again.files) == {later}
    assert set(again.failures) == {CASE}


def test_folders_and_patients_that_are_not_there_are_refused(one, tmp_path):
    with pytest.raises(CohortError, match="no patient 007"):
        export(one, patients=["sub-007"])
    with pytest.raises(CohortError, match="no such key"):
        export(one, key_file=one / "nothing.tsv")
