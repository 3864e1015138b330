"""A table of readers' marks -> lesion lists that are evaluated as predictions.

One row is one mark: case, x_mm, y_mm, z_mm (RAS+ mm) and rating, and reader where a table holds several. A row
without coordinates says that the reader read the case and marked nothing; a case without any row was not read, and
is not scored. Comma-separated (.csv) or tab-separated (.tsv). Knows nothing about references.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from netlesion.errors import CohortError, QuantityError

COORDINATES = ("x_mm", "y_mm", "z_mm")
REQUIRED = ("case", *COORDINATES, "rating")
_EMPTY = ("", "n/a", None)


@dataclass(frozen=True)
class Marks:
    """What one reader marked in one case: points in RAS+ mm, and a rating for each; none: read, nothing found."""

    points_mm: tuple[tuple[float, float, float], ...]
    ratings: tuple[float, ...]


@dataclass(frozen=True)
class ReaderList:
    """One reader: the name, and the marks of every case read."""

    reader: str
    cases: Mapping[str, Marks]


def is_reader_table(path: str | Path) -> bool:
    """Whether a prediction, or a reference, is a table of points rather than a folder of masks."""
    return Path(path).suffix.lower() in (".csv", ".tsv")


@dataclass(frozen=True)
class MarkRow:
    """One row of a table of points; point_mm None where it has no coordinates. cells: every column as it is written."""

    line: int
    case: str
    point_mm: tuple[float, float, float] | None
    cells: Mapping[str, str]


def marks_table(path: str | Path, required: Sequence[str]) -> tuple[MarkRow, ...]:
    """The rows of a table of points. Raises as read_marks, which adds the rating and the reader."""
    path = Path(path)
    if not path.is_file():
        raise CohortError(f"{path}: no such file; expected a table of points with columns {', '.join(required)}")
    found = []
    with path.open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
        missing = [name for name in required if name not in (rows.fieldnames or ())]
        if missing:
            raise CohortError(f"{path}: no column {', '.join(missing)}; expected {', '.join(required)}")
        for line, row in enumerate(rows, start=2):
            case = (row["case"] or "").strip()
            if not case:
                raise CohortError(f"{path}, line {line}: no case; every mark belongs to one")
            point = None
            if any(row[name] not in _EMPTY for name in COORDINATES):
                needed = [name for name in required if name != "case"]
                if any(row[name] in _EMPTY for name in needed):
                    raise CohortError(
                        f"{path}, line {line}: a mark needs {', '.join(needed[:-1])} and {needed[-1]}; leave all three "
                        "coordinates empty for a case without any mark"
                    )
                x, y, z = (_number(path, line, name, row[name]) for name in COORDINATES)
                point = (x, y, z)
            found.append(MarkRow(line, case, point, row))
    if not found:
        raise CohortError(f"{path}: holds no row; expected one for each mark, and one for each case without marks")
    return tuple(found)


def read_marks(path: str | Path) -> tuple[ReaderList, ...]:
    """Every reader of a table, by name; without a reader column the file's name is the reader.

    Raises CohortError for a missing file or column, an incomplete row, a mark that is there twice, a case with marks
    and without, or an empty table, QuantityError for a coordinate or rating that is not a finite number; the line is
    named.
    """
    path = Path(path)
    found: dict[str, dict[str, list[tuple[tuple[float, float, float], float]]]] = {}
    silent: list[tuple[str, str, int]] = []
    for row in marks_table(path, REQUIRED):
        reader = (row.cells.get("reader") or path.stem).strip()
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", reader):
            raise CohortError(
                f"{path}, line {row.line}: reader is {reader!r}; use letters, digits, dot, dash and underscore, "
                "it names a folder"
            )
        marks = found.setdefault(reader, {}).setdefault(row.case, [])
        if row.point_mm is None:
            silent.append((reader, row.case, row.line))
        elif row.point_mm in (point for point, _ in marks):
            raise CohortError(f"{path}, line {row.line}: the same mark of {reader} in case {row.case} is there twice")
        else:
            marks.append((row.point_mm, _number(path, row.line, "rating", row.cells["rating"])))
    for reader, case, line in silent:
        if found[reader][case]:
            raise CohortError(f"{path}, line {line}: {reader} marked nothing in case {case}, and other rows hold marks")
    return tuple(
        ReaderList(reader, {c: Marks(tuple(p for p, _ in m), tuple(r for _, r in m)) for c, m in sorted(cases.items())})
        for reader, cases in sorted(found.items())
    )


def _number(path: Path, line: int, name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise QuantityError(f"{path}, line {line}: {name} is {text!r}, expected a number") from error
    if not math.isfinite(value):
        raise QuantityError(f"{path}, line {line}: {name} is {text}, expected a finite number")
    return value
