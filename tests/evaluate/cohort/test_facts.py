"""What a cohort gives an evaluation beside its masks: SUV, scanner, times, organ maps."""

import json

import pytest

from netlesion.errors import CohortError
from netlesion.evaluate.cohort.score import EvaluationSettings
from netlesion.io.nifti import write_volume
from netlesion.report.evaluation_folder import evaluate_folders
from tests.evaluate.mask_folders import OFF, ONE, cohort_of, mask, table


def test_the_mask_asked_for_is_taken_or_none(tmp_path):
    cohort_of(tmp_path / "cohort", "reader1")
    for n in range(2):
        write_volume(tmp_path / "found" / f"sub-{n}_ses-1_trc-fdg.nii.gz", mask(ONE))
    with pytest.raises(CohortError, match="no mask desc-lesions for fdg; there are reader1, choose one with --desc"):
        evaluate_folders(tmp_path / "cohort", tmp_path / "found", tmp_path / "out")
    summary = evaluate_folders(tmp_path / "cohort", tmp_path / "found", tmp_path / "out", "reader1")
    assert summary["desc"] == "reader1"


def test_a_cohort_gives_suv_scanner_and_uptake_time(tmp_path):
    cohort_of(tmp_path / "cohort", "lesions")
    for n in range(2):
        write_volume(tmp_path / "found" / f"sub-{n}_ses-1_trc-fdg.nii.gz", mask(ONE, OFF))
    settings = EvaluationSettings(cohort=tmp_path / "cohort")
    summary = evaluate_folders(tmp_path / "cohort", tmp_path / "found", tmp_path / "out", settings=settings)
    case = table(tmp_path / "out" / "cases.tsv")[0]
    assert case["scanner"] == "Acme P1"
    suv = float(table(tmp_path / "out" / "lesions.tsv")[0]["suvmax_g_per_ml"])
    assert suv == pytest.approx(1000 * 70e3 / (70e6 * 2 ** (-3600 / 6586.2)), rel=1e-4)
    assert float(case["tlsre_reference_g"]) == pytest.approx(suv * 64 * 0.024, rel=1e-4)
    assert case["tlsre_prediction_g"] == case["tlsre_reference_g"]  # the invention lies in background of SUV 0
    assert float(case["deep_psma_suv_mean_ratio"]) == pytest.approx(64 / 91, rel=1e-4)
    assert [(s["by"], s["name"]) for s in summary["strata"][-2:]] == [("tracer", "fdg"), ("scanner", "Acme P1")]
    reporting = json.loads((tmp_path / "out" / "reporting.json").read_text())
    assert reporting["uptake_min"]["mean"] == 60.0
    assert reporting["dose_mbq"]["mean"] == 70.0
    write_volume(tmp_path / "other" / "a.nii.gz", mask(ONE))
    write_volume(tmp_path / "more" / "a.nii.gz", mask(ONE))
    with pytest.raises(CohortError, match=r"has no PET of case a \(1 such cases\)"):
        evaluate_folders(tmp_path / "other", tmp_path / "more", tmp_path / "x", settings=settings)


def test_organ_maps_of_a_cohort_say_where_something_was_invented(tmp_path):
    """The lesion lies in the liver, the invention in a bone; names stand in the derivative's own table (BIDS)."""
    cohort_of(tmp_path / "cohort", "lesions")
    derived = tmp_path / "cohort" / "derivatives" / "netlesion"
    organs = mask().array.copy()
    organs[0:8], organs[12:] = 5, 27
    for n in range(2):
        pet = derived / f"sub-{n}" / "ses-1" / "pet"
        write_volume(pet / f"sub-{n}_ses-1_trc-fdg_desc-organs_dseg.nii.gz", mask().with_array(organs))
        write_volume(tmp_path / "found" / f"sub-{n}_ses-1_trc-fdg.nii.gz", mask(ONE, OFF) if n else mask(ONE))
    summary = evaluate_folders(tmp_path / "cohort", tmp_path / "found", tmp_path / "out")
    assert "desc-organs_dseg.nii.gz: no table (index, name) names its labels" in summary["remarks"][0]
    assert summary["regions"]["not_run"].startswith("3 lesions or inventions have no region")
    (derived / "desc-organs_dseg.tsv").write_text("index\tname\n5\tliver\n27\tvertebrae_L5\n")
    summary = evaluate_folders(tmp_path / "cohort", tmp_path / "found", tmp_path / "out")
    assert summary["remarks"] == []
    assert [(r["source"], r["region"]) for r in table(tmp_path / "out" / "lesions.tsv")] == [
        ("reference", "liver"),
        ("reference", "liver"),
        ("prediction", "bone"),
    ]
    rows = {s["name"]: s for s in summary["strata"] if s["by"] == "region"}
    assert (rows["bone"]["specificity"]["value"], rows["liver"]["sensitivity"]["value"]) == (0.5, 1.0)
    assert rows["bone"]["false_positives_per_patient"]["value"] == 0.5
    assert summary["regions"]["specificity"]["value"] == 0.5
    page = (tmp_path / "out" / "evaluation.html").read_text()
    assert "Regions without a lesion that were not called" in page
