"""nnU-Net's raw format in; what dataset.json does not say is asked for, never guessed."""

import json

import numpy as np
import pytest

from netlesion.datasets.importer import import_listing
from netlesion.datasets.nnunet import list_nnunet
from netlesion.errors import CohortError
from netlesion.io.bids.cohort import open_cohort
from netlesion.io.bids.visit_files import load_visit
from tests.small_images import PET_GRID, write_ct, write_mask, write_suv

DATASET = {
    "channel_names": {"0": "CT", "1": "fdg"},
    "labels": {"background": 0, "physiologic": 1, "tumour": 2},
    "numTraining": 2,
    "file_ending": ".nii.gz",
}


@pytest.fixture
def source(tmp_path):
    src = tmp_path / "Dataset101_PET"
    for case, part in (("p1_a", "Tr"), ("p1_b", "Tr"), ("p2_a", "Ts")):
        write_ct(src / f"images{part}/{case}_0000.nii.gz", PET_GRID)
        write_suv(src / f"images{part}/{case}_0001.nii.gz")
        if part == "Tr":
            write_mask(src / f"labels{part}/{case}.nii.gz", value=2)
    return dataset(src)


def dataset(src, **changes):
    (src / "dataset.json").write_text(json.dumps(DATASET | changes))
    return src


def test_cases_become_patients_and_physiologic_is_no_lesion(source, tmp_path):
    write_mask(source / "labelsTr/p1_b.nii.gz", value=1)
    result = import_listing(list_nnunet(source), tmp_path / "cohort")
    assert result.failures == ()
    cohort = open_cohort(tmp_path / "cohort")
    assert cohort.patient_ids == ("p1a", "p1b", "p2a")
    first, second, test = (load_visit(v, ["fdg", "ct"], ["fdg", "ct"], "lesions") for v in cohort.visits)
    assert [first.masks["fdg"].array.sum(), second.masks["fdg"].array.sum()] == [2, 0]
    assert test.masks == {}
    kept = load_visit(cohort.visits[1], ["fdg"], mask_desc="labels").masks["fdg"]
    assert set(np.unique(kept.array)) == {0, 1}


def test_the_patient_can_be_read_from_the_name_of_the_case(source, tmp_path):
    import_listing(list_nnunet(source, patient=r"^(p\d+)_"), tmp_path / "cohort")
    visits = open_cohort(tmp_path / "cohort").visits
    assert [v.visit_id for v in visits] == ["sub-p1_ses-01", "sub-p1_ses-02", "sub-p2_ses-01"]


@pytest.mark.parametrize("pattern", ["(", "p1", r"^(q\d+)_"])
def test_a_pattern_that_finds_no_patient_is_refused(source, pattern):
    with pytest.raises(CohortError, match="--patient"):
        list_nnunet(source, patient=pattern)


def test_a_channel_whose_name_tells_nothing_must_be_said(source):
    dataset(source, channel_names={"0": "CT", "1": "noNorm"})
    with pytest.raises(CohortError, match=r"channel 1 \('noNorm'\).*--channel 1=NAME"):
        list_nnunet(source)
    assert list_nnunet(source, {"1": "dotatate"}).visits[0].pets[0].tracer_label == "dotatate"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"channel_names": {"0": "CT"}}, "none of its channels is a PET"),
        ({"channel_names": {"0": "fdg", "1": "FDG"}}, "two channels are fdg"),
        ({"labels": {"background": 0, "whole": [1, 2]}}, "regions of several values"),
        ({"file_ending": ".nrrd"}, "only .nii.gz and .nii"),
        ({"numTraining": None}, "numTraining is missing or no int"),
    ],
)
def test_a_dataset_that_cannot_be_meant_is_refused(source, changes, words):
    with pytest.raises(CohortError, match=words):
        list_nnunet(dataset(source, **changes))


def test_a_wrong_count_a_missing_channel_and_an_unknown_lesion_are_named(source):
    (source / "imagesTr/p1_a_0001.nii.gz").unlink()
    problems = list_nnunet(dataset(source, numTraining=3)).problems
    assert "p1_a: imagesTr/p1_a_0001.nii.gz is missing" in problems
    assert any("numTraining is 3, but imagesTr holds 2" in line for line in problems)
    with pytest.raises(CohortError, match="no label 'tumor'; there are background, physiologic, tumour"):
        list_nnunet(source, lesions=("tumor",))


def test_a_case_in_both_parts_is_refused(source):
    write_suv(source / "imagesTs/p1_a_0001.nii.gz")
    with pytest.raises(CohortError, match="p1_a is in imagesTr and in imagesTs"):
        list_nnunet(source)


def test_a_folder_without_dataset_json_is_refused(tmp_path):
    with pytest.raises(CohortError, match=r"dataset\.json: no such file"):
        list_nnunet(tmp_path)
