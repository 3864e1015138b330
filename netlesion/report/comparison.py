"""The page of a comparison of two models: every figure with both values, their difference and its test.

Takes the summary that `evaluate.compare.comparison` wrote, as it is in summary.json. One self-contained HTML file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from netlesion.output.atomic import write_text
from netlesion.report.footnotes import Footnotes
from netlesion.report.page import page_text


def write_comparison(path: str | Path, summary: Mapping[str, Any]) -> None:
    """Writes the page atomically; the notice on research use is always shown."""
    told = [_told(row) for row in summary["figures"]]
    notes = Footnotes(told)
    _, marks = notes.table(told)  # what holds for all rows of the one table is common already
    rows = list(zip(summary["figures"], marks, strict=True))
    values = {**summary, "rows": rows, "common": notes.common, "footnotes": notes.numbered}
    filters = {"estimate": _estimate, "p": _p, "first_number": _first}
    write_text(path, page_text("comparison.html.j2", values, filters))


def _told(row: Mapping[str, Any]) -> str:
    """How a figure was tested, its interval, its note, and other tests of it, as parts of one note."""
    others = (f"{name}: p {_p(value)}" for name, value in row["other_p_uncorrected"].items())
    return "; ".join(part for part in (row["test"], row["interval"], row["difference"]["note"], *others) if part)


def _first(text: str) -> str:
    """The value alone of what `_estimate` gives."""
    return text.partition(" ")[0]


def _estimate(estimate: Mapping[str, Any]) -> str:
    """0.812 [0.703, 0.901], the value alone without an interval, or n/a."""
    if estimate["value"] is None:
        return "n/a"
    if estimate["low"] is None or estimate["high"] is None:
        return f"{estimate['value']:.3f}"
    return f"{estimate['value']:.3f} [{estimate['low']:.3f}, {estimate['high']:.3f}]"


def _p(value: float | None) -> str:
    if value is None:
        return "n/a"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
