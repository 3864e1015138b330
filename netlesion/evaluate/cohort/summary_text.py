"""A summary in words: what its keys mean, and its main numbers in a few lines of text.

Takes the dict that `summary.json` holds. Knows nothing about how a number was made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

#: What the keys of the summary mean; those of "mean" are columns of cases.tsv.
SUMMARY_DICTIONARY = {
    "value, low, high, n, note": "estimate, 95 % interval, number of patients, what a reader of it must know",
    "mean": "mean over cases, each weighing the same; n/a cases are left out and counted in the note",
    "pooled_*": "sums over all cases before dividing, so that a patient with many lesions weighs more",
    "case_sensitivity, case_specificity": "cases with a counted lesion where something was found, cases without any "
    "lesion (don't-care lesions among them) where nothing was; exact intervals where each case is a patient",
    "false_positives_per_*": "false positive lesions per patient, and per case",
    "counts": "sums over all cases of the columns num_*",
    "segmentation.dice_aggregated": "2 sum of shared volume / sum of both volumes over all cases",
    "segmentation.*_agreement": "per case, whole-body volume (ml) or SUV times volume (g: TLSRE, or TLG for FDG) of "
    "the prediction against the reference (clinical.md 8.3); num_cases of each figure beside its n (patients)",
    "segmentation.*_agreement.ratio_geometric_mean": "bias: exp of the mean log of prediction over reference; cases "
    "where either is 0 are left out of the log: num_cases_left_out_of_log",
    "segmentation.*_agreement.ratio_*_limit_of_agreement": "exp of that mean -+ 1.96 SD: 95 % of cases lie between",
    "segmentation.*_agreement.icc_2_1_of_*": "ICC(2,1), absolute agreement of single measurements, of the logs and of "
    "the values, where the largest tumours decide",
    "segmentation.*_agreement.concordance_of_*": "Lin's concordance correlation coefficient, of both likewise",
    "segmentation.*_agreement.spearman": "rank correlation of all cases, those with a 0 among them",
    "challenge": "numbers that a challenge makes of a whole cohort, as coded there",
    "froc": "curves over the confidence of predicted lesions, greedy by confidence (clinical.md 8.2)",
    "discrimination.patient_auc": "area under the ROC curve of a patient's highest score, any lesion or none (DeLong)",
    "discrimination.detection_auc": "the same of predicted lesions, true or false positive, clustered in patients "
    "(Obuchowski 1997); missed lesions have no score and are not in it",
    "reliability": "true positives among predicted lesions in ten bins of score (those of the curves)",
    "calibration": "ece: expected calibration error over those bins, brier: mean squared error of the score; "
    "recalibrated: the same after --calibration, learned on other patients",
    "localisation": "rank of the culprit (clinical.md 6.5); exact_interval of a hit: each patient one trial",
    "categories.*": "columns of both categories.tsv, paired by case (and lesion_id): accuracy (equal answers), "
    "sensitivity of each class of the reference, Cohen's kappa; kappa_linear and kappa_quadratic where classes are "
    "ordered (whole numbers, or a stated order); cross_table is reference, then prediction, then rows",
    "partition": "train, val, test or unknown: the patients of each part, as the records of the predictions tell",
    "regions": "region by region and case by case (clinical.md 8.3): called where it holds a lesion (sensitivity), "
    "left alone where it holds none (specificity), kappa of both; regions by the table of lesions and the organ map",
    "strata": "the same rates by lesion size, region, type, tracer and scanner; false positives by their own size and "
    "region; specificity of a region: cases without lesion or call there, of those without lesion there",
}


def summary_lines(summary: Mapping[str, Any]) -> list[str]:
    """The summary in a few lines of text, each number with its 95 % interval and its n, patients."""
    part = summary.get("part")
    lines = [
        f"{summary['num_cases']} cases of {summary['num_patients']} patients"
        + (f" of the part {part}" if part else "")
        + f", {len(summary['cases_without_prediction'])} reference cases without a prediction (not scored)"
    ]
    shown: list[tuple[str, Callable[[], Mapping[str, Any]]]] = [
        ("Dice (mean)", lambda: summary["mean"]["dice"]),
        ("lesion sensitivity (pooled)", lambda: summary["pooled_lesion_sensitivity"]),
        ("false positives per patient", lambda: summary["false_positives_per_patient"]),
        ("FROC score", lambda: summary["froc"]["froc_score"]),
        ("calibration error (ECE)", lambda: summary["calibration"]["ece"]),
        ("- recalibrated", lambda: summary["calibration"]["recalibrated"]["ece"]),
    ]
    notes: dict[str, None] = {}
    for name, get in shown:
        try:
            estimate = get()
        except KeyError:
            continue
        lines.append(f"{name:<29}{_with_n(estimate)}")
        if estimate.get("note"):
            notes[estimate["note"]] = None
    for name, found in summary.get("categories", {}).items():
        if isinstance(found, Mapping) and "accuracy" in found:
            kappa = "kappa_quadratic" if found["ordered"] else "kappa"
            text = ", ".join(f"{key} {_with_n(found[key])}" for key in ("accuracy", kappa))
            lines.append(f"{name:<29}{text}")
    lines += [f"note: {note}" for note in notes]
    if summary["unfinished_visits"]:
        lines.append(f"note: unfinished visits, not scored: {', '.join(summary['unfinished_visits'])}")
    return [*lines, *(f"note: {line}" for line in summary["remarks"])]


def _with_n(estimate: Mapping[str, Any]) -> str:
    return f"{estimate_text(estimate)}, n {estimate['n']}"


def estimate_text(estimate: Mapping[str, Any]) -> str:
    """0.812 [0.703, 0.901], or n/a."""
    if estimate["value"] is None:
        return "n/a"
    low, high = estimate["low"], estimate["high"]
    interval = "" if low is None or high is None else f" [{low:.3f}, {high:.3f}]"
    return f"{estimate['value']:.3f}{interval}"
