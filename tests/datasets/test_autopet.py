"""Both published layouts become a cohort that opens like any other; a case that is not as documented is one line."""

import json

import numpy as np
import pytest

from netlesion.datasets.autopet import list_autopet
from netlesion.datasets.importer import import_listing
from netlesion.errors import CohortError
from netlesion.io.bids.cohort import open_cohort
from netlesion.io.bids.masks import find_masks
from netlesion.io.bids.visit_files import load_visit
from tests.small_images import CT_GRID, PET_GRID, write_ct, write_mask, write_suv

CASES = ("fdg_0b57_03-23-2005 NA PETCT", "fdg_0b57_04-11-2005 NA PETCT", "psma_95b8_2018-04-16")


@pytest.fixture
def nnunet_layout(tmp_path):
    for number, case in enumerate(CASES):
        write_ct(tmp_path / f"src/imagesTr/{case}_0000.nii.gz", PET_GRID)
        write_suv(tmp_path / f"src/imagesTr/{case}_0001.nii.gz", seed=number)
        write_mask(tmp_path / f"src/labelsTr/{case}.nii.gz")
    return tmp_path / "src"


def study(folder, *absent):
    writers = {"SUV": write_suv, "CT": write_ct, "SEG": write_mask}
    for name in set(writers) - set(absent):
        writers[name](folder / f"{name}.nii.gz")
    write_ct(folder / "CTres.nii.gz", PET_GRID)
    write_suv(folder / "PET.nii.gz", scale=4000)
    return folder


def test_the_nnunet_layout_becomes_sessions_of_patients(nnunet_layout, tmp_path):
    result = import_listing(list_autopet(nnunet_layout), tmp_path / "cohort")
    assert result.failures == ()
    cohort = open_cohort(tmp_path / "cohort")
    assert [v.visit_id for v in cohort.visits] == ["sub-0b57_ses-01", "sub-0b57_ses-02", "sub-95b8_ses-01"]
    assert [v.case_id(c) for v in cohort.visits for c in v.masks] == list(find_masks(tmp_path / "cohort"))
    visit = load_visit(cohort.visits[2], ["psma", "ct"], ["psma", "ct"], "lesions")
    assert visit.tracer_channels == ("psma",)
    assert visit.scans["psma"].volume.array.max() == 9.0
    assert visit.masks["psma"].array.sum() == 2
    assert "psma" in visit.scans["psma"].acquisition.ref_time_source


def test_the_convention_is_recorded_and_no_study_date_enters_the_cohort(nnunet_layout, tmp_path):
    import_listing(list_autopet(nnunet_layout), tmp_path / "cohort")
    sidecar = json.loads(next((tmp_path / "cohort").rglob("sub-0b57*desc-suvbw_pet.json")).read_text())
    assert sidecar["Units"] == "g/mL"
    assert sidecar["SUVConvention"]["TakenAs"] == "SUVbw"
    assert "first file listed" in sidecar["SUVConvention"]["KnownIssues"][0]
    texts = [p.read_text() for p in (tmp_path / "cohort").rglob("*") if p.suffix in (".json", ".tsv")]
    assert not any("2005" in text or "2018" in text for text in texts)
    assert "2005" in (tmp_path / "cohort.key.tsv").read_text()


def test_a_rerun_adds_only_what_is_new(nnunet_layout, tmp_path):
    first = import_listing(list_autopet(nnunet_layout), tmp_path / "cohort")
    times = {p: p.stat().st_mtime_ns for p in first.written}
    new = "fdg_0b57_01-01-2005 NA PETCT"  # sorts before the others, and must not take a session from them
    for n, write in (("0000", write_ct), ("0001", write_suv)):
        write(nnunet_layout / f"imagesTr/{new}_{n}.nii.gz", PET_GRID)
    write_mask(nnunet_layout / f"labelsTr/{new}.nii.gz")
    again = import_listing(list_autopet(nnunet_layout), tmp_path / "cohort")
    assert {p.parent.parent.name for p in again.written} == {"ses-03"}
    assert len(again.skipped) == 3
    assert {p: p.stat().st_mtime_ns for p in first.written} == times


