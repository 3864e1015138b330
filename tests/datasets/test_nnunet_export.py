"""A cohort goes out as nnU-Net's raw format and comes back as it was."""

import json

import numpy as np
import pytest

from netlesion.datasets.autopet import list_autopet
from netlesion.datasets.importer import import_listing
from netlesion.datasets.nnunet import list_nnunet
from netlesion.datasets.nnunet_export import export_nnunet
from netlesion.errors import CohortError, ConfigError
from netlesion.image.volume import Quantity
from netlesion.io.bids.cohort import open_cohort
from netlesion.io.bids.visit_files import load_visit
from netlesion.io.nifti import read_volume
from tests.small_images import PET_GRID, write_ct, write_mask, write_suv


@pytest.fixture
def cohort(tmp_path):
    for patient in ("A", "B", "C"):
        folder = tmp_path / "src" / patient / "1"
        write_suv(folder / "SUV.nii.gz", seed=ord(patient))
        write_ct(folder / "CT.nii.gz")
        write_mask(folder / "SEG.nii.gz")
    import_listing(list_autopet(tmp_path / "src"), tmp_path / "cohort")
    return open_cohort(tmp_path / "cohort")


def test_the_way_out_and_back_keeps_every_voxel_of_the_pet(cohort, tmp_path):
    export_nnunet(cohort, tmp_path / "raw", ["ct", "fdg"], test_patients=["B"])
    content = json.loads((tmp_path / "raw/dataset.json").read_text())
    assert content["channel_names"] == {"0": "CT", "1": "fdg"}  # a PET named CT would be clipped like one
    assert content["numTraining"] == len(list((tmp_path / "raw/imagesTr").glob("*_0000.nii.gz"))) == 2
    assert [p.name for p in (tmp_path / "raw/labelsTs").iterdir()] == ["sub-B_ses-01.nii.gz"]
    import_listing(list_nnunet(tmp_path / "raw", patient="^sub-([A-Z])_"), tmp_path / "back")
    for before, after in zip(cohort.visits, open_cohort(tmp_path / "back").visits, strict=True):
        one, two = (load_visit(v, ["fdg", "ct"], ["fdg", "ct"], "lesions") for v in (before, after))
        assert before.visit_id == after.visit_id
        assert np.array_equal(one.scans["fdg"].volume.array, two.scans["fdg"].volume.array)
        assert np.array_equal(one.masks["fdg"].array, two.masks["fdg"].array)


def test_all_files_of_a_case_share_the_grid_of_the_pet(cohort, tmp_path):
    export_nnunet(cohort, tmp_path / "raw", ["ct", "fdg"])
    for path in (tmp_path / "raw").rglob("*.nii.gz"):
        assert read_volume(path, Quantity.MR).geometry.same_grid(PET_GRID), path


def test_a_rerun_writes_nothing_and_other_settings_are_refused(cohort, tmp_path):
    export_nnunet(cohort, tmp_path / "raw", ["ct", "fdg"])
    assert export_nnunet(cohort, tmp_path / "raw", ["ct", "fdg"]).written == ()
    with pytest.raises(CohortError, match="was made with"):
        export_nnunet(cohort, tmp_path / "raw", ["fdg", "ct"])
    with pytest.raises(CohortError, match="now belongs to imagesTs"):
        export_nnunet(cohort, tmp_path / "raw", ["ct", "fdg"], test_patients=["A"])


def test_a_visit_without_a_channel_is_left_out_by_name(cohort, tmp_path):
    next((tmp_path / "cohort").rglob("sub-A*_ct.nii.gz")).unlink()
    done = export_nnunet(open_cohort(tmp_path / "cohort"), tmp_path / "raw", ["ct", "fdg"])
    assert done.left_out == ("sub-A_ses-01: has no channel ct",)
    with pytest.raises(CohortError, match="no visit to export"):
        export_nnunet(cohort, tmp_path / "other", ["ct", "fdg"], desc="classes")


def test_labels_need_names_and_channels_a_pet(cohort, tmp_path):
    with pytest.raises(CohortError, match="label 1 of fdg has no name"):
        export_nnunet(cohort, tmp_path / "raw", ["fdg"], labels={"background": 0, "node": 2})
    for channels in ([], ["ct"], ["fdg", "fdg"], ["fdg", "mr"]):
        with pytest.raises(ConfigError, match="at least one PET"):
            export_nnunet(cohort, tmp_path / "raw2", channels)
