"""The page of a comparison of two models: every figure with both values, their difference and its test.

Takes the summary that `evaluate.compare.comparison` wrote, as it is in summary.json. One self-contained HTML file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from netlesion.output.atomic import write_text
from netlesion.report.page import page_text


def write_comparison(path: str | Path, summary: Mapping[str, Any]) -> None:
    """Writes the page atomically; the notice on research use is always shown."""
    filters = {"estimate": _estimate, "p": _p}
    write_text(path, page_text("comparison.html.j2", summary, filters))


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
