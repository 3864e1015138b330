"""A cohort as a page for every 200 patients: a table to filter and sort, burden, tracers, evaluation, failures.

Takes what `patient_page` returns of each patient. Knows no image.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from netlesion.output.atomic import write_text
from netlesion.report.deciding import deciding_figures, deciding_numbers
from netlesion.report.lesion_table import spoken
from netlesion.report.page import page_text
from netlesion.report.patient_page import PatientDrawn
from netlesion.report.plots_cohort import burden_figure, tracers_figure
from netlesion.report.results_folder import tracer_words
from netlesion.report.text_table import TextTable

PER_PAGE = 200
#: Where `netlesion evaluate` of these results may have been written.
EVALUATION = Path("evaluation", "summary.json")


def write_cohort_pages(
    root: Path,
    title: str,
    patients: Sequence[PatientDrawn],
    about: Mapping[str, Any],
    folder: str,
    tables: Sequence[TextTable] = (),
) -> Path:
    """Writes report.html, report-2.html, ... into `root` and returns the first; folder: of the patients' pages."""
    channels = [c for c in ("sstr", "psma", "fdg") if any(c in p.counts for p in patients)]
    channels += sorted({c for p in patients for c in p.counts} - set(channels))
    questions = list(dict.fromkeys(q for p in patients for q in p.categories))
    parts = [patients[n : n + PER_PAGE] for n in range(0, max(len(patients), 1), PER_PAGE)]
    names = [_name(n) for n in range(len(parts))]
    values = {
        "title": title,
        "about": about,
        "folder": folder,
        "pages": names,
        "num_patients": len(patients),
        "num_visits": sum(p.num_visits for p in patients),
        "failures": [(p.patient_id, line) for p in patients for line in p.failures],
        "missing": [(p.patient_id, visit) for p in patients for visit in p.missing],
        "channels": [(c, _words(patients, c)) for c in channels],
        "questions": [(q, (spoken(q) or "").capitalize()) for q in questions],
        "choices": {q: sorted({p.categories[q] for p in patients if q in p.categories}) for q in questions},
        "figures": _figures(patients, channels),
        "tables": tables,
        "evaluation": _evaluation(root),
        "any_liver": any(p.highest_to_liver is not None for p in patients),
    }
    for number, (name, part) in enumerate(zip(names, parts, strict=True)):
        write_text(root / name, page_text("cohort.html.j2", {**values, "patients": part, "number": number}))
    return root / names[0]


def _name(number: int) -> str:
    return "report.html" if number == 0 else f"report-{number + 1}.html"


def _figures(patients: Sequence[PatientDrawn], channels: Sequence[str]) -> list[tuple[str, str]]:
    """Caption and SVG."""
    if not channels:
        return []
    first, second = channels[0], channels[1] if len(channels) > 1 else None
    words = _words(patients, first), "" if second is None else _words(patients, second)
    rows = [
        (p.patient_id, p.volumes_ml.get(first), None if second is None else p.volumes_ml.get(second))
        for p in patients
        if p.page is not None
    ]
    both = [(name, a, b) for name, a, b in rows if a is not None and b is not None]
    found = [
        ("Volume of all lesions of each patient at the last visit.", burden_figure(rows, *words)),
        (
            "Volume of all lesions, one tracer against the other; on the dashed line both are equal.",
            tracers_figure(both, *words) if second else "",
        ),
    ]
    return [(caption, svg) for caption, svg in found if svg]


def _words(patients: Sequence[PatientDrawn], channel: str) -> str:
    """The tracer of a channel where all patients had the same, else the channel's own name."""
    found = {p.tracers[channel] for p in patients if channel in p.tracers}
    return found.pop() if len(found) == 1 else tracer_words(channel)


def _evaluation(root: Path) -> dict[str, Any] | None:
    """The deciding numbers and their curve, where these results were evaluated."""
    path = root / EVALUATION
    if not path.is_file():
        return None
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None
    return {
        "numbers": deciding_numbers(summary),
        "figures": deciding_figures(summary),
        "page": str(EVALUATION.with_name("evaluation.html").as_posix()),
    }
