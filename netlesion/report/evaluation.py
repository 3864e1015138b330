"""The evaluation as one HTML page: the numbers that decide with their curve, tables that fold, figures, worst cases.

A note that holds for every number stands once, the others are numbered footnotes.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netlesion.evaluate.case.result import CaseResult
from netlesion.output.atomic import write_text
from netlesion.output.tables import cell
from netlesion.report.deciding import deciding_figures, deciding_numbers, found_at
from netlesion.report.footnotes import Footnotes
from netlesion.report.page import page_text
from netlesion.report.plots import bland_altman_figure, froc_figure, reliability_figure, size_figure
from netlesion.report.worst import WorstCase

_AGREEMENT = {
    "Prediction / reference, geometric mean": "ratio_geometric_mean",
    "Lower limit of agreement, ratio": "ratio_lower_limit_of_agreement",
    "Upper limit of agreement, ratio": "ratio_upper_limit_of_agreement",
    "ICC(2,1), log": "icc_2_1_of_log",
    "Concordance (Lin), log": "concordance_of_log",
    "Spearman": "spearman",
}
#: Title of a table -> name shown -> path of the estimate in the summary.
SHOWN: Mapping[str, Mapping[str, str]] = {
    "Segmentation": {
        "Dice, mean over cases": "mean.dice",
        "Dice, aggregated over the cohort": "segmentation.dice_aggregated",
        "Surface Dice at 2 mm": "mean.nsd_2mm",
        "Surface Dice at 4 mm": "mean.nsd_4mm",
        "HD95, mm (cases where both masks hold something)": "mean.hd95_mm",
    },
    "Agreement of whole-body volume": {name: f"segmentation.volume_agreement.{key}" for name, key in _AGREEMENT.items()}
    | {"ICC(2,1), ml": "segmentation.volume_agreement.icc_2_1_of_ml"}
    | {"Concordance (Lin), ml": "segmentation.volume_agreement.concordance_of_ml"},
    "Agreement of SUV times volume": {name: f"segmentation.tlsre_agreement.{key}" for name, key in _AGREEMENT.items()}
    | {"ICC(2,1), g": "segmentation.tlsre_agreement.icc_2_1_of_g"}
    | {"Concordance (Lin), g": "segmentation.tlsre_agreement.concordance_of_g"},
    "Lesion detection": {
        "Sensitivity, pooled": "pooled_lesion_sensitivity",
        "PPV, pooled": "pooled_lesion_ppv",
        "F1, pooled": "pooled_lesion_f1",
        "False positives per patient": "false_positives_per_patient",
        "Panoptic quality, pooled": "pooled_panoptic_quality",
        "FROC score (seven points)": "froc.froc_score",
        "Average precision": "froc.average_precision",
        "JAFROC": "froc.jafroc",
        "JAFROC, weighted": "froc.weighted_jafroc",
        "AUC of patients (highest score)": "discrimination.patient_auc",
        "AUC of predicted lesions, true or false positive": "discrimination.detection_auc",
        "Cases with lesions where something was found": "case_sensitivity",
        "Lesion-free cases where nothing was found": "case_specificity",
        "Regions with a lesion that were called": "regions.sensitivity",
        "Regions without a lesion that were not called": "regions.specificity",
        "Kappa of regions": "regions.kappa",
    },
    "Calibration of lesion scores": {
        "Expected calibration error": "calibration.ece",
        "Brier score": "calibration.brier",
        "Expected calibration error, recalibrated": "calibration.recalibrated.ece",
        "Brier score, recalibrated": "calibration.recalibrated.brier",
    },
    "One culprit (osteomalacia)": {
        "Hit at rank 1": "localisation.hit_at_1",
        "Hit at rank 3": "localisation.hit_at_3",
        "Hit at rank 5": "localisation.hit_at_5",
        "Mean reciprocal rank": "localisation.mean_reciprocal_rank",
        "LROC area": "localisation.lroc_area",
    },
    "Challenge metrics, as coded (see the strict ones above)": {
        "autoPET III/IV Dice": "mean.autopet_dice",
        "autoPET III/IV FPV, ml": "mean.autopet_fpv_ml",
        "autoPET III/IV FNV, ml": "mean.autopet_fnv_ml",
        "autoPET I/II Dice": "mean.autopet1_dice",
        "autoPET I/II FNV, ml": "mean.autopet1_fnv_ml",
        "DEEP-PSMA surface Dice": "mean.deep_psma_surface_dice",
        "DEEP-PSMA SUV mean ratio": "mean.deep_psma_suv_mean_ratio",
        "DEEP-PSMA volume ratio": "mean.deep_psma_volume_ratio",
        "HECKTOR aggregated Dice": "challenge.hecktor_dice_aggregated",
        "HECKTOR aggregated F1 (criterion of this project)": "challenge.hecktor_f1_aggregated",
    },
}


def write_page(
    path: str | Path, summary: Mapping[str, Any], results: Sequence[CaseResult], worst: Sequence[WorstCase]
) -> None:
    """Writes the page atomically; the notice on research use is always shown."""
    tables = [
        *((title, rows) for title, names in SHOWN.items() if (rows := _rows(summary, names))),
        *_category_tables(summary.get("categories", {})),
    ]
    notes = Footnotes(row.note for _, rows in tables for row in rows)
    deciding = deciding_figures(summary)
    values = {
        "title": "Evaluation",
        "summary": summary,
        "deciding": deciding_numbers(summary),
        "curve": deciding,
        "tables": [(title, *_marked(rows, notes)) for title, rows in tables],
        "footnotes": notes,
        "cross_tables": _cross_tables(summary.get("categories", {})),
        "strata": [_stratum_row(row) for row in summary["strata"]],
        "figures": [figure for figure in _figures(summary, results) if figure not in deciding],
        "worst": [(w, base64.b64encode(w.png).decode("ascii")) for w in worst],
        "missing": _missing(summary),
        "notes": _notes(summary),
        "columns": ("case", "dice", "lesion_sensitivity", "num_lesions_reference", "num_false_positives"),
        "cases": results,
        "cell": cell,
    }
    write_text(path, page_text("evaluation.html.j2", values))


@dataclass(frozen=True)
class _Shown:
    """One row of a table: name, value with its interval, patients it rests on, and its note."""

    name: str
    value: str
    n: str
    note: str


def _marked(rows: Sequence[_Shown], notes: Footnotes) -> tuple[tuple[int, ...], list[tuple[_Shown, tuple[int, ...]]]]:
    """The footnotes of a whole table, and its rows with their own."""
    of_all, marks = notes.table([row.note for row in rows])
    return of_all, list(zip(rows, marks, strict=True))


def _rows(summary: Mapping[str, Any], names: Mapping[str, str]) -> list[_Shown]:
    found = ((name, found_at(summary, place)) for name, place in names.items())
    return [_Shown(name, _text(e), str(e["n"]), e["note"]) for name, e in found if e is not None]


#: Name shown -> key of an agreement of categories.
_CATEGORY = {
    "Equal answers": "accuracy",
    "Cohen's kappa": "kappa",
    "Kappa, linear weights": "kappa_linear",
    "Kappa, quadratic weights": "kappa_quadratic",
}


def _category_tables(categories: Mapping[str, Any]) -> list[tuple[str, list[_Shown]]]:
    """One table for each category that was compared: agreement, then the sensitivity of each class."""
    tables = []
    for name, found in categories.items():
        if isinstance(found, Mapping) and "accuracy" in found:
            places = {shown: key for shown, key in _CATEGORY.items() if key in found}
            of_class = {f"Sensitivity of {c}, {e['num_rows']} rows": e for c, e in found["sensitivity"].items()}
            tables.append((f"Category {name}", [*_rows(found, places), *_rows(of_class, {c: c for c in of_class})]))
    return tables


def _cross_tables(categories: Mapping[str, Any]) -> list[tuple[str, list[str], list[tuple[str, list[int]]]]]:
    """Name, classes of the prediction, and for each class of the reference the counts."""
    tables = []
    for name, found in categories.items():
        if isinstance(found, Mapping) and "accuracy" in found:
            columns = [c for c in found["sensitivity"] if any(c in row for row in found["cross_table"].values())]
            rows = [(g, [row.get(c, 0) for c in columns]) for g, row in found["cross_table"].items()]
            tables.append((name, columns, rows))
    return tables


def _text(estimate: Mapping[str, Any] | None) -> str:
    if estimate is None or estimate["value"] is None:
        return "n/a"
    interval = "" if estimate["low"] is None else f" [{estimate['low']:.3f}, {estimate['high']:.3f}]"
    return f"{estimate['value']:.3f}{interval}"


def _stratum_row(row: Mapping[str, Any]) -> tuple[str, ...]:
    counts = (row["num_lesions"], row["num_patients"], row["num_false_positives"])
    numbers = (row[n] for n in ("sensitivity", "specificity", "ppv", "false_positives_per_patient", "dice"))
    return (row["by"], row["name"], *(cell(c) for c in counts), *(_text(n) for n in numbers))


def _figures(summary: Mapping[str, Any], results: Sequence[CaseResult]) -> list[tuple[str, str]]:
    found = []
    froc = summary.get("froc", {})
    if froc.get("curve", {}).get("sensitivity"):
        found.append(("FROC. Step curve; the band is the 95 % interval over patients.", froc_figure(froc)))
    if summary.get("reliability"):
        found.append(_reliability(summary))
    sizes = [row for row in summary["strata"] if row["by"] == "size"]
    if any(row["num_lesions"] for row in sizes):
        found.append(("Sensitivity by lesion size, 95 % intervals.", size_figure(sizes)))
    if "segmentation" in summary["tasks"]:
        found += _bland_altman(summary["segmentation"], results, "volume", "ml", "whole-body volume")
        found += _bland_altman(summary["segmentation"], results, "tlsre", "g", "SUV times volume")
    return found


def _reliability(summary: Mapping[str, Any]) -> tuple[str, str]:
    """Scores as they are, and recalibrated where they were."""
    calibration = summary["calibration"]
    after = calibration.get("recalibrated")
    caption = f"Reliability of lesion confidence, 95 % intervals. ECE {_text(calibration['ece'])}"
    if after is None:
        return f"{caption}.", reliability_figure(summary["reliability"])
    caption += f"; grey: recalibrated ({after['method']}), ECE {_text(after['ece'])}."
    return caption, reliability_figure(summary["reliability"], after["reliability"])


def _bland_altman(segmentation: Mapping[str, Any], results: Sequence[CaseResult], name: str, unit: str, title: str):
    """The plot with its numbers under it; nothing where no case has both values above 0."""
    pairs = [(r.case, getattr(r, f"{name}_reference_{unit}"), getattr(r, f"{name}_prediction_{unit}")) for r in results]
    svg = bland_altman_figure(pairs, unit)
    if not svg:
        return []
    agreement = segmentation[f"{name}_agreement"]
    left_out = agreement["num_cases_left_out_of_log"]
    lines = [
        f"Bland-Altman of {title}, on the log, {agreement['ratio_geometric_mean']['num_cases']} cases"
        + (f" ({left_out} with a 0 left out)." if left_out else ".")
    ]
    shown = {
        "Solid: mean ratio": "ratio_geometric_mean",
        "dashed: limits of agreement": "ratio_lower_limit_of_agreement",
    }
    shown |= {"to": "ratio_upper_limit_of_agreement", "ICC(2,1) of the log": "icc_2_1_of_log"}
    shown |= {"CCC of the log": "concordance_of_log", "Spearman": "spearman"}
    lines.append("; ".join(f"{text} {_text(agreement[key])}" for text, key in shown.items()) + ".")
    return [(" ".join(lines), svg)]


def _missing(summary: Mapping[str, Any]) -> tuple[str, Sequence[str]]:
    """One line on reference cases without a prediction, and their names; empty where there are none."""
    missing = summary["cases_without_prediction"]
    if not missing:
        return "", ()
    total = len(missing) + summary["num_cases"]
    line = f"Partial cohort: {len(missing)} of {total} reference cases have no prediction and are not scored"
    return f"{line}; a part of a split is evaluated with --split FILE:test", missing


def _notes(summary: Mapping[str, Any]) -> list[str]:
    notes = []
    if summary["unfinished_visits"]:
        notes.append(f"Unfinished visits, not scored: {', '.join(summary['unfinished_visits'])}")
    for name in ("challenge", "froc", "calibration", "localisation", "regions", "categories"):
        if "not_run" in summary.get(name, {}):
            notes.append(f"{name}: not run, {summary[name]['not_run']}")
    for name, found in summary.get("categories", {}).items():
        if isinstance(found, Mapping) and "not_run" in found:
            notes.append(f"category {name}: not run, {found['not_run']}")
    return [*notes, *summary["remarks"]]
