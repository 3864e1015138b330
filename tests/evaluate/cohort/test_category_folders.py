"""Categories of two folders: beside masks, and alone."""

import pytest

from netlesion.errors import CohortError, ConfigError
from netlesion.evaluate.case.marks import read_marks
from netlesion.evaluate.cohort.score import EvaluationSettings
from netlesion.evaluate.cohort.summary_text import summary_lines
from netlesion.report.evaluation_folder import evaluate_folders
from netlesion.report.readers import evaluate_predictions
from tests.evaluate.mask_folders import MARKS


def test_categories_are_paired_and_counted(folders, tmp_path):
    (folders[0] / "categories.tsv").write_text("case\tkrenning\tstage\na\t3\tI\nb\t2\tII\nc\t0\tn/a\n")
    (folders[1] / "categories.tsv").write_text("case\tkrenning\nc\t0\nb\t3\na\t3\n")
    found = evaluate_folders(*folders, tmp_path / "out")["categories"]
    assert list(found) == ["krenning"]
    assert found["krenning"]["accuracy"]["value"] == pytest.approx(2 / 3)
    assert found["krenning"]["cross_table"] == {"0": {"0": 1}, "2": {"3": 1}, "3": {"3": 1}}
    page = (tmp_path / "out" / "evaluation.html").read_text()
    assert "<h3>Category krenning</h3>" in page
    assert "Sensitivity of 3, 1 rows" in page
    assert '</th><td class="value">1.000 [0.025, 1.000]</td>' in page
    assert '<td class="value">0.909' in page
    assert '<tr><th scope="row">2</th><td class="number">0</td><td class="number">1</td></tr>' in page
    (folders[1] / "categories.tsv").write_text("case\tkrenning\na\t3\na\t2\n")
    with pytest.raises(CohortError, match="case a is there twice"):
        evaluate_folders(*folders, tmp_path / "out")
    (folders[1] / "categories.tsv").unlink()
    with pytest.raises(CohortError, match="categories.tsv: no such table"):
        evaluate_folders(*folders, tmp_path / "out")


def test_a_table_of_answers_is_scored_by_its_own_name(tmp_path):
    (tmp_path / "truth.tsv").write_text("case\tpatient\tcategory\na_visit-1\ta\tM0\nb_visit-1\tb\tM1a\n")
    (tmp_path / "staging.tsv").write_text(
        "case\tpatient\tcategory\tmissing\na_visit-1\ta\tM0\tnothing\nb_visit-1\tb\tM1c\tn/a\n"
    )
    alone = EvaluationSettings(tasks=("categories",))
    (found,) = evaluate_predictions(tmp_path / "truth.tsv", [tmp_path / "staging.tsv"], tmp_path / "out", alone, seed=0)
    assert found.summary["categories"]["category"]["accuracy"]["value"] == 0.5
    assert list(found.summary["categories"]) == ["category"]


def test_categories_alone_need_no_mask(tmp_path):
    for name, text in (("r", "case\tstage\na\tI\nb\tII\nc\tII\n"), ("p", "case\tstage\na\tI\nb\tI\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "categories.tsv").write_text(text)
    alone = EvaluationSettings(tasks=("categories",), category_orders={"stage": ("I", "II")})
    summary = evaluate_folders(tmp_path / "r", tmp_path / "p", tmp_path / "out", settings=alone)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["evaluation.html", "summary.json"]
    assert (summary["num_cases"], summary["num_patients"], summary["cases_without_prediction"]) == (2, 2, ["c"])
    accuracy = summary["categories"]["stage"]["accuracy"]
    assert accuracy["value"] == 0.5
    assert "partial cohort: 1 of 3 reference cases have no prediction" in accuracy["note"]
    assert any(line.startswith("stage") for line in summary_lines(summary))
    page = (tmp_path / "out" / "evaluation.html").read_text()
    assert "<h3>Category stage</h3>" in page
    assert "don't-care" not in page
    with pytest.raises(CohortError, match="a table agrees with itself"):
        evaluate_folders(tmp_path / "r", tmp_path / "r", tmp_path / "out", settings=alone)
    (tmp_path / "points.csv").write_text(MARKS + "a,r,,,,\n")
    for pair in ((tmp_path / "points.csv", tmp_path / "p"), (tmp_path / "r", read_marks(tmp_path / "points.csv")[0])):
        with pytest.raises(ConfigError, match="a list of points holds no categories"):
            evaluate_folders(*pair, tmp_path / "out", settings=alone)
