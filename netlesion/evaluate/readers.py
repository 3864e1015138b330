"""A table of readers' marks -> lesion lists that are evaluated as predictions.

One row is one mark: case, x_mm, y_mm, z_mm (RAS+ mm) and rating, and reader where a table holds several. A row
without coordinates says that the reader read the case and marked nothing; a case without any row was not read, and
is not scored. Comma-separated (.csv) or tab-separated (.tsv). Knows nothing about references.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping
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
    """Whether a prediction is a table of marks rather than a folder of masks."""
    return Path(path).suffix.lower() in (".csv", ".tsv")


def read_marks(path: str | Path) -> tuple[ReaderList, ...]:
    """Every reader of a table, by name; without a reader column the file's name is the reader.

    Raises CohortError for a missing file or column, an incomplete row or an empty table, QuantityError for a
    coordinate or rating that is not a finite number; the line is named.
    """
    path = Path(path)
    if not path.is_file():
        raise CohortError(f"{path}: no such file; expected a table of marks with columns {', '.join(REQUIRED)}")
    found: dict[str, dict[str, list[tuple[tuple[float, float, float], float]]]] = {}
    with path.open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
        missing = [name for name in REQUIRED if name not in (rows.fieldnames or ())]
        if missing:
            raise CohortError(f"{path}: no column {', '.join(missing)}; expected {', '.join(REQUIRED)}")
        for number, row in enumerate(rows, start=2):
            case = (row["case"] or "").strip()
            if not case:
                raise CohortError(f"{path}, line {number}: no case; every mark belongs to one")
            reader = (row.get("reader") or path.stem).strip()
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", reader):
                raise CohortError(
                    f"{path}, line {number}: reader is {reader!r}; use letters, digits, dot, dash and underscore, "
                    "it names a folder"
                )
            marks = found.setdefault(reader, {}).setdefault(case, [])
            given = [row[name] not in _EMPTY for name in COORDINATES]
            if any(given):
                if not all(given) or row["rating"] in _EMPTY:
                    raise CohortError(
                        f"{path}, line {number}: a mark needs x_mm, y_mm, z_mm and rating; leave all three "
                        "coordinates empty for a case without any mark"
                    )
                x, y, z = (_number(path, number, name, row[name]) for name in COORDINATES)
                marks.append(((x, y, z), _number(path, number, "rating", row["rating"])))
    if not found:
        raise CohortError(f"{path}: holds no row; expected one for each mark, and one for each case without marks")
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
