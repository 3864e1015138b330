"""Rows -> a TSV with its data dictionary beside it (BIDS); what is not known is written n/a."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from netlesion.output.atomic import write_json, write_text


def write_table(
    path: str | Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]], dictionary: Mapping[str, Any]
) -> None:
    """Writes `path` (.tsv) and `path` with .json, the dictionary of those columns."""
    path = Path(path)
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([(exact if "score" in name else cell)(row[name]) for name in columns])
    write_json(path.with_suffix(".json"), {name: dict(dictionary[name]) for name in columns})
    write_text(path, text.getvalue())


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
