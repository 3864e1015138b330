"""Rows -> a TSV with its data dictionary beside it (BIDS); what is not known is written n/a."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from netlesion.output.atomic import write_json, write_text

#: What begins a formula in Excel, LibreOffice or Google Sheets, in full width too, after apostrophes of ours.
FORMULA = re.compile("'*[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def write_table(
    path: str | Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]], dictionary: Mapping[str, Any]
) -> None:
    """Writes `path` (.tsv) and `path` with .json, the dictionary of those columns."""
    path = Path(path)
    cells = ([(exact if "score" in name else cell)(row[name]) for name in columns] for row in rows)
    text = tsv(columns, cells)
    write_json(path.with_suffix(".json"), {name: dict(dictionary[name]) for name in columns})
    write_text(path, text)


def tsv(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A header and rows as text, separated by tabs; what a spreadsheet would take for a formula is made `neutral`."""
    lines = []
    for row in (columns, *rows):
        line = io.StringIO()
        writer = csv.writer(line, delimiter="\t", lineterminator="\r\n")  # so that a cell with either is quoted
        writer.writerow([neutral(str(value)) for value in row])
        lines.append(line.getvalue().removesuffix("\r\n") + "\n")
    return "".join(lines)


def neutral(text: str) -> str:
    """A cell that a spreadsheet shows and does not compute: an apostrophe before what could begin a formula.

    Numbers stay as they are. An apostrophe that stands there already gets another one, so that `original` is exact.
    """
    return f"'{text}" if FORMULA.match(text) and not NUMBER.fullmatch(text) else text


def original(text: str) -> str:
    """What `neutral` was given."""
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text


def exact(value: str | int | float | None) -> str:
    """A score as it is written: with every digit, for near 1 six of them make ties that change a curve."""
    return repr(float(value)) if isinstance(value, float) and math.isfinite(value) else cell(value)


def cell(value: str | int | float | None) -> str:
    """One value as it is written: six significant digits, n/a for NaN, None and an empty text."""
    if value is None or value == "":
        return "n/a"
    if isinstance(value, float):
        return "n/a" if not math.isfinite(value) else f"{value:.6g}"
    return str(value)
