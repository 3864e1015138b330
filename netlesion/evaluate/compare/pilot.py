"""A table of lesions that two methods did or did not find -> the pilot that a study is planned from.

One row for each lesion: patient, found_a, found_b (1 or 0); a patient without a lesion has one row of n/a. It is
written by hand, or it is `modality_rows.tsv` of `netlesion answer`, whose `level` tells rows of lesions from those of
patients and regions.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from netlesion.errors import CohortError
from netlesion.io.table_file import Row, read_table
from netlesion.statistics.sample_size import PairedPilot

COLUMNS = ("patient", "found_a", "found_b")


def read_pilot(path: str | Path, comparison: str | None = None) -> PairedPilot:
    """The pilot of a table.

    Args:
        path: tab-separated, with the columns patient, found_a and found_b.
        comparison: which rows, where a column `comparison` names several.

    Raises:
        CohortError: a cell that is not 0, 1 or n/a; found by one with n/a for the other; several comparisons and none
            named, or none of that name; a table without a lesion.
    """
    table = read_table(path, COLUMNS)
    named = dict.fromkeys(row.cells.get("comparison", "") for row in table.rows)
    if comparison is None and len(named) > 1:
        raise CohortError(f"{path}: rows of {len(named)} comparisons ({', '.join(named)}); name one with --comparison")
    rows = [
        row
        for row in table.rows
        if comparison in (None, row.cells.get("comparison"))
        and row.cells.get("level", "lesion") in ("lesion", "patient")
    ]
    if not rows:
        raise CohortError(f"{path}: no row of the comparison {comparison}; there are {', '.join(named) or 'none'}")
    counts: dict[str, np.ndarray] = {}
    for row in rows:
        patient = row.text("patient")
        if patient is None:
            raise CohortError(f"{row.where}: patient is missing; name it")
        of_patient = counts.setdefault(patient, np.zeros(4, dtype=int))
        if row.cells.get("level", "lesion") == "lesion":
            of_patient += _counted(row)
    sizes, both, only_a, only_b = np.array(list(counts.values())).T
    if not sizes.sum():
        raise CohortError(f"{path}: no lesion; expected rows with found_a and found_b of 1 or 0")
    return PairedPilot(sizes, both, only_a, only_b)


def _counted(row: Row) -> tuple[int, int, int, int]:
    """Lesions, found by both, by A alone, by B alone: of one row."""
    a, b = (_found(row, name) for name in COLUMNS[1:])
    if a is None and b is None:
        return 0, 0, 0, 0
    if a is None or b is None:
        raise CohortError(f"{row.where}: found_a or found_b is n/a; expected both or neither, as pairs are compared")
    return 1, int(a and b), int(a and not b), int(b and not a)


def _found(row: Row, name: str) -> bool | None:
    value = row.whole(name)
    if value not in (None, 0, 1):
        raise CohortError(f"{row.where}: {name} is {row.cells[name]!r}, expected 1 (found), 0 (not) or n/a")
    return None if value is None else bool(value)
