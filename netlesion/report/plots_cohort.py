"""Figures of a cohort as SVG text: the burden of every patient, and one tracer against the other.

Takes numbers, returns SVG in the look of `plots`. Knows nothing about how a number was made.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from netlesion.report.plots import GREY, LINE, Axes

if TYPE_CHECKING:
    from netlesion.report.answer_facts import Course

#: Second colour, told from the first by any colour vision, and on paper by its shape.
OTHER = "var(--mark, #b83200)"


def burden_figure(rows: Sequence[tuple[str, float | None, float | None]], first: str, second: str) -> str:
    """Waterfall of whole-body volumes: patient, ml with the first tracer (bars) and with the second (dots).

    Largest first; None: not imaged with this tracer. Empty where no patient has a volume.
    """
    known = sorted(rows, key=lambda r: (-(r[1] or 0.0), -(r[2] or 0.0), r[0]))
    top = max((v for row in known for v in row[1:] if v is not None), default=0.0)
    if not known or top <= 0:
        return ""
    ticks = _ticks(top)
    label = f"volume of all lesions, ml: {first} bars" + (f", {second} dots" if second else "")
    axes = Axes((-0.6, len(known) - 0.4), (0, max(ticks[-1], top)), "patients, largest burden first", label, (), ticks)
    width = 0.8
    for n, (patient, volume, _) in enumerate(known):
        if volume is not None:
            axes.column(n - width / 2, n + width / 2, volume, f"{patient}: {volume:.1f} ml with {first}")
    dots = [(n, row[2], row[0]) for n, row in enumerate(known) if row[2] is not None]
    axes.dots([(n, v) for n, v, _ in dots], [f"{p}: {v:.1f} ml with {second}" for _, v, p in dots], OTHER)
    return axes.svg("Whole-body lesion volume of every patient")


def tracers_figure(rows: Sequence[tuple[str, float, float]], first: str, second: str) -> str:
    """Patient, ml with the first and with the second tracer, both on the log; 0 stands on the axis."""
    above = [v for row in rows for v in row[1:] if v > 0]
    if not above:
        return ""
    low = 10.0 ** math.floor(math.log10(min(above)) - 0.3)
    high = 10.0 ** math.ceil(math.log10(max(above)) + 0.01)
    decades = [10.0**n for n in range(round(math.log10(low)), round(math.log10(high)) + 1)]

    def tick(value: float) -> str:
        return "none" if value == low else f"{value:g}"

    axes = Axes(
        (low, high), (low, high), f"{first} volume, ml", f"{second} volume, ml", decades, decades,
        log_x=True, log_y=True, tick_text=tick, y_text=tick,
    )  # fmt: skip
    axes.path([(low, low), (high, high)], GREY, "5 4")
    points = [(max(a, low), max(b, low)) for _, a, b in rows]
    axes.dots(points, [f"{p}: {a:.1f} ml {first}, {b:.1f} ml {second}" for p, a, b in rows], LINE)
    return axes.svg(f"Lesion volume of every patient, {first} against {second}")


def course_figures(courses: Sequence[Course], visits: Sequence[str]) -> list[tuple[str, str]]:
    """Caption and SVG for each tracer: SUVpeak of every matched lesion, visit by visit, on the log."""
    figures = []
    for tracer in dict.fromkeys(c.tracer for c in courses):
        lines = []
        for course in (c for c in courses if c.tracer == tracer):
            points = [
                (n, max(v.row.number("suvpeak_g_per_ml") or 0.0 for v in step), step)
                for n, step in enumerate(course.steps)
                if step
            ]
            lines.append([(x, y, step) for x, y, step in points if y > 0])
        above = [y for line in lines for _, y, _ in line]
        if not above:
            continue
        low, high = 10.0 ** math.floor(math.log10(min(above))), 10.0 ** math.ceil(math.log10(max(above)) + 1e-9)
        ticks = [t for t in (low * f * 10.0**n for n in range(6) for f in (1, 2, 5)) if low <= t <= high * 1.001]
        last = max(len(visits) - 1, 1)
        axes = Axes(
            (-0.2, last + 0.2), (low, high), "visit", "SUVpeak, g/ml", range(len(visits)), ticks,
            log_y=True, tick_text=lambda v: visits[int(v)] if v in range(len(visits)) else f"{v:g}",
            y_text=lambda v: f"{v:g}",
        )  # fmt: skip
        for line in lines:
            axes.path([(x, y) for x, y, _ in line])
            axes.dots(
                [(x, y) for x, y, _ in line], [f"{', '.join(v.name for v in s)}: {y:.1f} g/ml" for _, y, s in line]
            )
        figures.append(
            (f"SUVpeak of every {tracer} lesion that was matched over visits.", axes.svg(f"{tracer} over time"))
        )
    return figures


def _ticks(top: float) -> list[float]:
    """Round values from 0 to the first above `top`, four to six of them."""
    size = 10.0 ** math.floor(math.log10(top))
    step = next(s for s in (size * f for f in (0.2, 0.5, 1.0, 2.0)) if top / s <= 5.0)
    return [step * n for n in range(math.ceil(top / step - 1e-9) + 1)]
