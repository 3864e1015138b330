"""Both layouts are read; what is missing, twice or contradictory is said."""

import json

import numpy as np
import pytest

from netlesion.errors import CohortError
from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.io.bids.cohort import joined_cohorts, open_cohort
from netlesion.io.bids.files import (
    PetRecord,
    SessionRow,
    derivative_path,
    image_path,
    write_dataset,
    write_pet,
)
from netlesion.io.bids.masks import find_masks
from netlesion.io.bids.visit_files import load_visit
from netlesion.io.nifti import read_volume, write_volume

GRID = Geometry(np.diag([-4.0, 4.0, 3.0, 1.0]), (5, 7, 3))
RECORD = PetRecord("dotatate", "68Ga", 4062.6, 150e6, 70.0, 3600.0, 3600.0, "10:00:00", "series")


@pytest.fixture
def cohort(tmp_path):
    path = image_path(tmp_path, "001", "01", "pet", "pet", "trc-dotatate")
    write_pet(path, Volume(np.full(GRID.shape, 1000.0), GRID, Quantity.BQML), RECORD)
    mask = np.zeros(GRID.shape, np.uint8)
    mask[2, 3, 1] = 1
    write_volume(derivative_path(tmp_path, path, "lesions", "dseg"), Volume(mask, GRID, Quantity.LABEL))
    write_dataset(tmp_path, {"001": [SessionRow("01", 1, 70.0, 175.0)]})
    return tmp_path


def test_a_bids_pet_becomes_suv_through_its_sidecar(cohort):
    (files,) = open_cohort(cohort).visits
    visit = load_visit(files, ["sstr", "ct"], ["sstr"], "lesions")
    assert visit.scans["sstr"].volume.array.max() == pytest.approx(1000 * 70_000 / (150e6 * 2 ** (-3600 / 4062.6)))
    assert visit.masks["sstr"].array.sum() == 1
    assert files.case_id("sstr") == "sub-001_ses-01_trc-dotatate"
    assert list(find_masks(cohort)) == ["sub-001_ses-01_trc-dotatate"]


def test_a_weight_that_contradicts_sessions_tsv_is_refused(cohort):
    write_dataset(cohort, {"001": [SessionRow("01", 1, 80.0, 175.0)]})
    with pytest.raises(CohortError, match="70 kg in the side-car and 80 kg"):
        load_visit(open_cohort(cohort).visits[0], ["sstr"])


@pytest.mark.parametrize("name", ["InjectedRadioactivity", "PatientWeight", "ImageDecayCorrectionTime"])
def test_a_sidecar_without_a_fact_gives_no_suv(cohort, name):
    path = next(cohort.rglob("*_pet.json"))
    content = json.loads(path.read_text())
    content[name] = "n/a"
    path.write_text(json.dumps(content))
    with pytest.raises(CohortError, match=name):
        load_visit(open_cohort(cohort).visits[0], ["sstr"])


def test_two_images_for_one_channel_are_refused_by_name(cohort):
    write_pet(
        image_path(cohort, "001", "01", "pet", "pet", "trc-dotatoc"),
        Volume(np.ones(GRID.shape), GRID, Quantity.BQML),
        RECORD,
    )
    with pytest.raises(CohortError, match="2 images for channel 'sstr'"):
        load_visit(open_cohort(cohort).visits[0], ["sstr"])


def test_unknown_layouts_and_tracers_are_refused(tmp_path, cohort):
    with pytest.raises(CohortError, match="no such folder"):
        open_cohort(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CohortError, match="holds no visit"):
        open_cohort(tmp_path / "empty")
    next(cohort.rglob("*_pet.nii.gz")).rename(cohort / "sub-001/ses-01/pet/sub-001_ses-01_trc-water_pet.nii.gz")
    with pytest.raises(CohortError, match="trc-water"):
        open_cohort(cohort)


@pytest.mark.parametrize("quantity", [Quantity.SUVBW, Quantity.LABEL])
def test_a_nifti_comes_back_as_it_went(tmp_path, quantity):
    array = np.arange(GRID.num_voxels).reshape(GRID.shape)
    write_volume(tmp_path / "x.nii.gz", Volume(array, GRID, quantity))
    again = read_volume(tmp_path / "x.nii.gz", quantity)
    assert np.array_equal(again.array, array)
    assert np.allclose(again.geometry.affine_ras, GRID.affine_ras)
    import SimpleITK as sitk

    assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "x.nii.gz"))).T, array)


@pytest.mark.realdata
def test_the_crops_are_listed_with_their_channels(shared_data):
    cohort = open_cohort(shared_data / "sts_crops")
    assert len(cohort.patient_ids) == 20
    assert all(set(v.images) == {"fdg", "ct", "mr_t1"} for v in cohort.visits)
    visit = load_visit(cohort.visits[0], ["fdg"], ["fdg"], "lesions")
    inside = visit.scans["fdg"].volume.array[visit.masks["fdg"].array > 0]
    assert (len(inside), float(inside.max())) == (5095, pytest.approx(7.91067, abs=1e-4))


@pytest.mark.parametrize(
    ("name", "value"), [("PatientWeight", 0), ("InjectedRadioactivity", 0), ("InjectionStart", 18000)]
)
def test_a_sidecar_with_an_impossible_fact_gives_no_suv(cohort, name, value):
    path = next(cohort.rglob("*_pet.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))
    with pytest.raises(CohortError, match="expected"):
        load_visit(open_cohort(cohort).visits[0], ["sstr"])


def test_joined_cohorts_keep_patients_of_the_same_id_apart(tmp_path):
    for name in ("one", "two"):
        write_volume(tmp_path / name / "P0" / "PET_image.nii.gz", Volume(np.ones(GRID.shape), GRID, Quantity.SUVBW))
    joined = joined_cohorts([open_cohort(tmp_path / "one"), open_cohort(tmp_path / "two")])
    assert joined.patient_ids == ("one-P0", "two-P0")
    assert [v.visit_id for v in joined] == ["one-P0", "two-P0"]
    with pytest.raises(CohortError, match="two of the folders are named 'one'"):
        joined_cohorts([open_cohort(tmp_path / "one")] * 2)