def test_an_interrupted_import_is_completed(nnunet_layout, tmp_path):
    first = import_listing(list_autopet(nnunet_layout), tmp_path / "cohort")
    lost = [p for p in first.written if p.name.endswith("desc-suvbw_pet.nii.gz")][1]
    lost.unlink()
    assert import_listing(list_autopet(nnunet_layout), tmp_path / "cohort").written == (lost,)


def test_tcia_study_folders(tmp_path):
    study(tmp_path / "src/PETCT_01140d52d8/08-13-2005-NA-PET-CT-56839")
    import_listing(list_autopet(tmp_path / "src"), tmp_path / "cohort")
    (files,) = open_cohort(tmp_path / "cohort").visits
    visit = load_visit(files, ["fdg", "ct"], ["fdg", "ct"], "lesions")
    assert files.patient_id == "PETCT01140d52d8"
    assert visit.scans["fdg"].volume.array.max() == 9.0  # SUV, never the Bq/ml without facts
    assert visit.scans["ct"].volume.geometry.same_grid(CT_GRID)  # the native CT is preferred to the resampled one


@pytest.mark.parametrize("absent", ["SUV", "SEG"])
def test_a_study_without_a_file_is_named_and_the_others_go_on(tmp_path, absent):
    study(tmp_path / "src/A/1", absent)
    study(tmp_path / "src/B/1")
    result = import_listing(list_autopet(tmp_path / "src"), tmp_path / "cohort")
    assert result.failures == (f"A/1: {absent}.nii.gz is missing",)
    assert open_cohort(tmp_path / "cohort").patient_ids == ("B",)


def _no_ct(src):
    (src / f"imagesTr/{CASES[2]}_0000.nii.gz").unlink()


def _no_labels(src):
    (src / f"labelsTr/{CASES[2]}.nii.gz").unlink()


def _other_grid(src):
    write_ct(src / f"imagesTr/{CASES[2]}_0000.nii.gz", CT_GRID)


def _float_labels(src):
    write_mask(src / f"labelsTr/{CASES[2]}.nii.gz", value=0.5, dtype=np.float32)


def _unknown_label(src):
    write_mask(src / f"labelsTr/{CASES[2]}.nii.gz", value=7)


def _bqml(src):
    write_suv(src / f"imagesTr/{CASES[2]}_0001.nii.gz", scale=4000)


def _swapped(src):
    write_suv(src / f"imagesTr/{CASES[2]}_0000.nii.gz")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_no_ct, "CT imagesTr/psma_95b8_2018-04-16_0000.nii.gz is missing"),
        (_no_labels, "labels labelsTr"),
        (_other_grid, "different grids"),
        (_float_labels, "holds 0.5; expected whole numbers"),
        (_unknown_label, "label 7, which has no meaning here; known are 0 background, 1 lesion"),
        (_bqml, "looks like Bq/ml"),
        (_swapped, "a CT in HU has air and fat"),
    ],
)
def test_a_spoilt_case_is_one_line_and_leaves_nothing_behind(nnunet_layout, tmp_path, spoil, words):
    spoil(nnunet_layout)
    result = import_listing(list_autopet(nnunet_layout), tmp_path / "cohort")
    (line,) = result.failures
    assert line.startswith(CASES[2])
    assert words in line
    assert "\n" not in line
    assert not list((tmp_path / "cohort").rglob("*95b8*"))
    assert len(open_cohort(tmp_path / "cohort").visits) == 2


def test_folders_of_no_layout_are_refused(tmp_path):
    with pytest.raises(CohortError, match="no such folder"):
        list_autopet(tmp_path / "nowhere")
    with pytest.raises(CohortError, match="holds neither"):
        list_autopet(tmp_path)


def test_ids_that_read_alike_in_bids_are_refused_before_anything_is_written(tmp_path):
    study(tmp_path / "src/A_1/1")
    study(tmp_path / "src/A-1/1")
    with pytest.raises(CohortError, match="would be sub-A1"):
        import_listing(list_autopet(tmp_path / "src"), tmp_path / "cohort")
    assert not (tmp_path / "cohort").exists()


def test_a_cohort_of_another_origin_is_not_added_to(nnunet_layout, tmp_path):
    (tmp_path / "cohort/sub-001").mkdir(parents=True)
    with pytest.raises(CohortError, match="sub-001"):
        import_listing(list_autopet(nnunet_layout), tmp_path / "cohort")
