import math

import pytest

from netlesion.errors import CohortError
from netlesion.evaluate.case.reference_standard import LesionReference, ReferenceStandard
from netlesion.evaluate.cohort.evaluation_folder import open_evaluation
from tests.evaluate.evaluations import case_row, cohort, detection_rows, write_evaluation

LESIONS = [
    {"case": "b", "source": "reference", "lesion_id": 1, "outcome": "true_positive", "score": 0.7},
    {"case": "b", "source": "reference", "lesion_id": 2, "outcome": "false_negative", "score": "n/a"},
    {"case": "b", "source": "prediction", "lesion_id": 4, "outcome": "false_positive", "score": 0.9},
]


def test_a_folder_of_cases_alone(tmp_path):
    found = open_evaluation(write_evaluation(tmp_path / "a", cohort()[::-1]))
    assert [row.case for row in found.cases] == sorted(row["case"] for row in cohort())
    assert found.cases[0].numbers["dice"] == 0.7
    assert math.isnan(found.cases[-1].numbers["autopet_dice"])
    assert (found.references, found.scores, found.hashes, found.settings) == (None, None, {}, None)


def test_lesions_give_references_and_the_highest_score_of_a_case(tmp_path):
    rows = [case_row("a", "1"), case_row("b", "2")]
    found = open_evaluation(write_evaluation(tmp_path / "a", rows, lesions=LESIONS))
    unknown = ReferenceStandard.UNKNOWN
    assert found.references == (LesionReference("b", "1", unknown), LesionReference("b", "2", unknown))
    assert found.scores == {"a": -math.inf, "b": 0.9}


def test_the_reference_standard_of_each_lesion_is_read(tmp_path):
    lesions = [row | {"reference_standard": "Histology", "reference_source": "biopsy"} for row in LESIONS]
    found = open_evaluation(write_evaluation(tmp_path / "a", [case_row("b", "2")], lesions=lesions))
    assert found.references[0] == LesionReference("b", "1", ReferenceStandard.HISTOLOGY, "biopsy")


@pytest.mark.parametrize("change", [{"score": "n/a"}, {"case": "elsewhere"}])
def test_scores_are_all_there_or_not_used(tmp_path, change):
    lesions = [LESIONS[0], LESIONS[2] | change]
    assert open_evaluation(write_evaluation(tmp_path / "a", [case_row("b", "2")], lesions=lesions)).scores is None


def test_a_table_without_patients_takes_them_from_the_cases(tmp_path):
    rows = [{"case": "sub-07_ses-1_trc-fdg", "dice": 0.5}, {"case": "plain", "dice": "nan"}]
    found = open_evaluation(write_evaluation(tmp_path / "a", rows))
    assert [row.patient for row in found.cases] == ["plain", "07"]


def test_summary_gives_hashes_and_settings(tmp_path):
    summary = {"provenance": {"inputs_sha256": {"reference/b": "1f"}}, "match_settings": {"min_iou": 0.1}}
    found = open_evaluation(write_evaluation(tmp_path / "a", [case_row("b", "2")], summary=summary))
    assert (found.hashes, found.settings) == ({"reference/b": "1f"}, {"min_iou": 0.1})


def test_what_is_no_evaluation_is_refused(tmp_path):
    with pytest.raises(CohortError, match=r"holds no cases.tsv"):
        open_evaluation(tmp_path)
    folder = write_evaluation(tmp_path / "twice", [case_row("b", "2"), case_row("b", "2")])
    with pytest.raises(CohortError, match="case b is there 2 times"):
        open_evaluation(folder)
    (folder / "cases.tsv").write_text("case\tdice\n")
    with pytest.raises(CohortError, match="holds no case"):
        open_evaluation(folder)
    (folder / "cases.tsv").write_text("name\tdice\nb\t0.5\n")
    with pytest.raises(CohortError, match="a row has no case"):
        open_evaluation(folder)
    (folder / "cases.tsv").write_text("case\tdice\nb\t0.5\n")
    (folder / "summary.json").write_text("{")
    with pytest.raises(CohortError, match="is no JSON"):
        open_evaluation(folder)


def test_detections_become_what_curves_need(tmp_path):
    rows = [case_row("a", "1", lesions=3, found=1, false=1), case_row("b", "2", lesions=0, found=0, predicted=0)]
    found = open_evaluation(write_evaluation(tmp_path / "a", rows, detections=detection_rows(rows))).detections
    assert [(d.case, d.patient, d.scores, d.is_true) for d in found] == [
        ("a", "1", (0.9, 0.5), (True, False)),
        ("b", "2", (), ()),
    ]
    assert found[0].lesion_scores == (0.9, -math.inf, -math.inf)
    assert open_evaluation(write_evaluation(tmp_path / "none", rows)).detections is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"case": "z"}, "line 2: case 'z', score '0.9'; evaluate again"),
        ({"score": "n/a"}, "line 2: case 'a', score 'n/a'"),
        ({}, "case a has 2 hits, more than it has lesions"),
    ],
)
def test_detections_that_do_not_fit_the_cases_are_refused(tmp_path, change, message):
    rows = [case_row("a", "1", lesions=1, found=1)]
    table = [detection_rows(rows)[0] | change] + detection_rows(rows) * (not change)
    with pytest.raises(CohortError, match=message):
        open_evaluation(write_evaluation(tmp_path / "a", rows, detections=table))


def test_the_top_candidate_of_each_case_is_read(tmp_path):
    tops = [
        {"max_score": 0.8, "top_candidate_hit": 0.5, "culprit_reciprocal_rank": 0.5},
        {"max_score": "n/a", "top_candidate_hit": "n/a", "culprit_reciprocal_rank": "n/a"},
    ]
    rows = [case_row("a", "1", lesions=1, found=1), case_row("b", "2", lesions=0, found=0)]
    found = open_evaluation(write_evaluation(tmp_path / "a", [r | t for r, t in zip(rows, tops, strict=True)])).tops
    assert (found[0].has_culprit, found[0].score, found[0].hit, found[0].reciprocal_rank) == (True, 0.8, 0.5, 0.5)
    assert (found[1].has_culprit, found[1].score) == (False, -math.inf)
    assert open_evaluation(write_evaluation(tmp_path / "old", rows)).tops is None
