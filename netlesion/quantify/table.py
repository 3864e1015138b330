"""The lesion table on disk and in a notebook: one row per lesion, and its data dictionary (BIDS)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netlesion.errors import CohortError
from netlesion.io.table_file import read_table
from netlesion.output.atomic import write_json, write_text
from netlesion.output.html import row_table
from netlesion.output.tables import tsv
from netlesion.quantify.row import COLUMNS, FIRST, WHOLE, WORDS, LesionRow

if TYPE_CHECKING:
    from pandas import DataFrame


class LesionTable(tuple[LesionRow, ...]):
    """The lesions of one PET, one row each; a notebook shows them as a table."""

    __slots__ = ()

    def frame(self) -> DataFrame | LesionTable:
        """A pandas DataFrame with the fields of `LesionRow` as columns where pandas is installed, else these rows."""
        try:
            from pandas import DataFrame
        except ImportError:
            return self
        return DataFrame([asdict(row) for row in self], columns=[f.name for f in fields(LesionRow)])

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        cells = [[_cell(v) for v in asdict(row).values()] for row in self]
        return row_table(f"{len(self)} lesions", [f.name for f in fields(LesionRow)], cells)


def write_lesions(path: str | Path, rows_by_case: Mapping[str, Iterable[LesionRow]]) -> None:
    """lesions.tsv, with the case as last column, and its data dictionary lesions.json (BIDS)."""
    path = Path(path)
    names = [f.name for f in fields(LesionRow)]
    cells = ([*map(_cell, asdict(row).values()), case] for case, rows in rows_by_case.items() for row in rows)
    text = tsv([*names, "case"], cells)
    write_json(path.with_suffix(".json"), dict(COLUMNS))
    write_text(path, text)


def read_lesions(path: str | Path) -> dict[str, tuple[LesionRow, ...]]:
    """Case -> rows of a table that `write_lesions` wrote, now or before (cases without a lesion have no row).

    Columns that a table of before does not have are None.

    Raises CohortError, with the line, for a value that is no number, or a missing one that every lesion has.
    """
    rows: dict[str, list[LesionRow]] = {}
    names = [f.name for f in fields(LesionRow)]
    for row in read_table(path, (*FIRST, "case")).rows:
        values: dict[str, Any] = {name: row.text(name) if name in WORDS else row.number(name) for name in names}
        values |= {name: row.whole(name) for name in WHOLE}
        missing = [name for name in FIRST if values[name] is None and name != "score"]
        if missing:
            raise CohortError(f"{row.where}: {missing[0]} is missing; only a score may be, measure the lesions again")
        rows.setdefault(row.cells["case"], []).append(LesionRow(**values))
    return {case: tuple(found) for case, found in rows.items()}


def _cell(value: float | int | str | None) -> str:
    if value is None:
        return "n/a"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
