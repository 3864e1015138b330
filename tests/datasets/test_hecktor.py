"""The layouts of 2022 and 2025; labels drawn on the CT end up on the PET, with their names."""

import json

import numpy as np
import pytest

from netlesion.datasets.hecktor import list_hecktor
from netlesion.datasets.importer import import_listing
from netlesion.errors import CohortError
from netlesion.io.bids.cohort import open_cohort
from netlesion.io.bids.visit_files import load_visit
from tests.small_images import CT_GRID, write_ct, write_mask, write_suv


def case(images, labels, name="CHUM-001", label_name=None):
    write_ct(images / f"{name}__CT.nii.gz")
    write_suv(images / f"{name}__PT.nii.gz")
    write_mask(labels / f"{label_name or name}.nii.gz", CT_GRID, value=2)


@pytest.mark.parametrize("year", ["2022", "2025"])
def test_both_layouts_open_as_a_cohort(tmp_path, year):
    if year == "2022":
        case(tmp_path / "src/imagesTr", tmp_path / "src/labelsTr", label_name="CHUM_001")
    else:
        case(tmp_path / "src/CHUM-001", tmp_path / "src/CHUM-001")
    import_listing(list_hecktor(tmp_path / "src"), tmp_path / "cohort")
    (files,) = open_cohort(tmp_path / "cohort").visits
    assert set(files.masks["fdg"]) == {"lesions", "gtv"}
    visit = load_visit(files, ["fdg", "ct"], ["fdg", "ct"], "gtv")
    assert set(np.unique(visit.masks["fdg"].array)) <= {0, 2}
    sidecar = json.loads(next((tmp_path / "cohort").rglob("*desc-suvbw_pet.json")).read_text())
    assert "1.75 h" in sidecar["SUVConvention"]["KnownIssues"][0]
    assert "2\tGTVn" in next((tmp_path / "cohort").rglob("*desc-gtv_dseg.tsv")).read_text()


def test_a_case_of_two_tasks_is_refused(tmp_path):
    for task in ("Task 1", "Task 2"):
        case(tmp_path / task / "CHUM-001", tmp_path / task / "CHUM-001")
    with pytest.raises(CohortError, match="CHUM-001 is there twice.*one task"):
        list_hecktor(tmp_path)


@pytest.mark.parametrize("absent", ["CHUM-001__CT.nii.gz", "CHUM-001__PT.nii.gz", "CHUM-001.nii.gz"])
def test_a_case_without_a_file_is_named(tmp_path, absent):
    case(tmp_path / "CHUM-001", tmp_path / "CHUM-001")
    (tmp_path / "CHUM-001" / absent).unlink()
    (problem,) = list_hecktor(tmp_path).problems
    assert absent in problem
    assert "missing" in problem


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(CohortError, match="holds no case"):
        list_hecktor(tmp_path)
