"""The evaluation as one HTML page: numbers with n and interval, figures, worst cases. No script, no outside link."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from netlesion import __version__
from netlesion.atomic import write_text
from netlesion.evaluate.case_result import CaseResult
from netlesion.evaluate.plots import bland_altman_figure, froc_figure, reliability_figure, size_figure
from netlesion.evaluate.tables import cell
from netlesion.evaluate.worst import WorstCase
from netlesion.html import render

TEMPLATES = Path(__file__).parent / "templates"

#: Title of a table -> name shown -> path of the estimate in the summary.
SHOWN: Mapping[str, Mapping[str, str]] = {
    "Segmentation": {
        "Dice, mean over cases": "mean.dice",
        "Dice, aggregated over the cohort": "segmentation.dice_aggregated",
        "Surface Dice at 2 mm": "mean.nsd_2mm",
        "Surface Dice at 4 mm": "mean.nsd_4mm",
        "HD95, mm (cases where both masks hold something)": "mean.hd95_mm",
        "Volume, prediction / reference": "segmentation.volume_ratio_geometric_mean",
        "SUV times volume, prediction / reference": "segmentation.tlsre_ratio_geometric_mean",
    },
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
        "Cases with lesions where something was found": "case_sensitivity",
        "Lesion-free cases where nothing was found": "case_specificity",
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
    values = {
        "version": __version__,
        "summary": summary,
        "tables": [(title, rows) for title, names in SHOWN.items() if (rows := _rows(summary, names))],
        "strata": [_stratum_row(row) for row in summary["strata"]],
        "figures": _figures(summary, results),
        "worst": [(w, base64.b64encode(w.png).decode("ascii")) for w in worst],
        "notes": _notes(summary),
        "columns": ("case", "dice", "lesion_sensitivity", "num_lesions_reference", "num_false_positives"),
        "cases": results,
        "cell": cell,
    }
    write_text(path, render(TEMPLATES / "evaluation.html.j2", values))


def _rows(summary: Mapping[str, Any], names: Mapping[str, str]) -> list[tuple[str, str, str, str]]:
    rows = []
    for name, place in names.items():
        found: Any = summary
        for key in place.split("."):
            found = found.get(key) if isinstance(found, Mapping) else None
        if found is not None:
            rows.append((name, _text(found), str(found["n"]), found["note"]))
    return rows


def _text(estimate: Mapping[str, Any] | None) -> str:
    if estimate is None or estimate["value"] is None:
        return "n/a"
    interval = "" if estimate["low"] is None else f" [{estimate['low']:.3f}, {estimate['high']:.3f}]"
    return f"{estimate['value']:.3f}{interval}"


def _stratum_row(row: Mapping[str, Any]) -> tuple[str, ...]:
    counts = (row["num_lesions"], row["num_patients"], row["num_false_positives"])
    numbers = (row["sensitivity"], row["ppv"], row["false_positives_per_case"], row["dice"])
    return (row["by"], row["name"], *(cell(c) for c in counts), *(_text(n) for n in numbers))


def _figures(summary: Mapping[str, Any], results: Sequence[CaseResult]) -> list[tuple[str, str]]:
    found = []
    froc = summary.get("froc", {})
    if froc.get("curve", {}).get("sensitivity"):
        found.append(("FROC. Step curve; the band is the 95 % interval over patients.", froc_figure(froc)))
    if summary.get("reliability"):
        found.append(("Reliability of lesion confidence, 95 % intervals.", reliability_figure(summary["reliability"])))
    sizes = [row for row in summary["strata"] if row["by"] == "size"]
    if any(row["num_lesions"] for row in sizes):
        found.append(("Sensitivity by lesion size, 95 % intervals.", size_figure(sizes)))
    if "segmentation" in summary["tasks"]:
        pairs = [(r.case, r.volume_reference_ml, r.volume_prediction_ml) for r in results]
        volumes = bland_altman_figure(pairs, "ml")
        if volumes:
            text = "Bland-Altman of the whole-body volume, on the log; dashed: mean and 1.96 SD. Empty masks left out."
            found.append((text, volumes))
        pairs = [(r.case, r.tlsre_reference_g, r.tlsre_prediction_g) for r in results]
        uptake = bland_altman_figure(pairs, "g")
        if uptake:
            found.append(("The same for SUV times volume.", uptake))
    return found


def _notes(summary: Mapping[str, Any]) -> list[str]:
    notes = []
    missing = summary["cases_without_prediction"]
    if missing:
        notes.append(
            f"Partial cohort: {len(missing)} of {len(missing) + summary['num_cases']} reference cases have no "
            f"prediction and are not scored: {', '.join(missing)}"
        )
    if summary["unfinished_visits"]:
        notes.append(f"Unfinished visits, not scored: {', '.join(summary['unfinished_visits'])}")
    for name in ("challenge", "froc", "localisation", "categories"):
        if "not_run" in summary.get(name, {}):
            notes.append(f"{name}: not run, {summary[name]['not_run']}")
    return [*notes, *summary["remarks"]]
