"""Readers and models side by side: each a prediction of its own, and a table of them all."""

import json

import pytest

from netlesion.errors import CohortError, ConfigError, GeometryError
from netlesion.evaluate.case.marks import read_marks
from netlesion.evaluate.cohort.score import EvaluationSettings
from netlesion.report.readers import evaluate_predictions
from tests.evaluate.mask_folders import MARKS, table


def test_readers_marks_are_predictions_like_any_other(folders, tmp_path):
    """Anna finds the lesion of a and one of b's, and marks c in vain; Ben read a and c and marked nothing."""
    rows = ["a,anna,7,10,14,90", "b,anna,7,10,14,70", "c,anna,7,10,14,20", "a,ben,,,,", "c,ben,,,,"]
    (tmp_path / "marks.csv").write_text(MARKS + "\n".join(rows) + "\n")
    anna, ben = evaluate_predictions(folders[0], [tmp_path / "marks.csv"], tmp_path / "out", EvaluationSettings(), 0)
    assert (anna.name, ben.name) == ("anna", "ben")
    assert anna.summary["pooled_lesion_sensitivity"]["value"] == pytest.approx(2 / 3)
    assert anna.summary["false_positives_per_case"]["value"] == pytest.approx(1 / 3)
    assert anna.summary["froc"]["jafroc"]["value"] == pytest.approx(2 / 3)
    assert anna.summary["reliability"] is None  # ratings are no probabilities
    assert anna.summary["mean"]["dice"]["value"] is None
    assert anna.summary["challenge"] == {"not_run": "points have no extent"}
    assert (ben.summary["num_cases"], ben.summary["cases_without_prediction"]) == (2, ["b"])
    assert ben.summary["pooled_lesion_sensitivity"]["value"] == 0.0
    rows = table(tmp_path / "out" / "readers.tsv")
    assert [(r["reader"], r["num_cases"], r["dice"]) for r in rows] == [("anna", "3", "n/a"), ("ben", "2", "n/a")]
    assert rows[0]["sensitivity_n"] == "2"
    assert "only 2 patients" in rows[0]["sensitivity_note"]
    assert (tmp_path / "out" / "ben" / "evaluation.html").is_file()


def test_a_model_and_a_reader_stand_in_one_table(folders, tmp_path):
    (tmp_path / "carla.tsv").write_text("case\tx_mm\ty_mm\tz_mm\trating\na\t7\t10\t14\t1\n")
    found = evaluate_predictions(
        folders[0], [folders[1], tmp_path / "carla.tsv"], tmp_path / "out", EvaluationSettings(), 0
    )
    assert [e.name for e in found] == ["prediction", "carla"]
    agreement = json.loads((tmp_path / "out" / "agreement.json").read_text())
    assert agreement["readers"] == ["prediction", "carla"]
    assert agreement["case_called"]["note"] == "2 of 3 cases were not read by all and are left out"
    with pytest.raises(ConfigError, match="2 predictions are called prediction; rename one"):
        evaluate_predictions(folders[0], [folders[1], folders[1]], tmp_path / "out", EvaluationSettings(), 0)


def test_a_mark_outside_the_image_is_refused_for_it_may_be_in_lps(folders, tmp_path):
    (tmp_path / "marks.csv").write_text(MARKS + "a,anna,-7,-10,14,90\n")
    with pytest.raises(GeometryError, match=r"case a: a mark at -7, -10, 14 mm lies outside the reference image.*LPS"):
        evaluate_predictions(folders[0], [tmp_path / "marks.csv"], tmp_path / "out", EvaluationSettings(), 0)
    assert not (tmp_path / "out" / "cases.tsv").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("case,x_mm,y_mm,z_mm\n", "no column rating; expected case, x_mm"),
        (MARKS, "holds no row"),
        (MARKS + "a,r,1,2,,5\n", "line 2: a mark needs x_mm, y_mm, z_mm and rating"),
        (MARKS + "a,r,1,2,3,\n", "line 2: a mark needs x_mm, y_mm, z_mm and rating"),
        (MARKS + "a,r,1,2,3,nan\n", "line 2: rating is 'nan', expected a finite number"),
        (MARKS + "a,r,1,two,3,4\n", "line 2: y_mm is 'two', expected a finite number"),
        (MARKS + ",r,1,2,3,4\n", "line 2: no case"),
        (MARKS + "a,../r,1,2,3,4\n", "line 2: reader is '../r'; use letters"),
        (MARKS + "a,r,1,2,3,4\na,r,1,2,3,5\n", "line 3: the same mark of r in case a is there twice"),
        (MARKS + "a,r,,,,\na,r,1,2,3,5\n", "line 2: r marked nothing in case a, and other rows hold marks"),
    ],
)
def test_a_table_of_marks_with_a_fault_names_the_line(text, message, tmp_path):
    (tmp_path / "marks.csv").write_text(text)
    with pytest.raises(CohortError, match=message):
        read_marks(tmp_path / "marks.csv")
