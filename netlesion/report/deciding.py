"""The numbers that decide on a model, and the curve that goes with them: what an evaluation's page shows first.

Takes the summary that `evaluate` wrote. Knows nothing about how a number was made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netlesion.report.plots import froc_figure, size_figure

#: Name shown, path of its estimate in the summary, what it means. The first five that are there are shown.
DECIDING: tuple[tuple[str, str, str], ...] = (
    ("Lesion sensitivity", "pooled_lesion_sensitivity", "of all reference lesions found"),
    ("False positives", "false_positives_per_patient", "per patient"),
    ("Sensitivity at 1 false positive", "froc.sensitivity_at.1", "per PET, on the FROC curve"),
    ("Dice", "mean.dice", "mean over cases"),
    ("Calibration error", "calibration.ece", "of lesion scores, 0 is best"),
    ("PPV", "pooled_lesion_ppv", "of all predicted lesions true"),
    ("Dice of the cohort", "segmentation.dice_aggregated", "all voxels together"),
)
NUM_DECIDING = 5


@dataclass(frozen=True)
class DecidingNumber:
    """name; value: as text; detail: interval, n and meaning."""

    name: str
    value: str
    detail: str


def deciding_numbers(summary: Mapping[str, Any]) -> list[DecidingNumber]:
    """The five numbers, fewer where fewer were asked for; of categories alone, the agreement of each."""
    rows = [(name, found_at(summary, place), meaning) for name, place, meaning in DECIDING]
    rows = [(name, found, meaning) for name, found, meaning in rows if found is not None]
    for name, found in summary.get("categories", {}).items():
        if isinstance(found, Mapping) and "accuracy" in found:
            rows.append((f"Equal answers: {name}", found["accuracy"], "share of cases"))
    return [_number(*row) for row in rows[:NUM_DECIDING]]


def deciding_figures(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Caption and SVG: the FROC curve, else sensitivity by size; none where neither was computed."""
    froc = summary.get("froc", {})
    if froc.get("curve", {}).get("sensitivity"):
        return [("FROC. Step curve; the band is the 95 % interval over patients.", froc_figure(froc))]
    sizes = [row for row in summary.get("strata", ()) if row["by"] == "size"]
    if any(row["num_lesions"] for row in sizes):
        return [("Sensitivity by lesion size, 95 % intervals.", size_figure(sizes))]
    return []


def found_at(summary: Mapping[str, Any], place: str) -> Any:
    """What lies at a path of keys joined by dots (a key may hold none); None where nothing does."""
    found: Any = summary
    for key in [place] if place in summary else place.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _number(name: str, found: Mapping[str, Any], meaning: str) -> DecidingNumber:
    value = "n/a" if found["value"] is None else f"{found['value']:.2f}"
    interval = "" if found["low"] is None or found["high"] is None else f"{found['low']:.2f} to {found['high']:.2f}, "
    return DecidingNumber(name, value, f"{interval}n {found['n']}; {meaning}")
