"""An import plan as rows, as a table and as JSON, for a person to read before anything is written.

Files are named below the source; of a header only numbers, coded meanings and decisions appear.
"""

from __future__ import annotations

import json
from collections import Counter

from netlesion.datasets.dicom.planned import ImportPlan, PlannedSeries

COLUMNS = ("decision", "modality", "files", "source", "taken_for", "target", "why")


def plan_rows(plan: ImportPlan) -> list[dict]:
    """One row per series, then per contour, then per file that could not be read."""
    rows = [_series_row(plan, one) for one in plan.images]
    for one in plan.rois:
        row = {"decision": one.decision.value, "modality": one.facts.series.modality, "files": 1}
        row |= {"source": one.roi.file, "taken_for": f"ROI {one.roi.number}", "target": _text(one.target)}
        rows.append(row | {"why": one.why, "image": _text(one.image), "warnings": list(one.warnings)})
    for line in plan.refused_files:
        source, _, why = line.partition(": ")
        row = {"decision": "refuse", "modality": "", "files": 1, "source": source, "taken_for": "a broken file"}
        rows.append(row | {"target": "", "why": why, "warnings": []})
    return rows


def plan_json(plan: ImportPlan) -> str:
    """The whole plan as one line of JSON."""
    counts = Counter(row["decision"] for row in plan_rows(plan))
    summary = {"num_files": plan.num_files, "decisions": dict(counts), "series": plan_rows(plan)}
    return json.dumps(summary | {"passed_over": list(plan.passed)})


def plan_lines(plan: ImportPlan) -> list[str]:
    """The plan as a table, one line per row, columns aligned."""
    cells = [[str(row[name]) for name in COLUMNS] for row in plan_rows(plan)]
    widths = [max(len(line[i]) for line in [list(COLUMNS), *cells]) for i in range(len(COLUMNS) - 1)]
    return [
        "  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[-1]]).rstrip()
        for line in [list(COLUMNS), *cells]
    ]


def _series_row(plan: ImportPlan, one: PlannedSeries) -> dict:
    series = one.facts.series
    return {
        "decision": one.decision.value,
        "modality": series.modality if series.modality.isalnum() and len(series.modality) <= 16 else "other",
        "files": len(series.files),
        "source": series.slices[0].file,
        "taken_for": one.taken_for,
        "target": _text(one.target),
        "why": one.why,
        "subject": one.subject,
        "session": one.session,
        "visit": plan.visits.get((one.subject, one.session)),
        "belongs_to": _text(one.belongs_to),
        "belongs_by": one.belongs_by,
        "warnings": list(one.warnings),
    }


def _text(path: object) -> str:
    return "" if path is None else str(path)
