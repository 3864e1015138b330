"""Figures as SVG text, drawn by hand: FROC with its band, Bland-Altman, sensitivity by size, reliability.

Takes numbers, returns SVG; no plotting library, no script, nothing from outside. Knows nothing about how a number
was made.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

WIDTH, HEIGHT = 460, 320
LEFT, RIGHT, TOP, BOTTOM = 58, 26, 14, 46
#: Colours of the page that a figure stands in, with those of a light page where it stands alone.
INK, LINE, BAND, GREY, GRID = (
    f"var(--{name}, {colour})"
    for name, colour in (
        ("ink", "#1b1f24"),
        ("link", "#0550ae"),
        ("band", "#a5c8f4"),
        ("muted", "#57606a"),
        ("grid", "#e4e8ec"),
    )
)


class Axes:
    """An empty plot with two labelled axes; drawing methods add elements, `svg` returns the text."""

    def __init__(
        self,
        x: tuple[float, float],
        y: tuple[float, float],
        x_label: str,
        y_label: str,
        x_ticks: Sequence[float],
        y_ticks: Sequence[float],
        *,
        log_x: bool = False,
        log_y: bool = False,
        tick_text: Callable[[float], str] = lambda v: f"{v:g}",
        y_text: Callable[[float], str] = lambda v: f"{v:g}",
    ) -> None:
        self._x, self._y = _scale(x, LEFT, WIDTH - RIGHT, log_x), _scale(y, HEIGHT - BOTTOM, TOP, log_y)
        self._parts: list[str] = []
        for value in x_ticks:
            at = self._x(value)
            self._line(at, HEIGHT - BOTTOM, at, TOP, GRID)
            self.text(at, HEIGHT - BOTTOM + 16, tick_text(value), "middle")
        for value in y_ticks:
            at = self._y(value)
            self._line(LEFT, at, WIDTH - RIGHT, at, GRID)
            self.text(LEFT - 6, at + 4, y_text(value), "end")
        self._line(LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM, INK)
        self._line(LEFT, HEIGHT - BOTTOM, LEFT, TOP, INK)
        self.text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, x_label, "middle")
        middle = (TOP + HEIGHT - BOTTOM) / 2
        self._parts.append(
            f'<text x="14" y="{middle:.1f}" text-anchor="middle" transform="rotate(-90 14 {middle:.1f})">'
            f"{escape(y_label)}</text>"
        )

    def text(self, x: float, y: float, text: str, anchor: str = "start") -> None:
        self._parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>')

    def path(self, points: Sequence[tuple[float, float]], colour: str = LINE, dash: str = "") -> None:
        if points:
            places = " ".join(f"{self._x(x):.1f},{self._y(y):.1f}" for x, y in points)
            style = f' stroke-dasharray="{dash}"' if dash else ""
            self._parts.append(f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="1.8"{style}/>')

    def band(self, rows: Sequence[tuple[float, float, float]]) -> None:
        """Rows of x, low, high."""
        if rows:
            edge = [(x, high) for x, _, high in rows] + [(x, low) for x, low, _ in reversed(rows)]
            places = " ".join(f"{self._x(x):.1f},{self._y(y):.1f}" for x, y in edge)
            self._parts.append(f'<polygon points="{places}" fill="{BAND}" fill-opacity="0.5"/>')

    def dots(self, points: Sequence[tuple[float, float]], titles: Sequence[str] = (), colour: str = LINE) -> None:
        for n, (x, y) in enumerate(points):
            title = f"<title>{escape(titles[n])}</title>" if titles else ""
            self._parts.append(
                f'<circle cx="{self._x(x):.1f}" cy="{self._y(y):.1f}" r="3.2" fill="{colour}" fill-opacity="0.75">'
                f"{title}</circle>"
            )

    def bars(self, rows: Sequence[tuple[float, float, float]], colour: str = LINE) -> None:
        """Vertical error bars, rows of x, low, high."""
        for x, low, high in rows:
            self._line(self._x(x), self._y(low), self._x(x), self._y(high), colour, 1.4)

    def column(self, left: float, right: float, top: float, title: str) -> None:
        """A bar from 0 to `top`."""
        x, y = self._x(left), self._y(top)
        self._parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{self._x(right) - x:.1f}" height="{self._y(0) - y:.1f}" '
            f'fill="{LINE}" fill-opacity="0.75"><title>{escape(title)}</title></rect>'
        )

    def svg(self, title: str) -> str:
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'aria-label="{escape(title)}" font-family="system-ui, sans-serif" font-size="11" fill="{INK}">'
            f"<title>{escape(title)}</title>{''.join(self._parts)}</svg>"
        )

    def _line(self, x1: float, y1: float, x2: float, y2: float, colour: str, width: float = 1.0) -> None:
        self._parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"/>'
        )


def froc_figure(froc: dict[str, Any]) -> str:
    """FROC as a step curve on a logarithmic axis, with its 95 % band and the seven points of the score."""
    rates = [float(rate) for rate in froc["sensitivity_at"]]
    axes = Axes((0.03, 16), (0, 1), "false positives per case", "lesion sensitivity", rates, _TENTHS, log_x=True)
    band = [b for b in froc["band"] if None not in (b["value"], b["low"], b["high"])]
    axes.band([(b["false_positives_per_case"], b["low"], b["high"]) for b in band])
    xs, ys = froc["curve"]["false_positives_per_case"], froc["curve"]["sensitivity"]
    steps: list[tuple[float, float]] = []
    for x, y in zip(xs, ys, strict=True):
        place = min(max(x, 0.03), 16)
        if steps:
            steps.append((place, steps[-1][1]))
        steps.append((place, y if x <= 16 else steps[-1][1]))
    if steps:
        steps.append((16, steps[-1][1]))
    axes.path(steps)
    shown = [(float(r), e["value"]) for r, e in froc["sensitivity_at"].items() if e["value"] is not None]
    axes.dots(shown, [f"{y:.3f} at {x:g} false positives per case" for x, y in shown])
    return axes.svg("FROC curve with 95 % band over patients")


def bland_altman_figure(pairs: Sequence[tuple[str, float, float]], unit: str) -> str:
    """Case, reference and prediction: ratio against geometric mean, both on the log, with mean and 1.96 SD."""
    points = [(math.sqrt(g * p), math.log2(p / g), case) for case, g, p in pairs if g > 0 and p > 0]
    if not points:
        return ""
    low = 10 ** math.floor(math.log10(min(x for x, _, _ in points)) - 0.01)
    high = 10 ** math.ceil(math.log10(max(x for x, _, _ in points)) + 0.01)
    reach = max(1.0, math.ceil(max(abs(y) for _, y, _ in points)))
    axes = Axes(
        (low, high),
        (-reach, reach),
        f"geometric mean of both, {unit}",
        "log2 of prediction / reference",
        [10.0**n for n in range(round(math.log10(low)), round(math.log10(high)) + 1)],
        [-reach, -reach / 2, 0, reach / 2, reach],
        log_x=True,
    )
    mean = sum(y for _, y, _ in points) / len(points)
    axes.path([(low, mean), (high, mean)])
    if len(points) > 2:
        sd = math.sqrt(sum((y - mean) ** 2 for _, y, _ in points) / (len(points) - 1))
        for limit in (mean - 1.96 * sd, mean + 1.96 * sd):
            if abs(limit) <= reach:
                axes.path([(low, limit), (high, limit)], GREY, "5 4")
    axes.dots([(x, y) for x, y, _ in points], [f"{case}: ratio {2**y:.3g}" for _, y, case in points])
    return axes.svg(f"Bland-Altman plot of {unit} on the log")


def size_figure(rows: Sequence[dict[str, Any]]) -> str:
    """Lesion sensitivity by size, with 95 % intervals and the number of lesions."""
    names = [row["name"] for row in rows]
    axes = Axes(
        (-0.5, len(rows) - 0.5),
        (0, 1),
        "lesion volume, ml (number of lesions)",
        "lesion sensitivity",
        range(len(rows)),
        _TENTHS,
        tick_text=lambda n: f"{names[int(n)]} ({rows[int(n)]['num_lesions']})",
    )
    known = [(n, row["sensitivity"]) for n, row in enumerate(rows) if row["sensitivity"]["value"] is not None]
    axes.bars([(n, e["low"], e["high"]) for n, e in known if e["low"] is not None])
    axes.dots([(n, e["value"]) for n, e in known], [f"{e['value']:.3f}" for _, e in known])
    return axes.svg("Lesion sensitivity by lesion size")


def reliability_figure(bins: Sequence[dict[str, Any]], after: Sequence[dict[str, Any]] = ()) -> str:
    """Share of true positives against mean confidence in ten bins; the diagonal is a calibrated score.

    after: the bins of the recalibrated scores, in grey.
    """
    axes = Axes((0, 1), (0, 1), "confidence of a predicted lesion", "share that is a lesion", _TENTHS, _TENTHS)
    axes.path([(0, 0), (1, 1)], GREY, "5 4")
    for rows, colour in ((after, GREY), (bins, LINE)):
        known = [(b["mean_score"], b["share_true"]) for b in rows]
        axes.bars([(x, e["low"], e["high"]) for x, e in known if e["low"] is not None], colour)
        titles = [f"{b['num_detections']} detections" for b in rows]
        axes.dots([(x, e["value"]) for x, e in known], titles, colour)
    return axes.svg("Reliability of lesion confidence")


_TENTHS = (0, 0.2, 0.4, 0.6, 0.8, 1)


def _scale(limits: tuple[float, float], start: float, end: float, log: bool) -> Callable[[float], float]:
    turn = math.log if log else float
    low, high = turn(limits[0]), turn(limits[1])
    return lambda value: start + (turn(value) - low) / (high - low) * (end - start)
