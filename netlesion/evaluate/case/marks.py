"""A table of readers' marks -> lesion lists that are evaluated as predictions.

One row is one mark: case, x_mm, y_mm, z_mm (RAS+ mm) and rating, and reader where a table holds several. A row
without coordinates says that the reader read the case and marked nothing; a case without any row was not read, and
is not scored. Comma-separated (.csv) or tab-separated (.tsv). Knows nothing about references.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from netlesion.errors import CohortError
from netlesion.io.table_file import Row, read_table

COORDINATES = ("x_mm", "y_mm", "z_mm")
REQUIRED = ("case", *COORDINATES, "rating")


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
    """One row of a table of points; point_mm None where it has no coordinates. row: every column."""

    row: Row
    case: str
    point_mm: tuple[float, float, float] | None


def marks_table(path: str | Path, required: Sequence[str]) -> tuple[MarkRow, ...]:
    """The rows of a table of points. Raises as read_marks, which adds the rating and the reader."""
    path = Path(path)
    if not path.is_file():
        raise CohortError(f"{path}: no such file; expected a table of points with columns {', '.join(required)}")
    found = []
    for row in read_table(path, required, "\t" if path.suffix.lower() == ".tsv" else ",").rows:
        case = row.text("case")
        if case is None:
            raise CohortError(f"{row.where}: no case; every mark belongs to one")
        point = None
        if any(row.text(name) is not None for name in COORDINATES):
            needed = [name for name in required if name != "case"]
            x, y, z = (row.number(name) for name in COORDINATES)
            if x is None or y is None or z is None or any(row.text(name) is None for name in needed):
                raise CohortError(
                    f"{row.where}: a mark needs {', '.join(needed[:-1])} and {needed[-1]}; leave all three "
                    "coordinates empty for a case without any mark"
                )
            point = (x, y, z)
        found.append(MarkRow(row, case, point))
    if not found:
        raise CohortError(f"{path}: holds no row; expected one for each mark, and one for each case without marks")
    return tuple(found)


def read_marks(path: str | Path) -> tuple[ReaderList, ...]:
    """Every reader of a table, by name; without a reader column the file's name is the reader.

    Raises CohortError for a missing file or column, an incomplete row, a mark that is there twice, a case with marks
    and without, an empty table, or a coordinate or rating that is not a finite number; the line is named.
    """
    path = Path(path)
    found: dict[str, dict[str, list[tuple[tuple[float, float, float], float]]]] = {}
    silent: list[tuple[str, str, str]] = []
    for mark in marks_table(path, REQUIRED):
        where, case = mark.row.where, mark.case
        reader = mark.row.text("reader") or path.stem
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", reader):
            raise CohortError(
                f"{where}: reader is {reader!r}; use letters, digits, dot, dash and underscore, it names a folder"
            )
        marks = found.setdefault(reader, {}).setdefault(case, [])
        if mark.point_mm is None:
            silent.append((reader, case, where))
        elif mark.point_mm in (point for point, _ in marks):
            raise CohortError(f"{where}: the same mark of {reader} in case {case} is there twice")
        else:
            rating = mark.row.number("rating")
            assert rating is not None, "marks_table has required it"
            marks.append((mark.point_mm, rating))
    for reader, case, where in silent:
        if found[reader][case]:
            raise CohortError(f"{where}: {reader} marked nothing in case {case}, and other rows hold marks")
    return tuple(
        ReaderList(reader, {c: Marks(tuple(p for p, _ in m), tuple(r for _, r in m)) for c, m in sorted(cases.items())})
        for reader, cases in sorted(found.items())
    )
