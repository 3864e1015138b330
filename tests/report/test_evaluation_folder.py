"""`netlesion evaluate` on folders: what is written, and that it says what it is."""

import dataclasses
import json

import pytest

from netlesion.errors import CohortError, ConfigError
from netlesion.evaluate.cohort.score import EvaluationSettings, score
from netlesion.report.evaluation_folder import evaluate_folders
from tests.evaluate.mask_folders import table


def test_everything_is_written_and_says_what_it_is(folders, tmp_path):
    out = tmp_path / "out"
    summary = evaluate_folders(*folders, out)
    assert sorted(p.name for p in out.iterdir()) == [
        "cases.json",
        "cases.tsv",
        "evaluation.html",
        "lesions.json",
        "lesions.tsv",
        "reporting.json",
        "summary.json",
    ]
    assert json.loads((out / "summary.json").read_text()) == summary
    cases = table(out / "cases.tsv")
    assert list(cases[0]) == list(json.loads((out / "cases.json").read_text()))
    assert [(c["case"], c["dice"], c["autopet_dice"], c["lesion_sensitivity"]) for c in cases] == [
        ("a", "1", "1", "1"),
        ("b", "0.584475", "0.584475", "0.5"),
        ("c", "1", "n/a", "n/a"),
    ]
    lesions = table(out / "lesions.tsv")
    assert list(lesions[0]) == list(json.loads((out / "lesions.json").read_text()))
    assert [(row["case"], row["source"], row["outcome"]) for row in lesions] == [
        ("a", "reference", "true_positive"),
        ("b", "reference", "true_positive"),
        ("b", "reference", "false_negative"),
        ("b", "prediction", "false_positive"),
    ]
    assert lesions[0]["hd95_mm"] == "0"
    assert lesions[0]["tlsre_g"] == lesions[3]["region"] == "n/a"
    assert summary["challenge"]["hecktor_dice_aggregated"]["value"] == pytest.approx(4 * 64 / (3 * 64 + 2 * 64 + 27))
    assert summary["challenge"]["hecktor_f1_aggregated"]["value"] == pytest.approx(4 / 6)
    page = (out / "evaluation.html").read_text()
    assert "HECKTOR aggregated Dice" in page
    assert "Research software, not a medical device" in page
    assert "only 3 patients: the interval is not reliable below 10" in page
    assert "<svg" in page
    assert "data:image/png" in page
    assert page.count("<script") == 1
    assert "froc: not run, 3 of 3 cases have no score" in page
    reporting = json.loads((out / "reporting.json").read_text())
    assert (reporting["n_scans"], reporting["n_lesions"]["all"]) == (3, 3)
    assert reporting["cross_table"]["by_case"]["neither"] == 1
    assert "eligibility criteria" in reporting["to_be_filled"]["CLAIM"]


def test_processes_give_the_same_as_one(folders, tmp_path):
    alone = score(*folders, EvaluationSettings(workers=1))
    together = score(*folders, EvaluationSettings(workers=2))
    for one, other in zip(alone.results, together.results, strict=True):
        assert one.row() == pytest.approx(other.row(), nan_ok=True)
        assert str(one.lesions) == str(other.lesions)
    assert alone.hashes == together.hashes


def test_tasks_choose_columns_and_an_unknown_one_is_refused(folders, tmp_path):
    evaluate_folders(*folders, tmp_path / "out", settings=EvaluationSettings(tasks=("detection",)))
    header = list(table(tmp_path / "out" / "cases.tsv")[0])
    assert "lesion_f1" in header
    assert not {"dice", "autopet_dice"} & set(header)
    (folders[0] / "categories.tsv").write_text("case\tstage\na\tI\n")
    (folders[1] / "categories.tsv").write_text("case\tstage\na\tI\n")
    only = evaluate_folders(*folders, tmp_path / "only", settings=EvaluationSettings(tasks=("categories",)))
    assert only["categories"]["stage"]["accuracy"]["value"] == 1.0
    assert only["mean"] == {}
    for given, task in (({"calibration": tmp_path}, "detection"), ({"category_orders": {"a": ("b",)}}, "categories")):
        with pytest.raises(ConfigError, match=f"is given, and {task} is not among the tasks .segmentation.; add it"):
            EvaluationSettings(tasks=("segmentation",), **given)
    alone = EvaluationSettings(tasks=("categories",))
    with pytest.raises(CohortError, match="categories.tsv: no such table"):
        evaluate_folders(tmp_path / "none", tmp_path / "neither", tmp_path / "x", settings=alone)
    with pytest.raises(ConfigError, match="tasks are speed; expected some of detection, segmentation"):
        EvaluationSettings(tasks=("speed",))


def test_size_bins_count_found_and_invented(folders, tmp_path):
    summary = evaluate_folders(*folders, tmp_path / "out")
    sizes = {s["name"]: s for s in summary["strata"] if s["by"] == "size"}  # 64 voxels are 1.5 ml, 27 are 0.65 ml
    assert (sizes["1-5"]["num_lesions"], sizes["1-5"]["sensitivity"]["value"]) == (3, pytest.approx(2 / 3))
    assert (sizes["0.5-1"]["num_lesions"], sizes["0.5-1"]["num_false_positives"]) == (0, 1)
    assert sizes["<0.5"]["sensitivity"]["value"] is None


def test_probabilities_give_curves(results, tmp_path):
    summary = evaluate_folders(*results, tmp_path / "out")
    assert summary["froc"]["froc_score"]["value"] == summary["froc"]["average_precision"]["value"] == 1.0
    assert summary["froc"]["num_normal_cases"] == 0
    assert summary["froc"]["jafroc"]["value"] is None
    assert "needs lesion-free cases" in summary["froc"]["jafroc"]["note"]
    assert summary["localisation"]["hit_at_1"]["value"] == 1.0
    assert summary["localisation"]["hit_at_1"]["exact_interval"] == pytest.approx((0.158, 1.0), abs=1e-3)
    assert summary["reliability"][0]["mean_score"] == pytest.approx(0.75)
    assert "FROC curve" in (tmp_path / "out" / "evaluation.html").read_text()


def test_agreement_of_volumes_is_in_the_summary_the_dictionary_and_beside_the_plot(folders, tmp_path):
    summary = evaluate_folders(*folders, tmp_path / "out")
    found = summary["segmentation"]["volume_agreement"]
    assert found["ratio_geometric_mean"]["value"] == pytest.approx(((64 + 27) / 128) ** 0.5)
    assert (found["spearman"]["num_cases"], found["num_cases_left_out_of_log"]) == (3, 1)
    assert "1 of 3 cases hold a 0 and are left out of the log" in found["icc_2_1_of_log"]["note"]
    assert summary["segmentation"]["tlsre_agreement"] == {"not_run": "no case has both values"}
    assert "segmentation.*_agreement" in summary["data_dictionary"]["summary"]
    page = (tmp_path / "out" / "evaluation.html").read_text()
    assert "Bland-Altman of whole-body volume, on the log, 2 cases (1 with a 0 left out)." in page
    assert "Agreement of whole-body volume" in page
    assert "Agreement of SUV times volume" not in page


def test_settings_of_the_matching_are_in_the_summary(folders, tmp_path):
    match = dataclasses.replace(EvaluationSettings().match, criterion="overlap", min_iou=0.3)
    summary = evaluate_folders(*folders, tmp_path / "out", settings=EvaluationSettings(match=match))
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["match_settings"]["criterion"] == "overlap"
    assert summary["match_settings"]["min_iou"] == 0.3
