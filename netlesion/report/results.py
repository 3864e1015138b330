"""One self-contained HTML page: no script, no link to the outside, pictures inline."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from netlesion.output.atomic import write_text
from netlesion.output.html import render
from netlesion.output.version import __version__
from netlesion.quantify.row import LesionRow
from netlesion.report.mip import SUV_BLACK

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class CasePage:
    """What the page shows of one PET; absent names the optional channels that the visit lacked."""

    case: str
    channel: str
    mip_png: bytes
    rows: tuple[LesionRow, ...]
    absent: tuple[str, ...] = ()


@dataclass(frozen=True)
class TextTable:
    """A table of ready-made text cells."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def write_report(
    path: str | Path,
    title: str,
    cases: Sequence[CasePage],
    facts: Mapping[str, str],
    tables: Sequence[TextTable] = (),
    failures: Sequence[str] = (),
) -> None:
    """Writes the page atomically; the notice on research use is always shown."""
    shown = [
        {
            "case": c.case,
            "channel": c.channel,
            "absent": c.absent,
            "rows": c.rows,
            "png": base64.b64encode(c.mip_png).decode("ascii"),
        }
        for c in cases
    ]
    values = {
        "title": title,
        "version": __version__,
        "facts": facts,
        "cases": shown,
        "tables": tables,
        "failures": failures,
        "suv_black": SUV_BLACK,
    }
    write_text(path, render(TEMPLATES / "report.html.j2", values))
