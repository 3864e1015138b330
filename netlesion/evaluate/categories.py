"""Columns of two tables, paired row by row: grades, scores and yes/no answers of a model and of its reference.

Each side keeps `categories.tsv`: a column case, an optional lesion_id, and one column for each category (a Krenning
score, an SSTR-RADS class, a stage). Every category that both tables hold is paired. Agreement in percent, with its
interval over patients, is made here; kappa and its kin read the same `PairedCategory`. Knows nothing about images.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netlesion.errors import CohortError
from netlesion.evaluate.interval import SHARE, Resampling, plain
from netlesion.io.masks import patient_of

TABLE = "categories.tsv"
KEYS = ("case", "lesion_id")
_EMPTY = ("", "n/a", None)


@dataclass(frozen=True)
class PairedCategory:
    """One category: what the reference and the prediction say of each row that both hold, and the row's patient.

    num_unpaired: rows where one side has no value.
    """

    name: str
    reference: tuple[str, ...]
    prediction: tuple[str, ...]
    patients: tuple[str, ...]
    num_unpaired: int


def pair_tables(reference: str | Path, prediction: str | Path) -> tuple[PairedCategory, ...]:
    """Every category of two tables, in the reference's order.

    Raises CohortError for a missing table, a row given twice, or tables without a common category or row.
    """
    names, of_reference = _read(Path(reference))
    other, of_prediction = _read(Path(prediction))
    shared = [name for name in names if name in other]
    if not shared:
        raise CohortError(f"{prediction}: has no category of {reference} ({', '.join(names) or 'which names none'})")
    keys = [key for key in of_reference if key in of_prediction]
    if not keys:
        raise CohortError(f"{prediction}: has no row of {reference}; case (and lesion_id) must agree")
    return tuple(_pair(name, keys, of_reference, of_prediction) for name in shared)


def summarise_categories(pairs: tuple[PairedCategory, ...], resampling: Resampling) -> dict[str, Any]:
    """Category -> share of equal answers with its interval, and the cross table reference -> prediction -> count."""
    summary: dict[str, Any] = {}
    for pair in pairs:
        equal = [float(g == p) for g, p in zip(pair.reference, pair.prediction, strict=True)]
        cross: dict[str, Counter] = {}
        for g, p in zip(pair.reference, pair.prediction, strict=True):
            cross.setdefault(g, Counter())[p] += 1
        summary[pair.name] = {
            "accuracy": plain(resampling.mean(equal, pair.patients, SHARE)),
            "cross_table": {g: dict(sorted(row.items())) for g, row in sorted(cross.items())},
            "num_pairs": len(equal),
            "num_unpaired": pair.num_unpaired,
        }
    return summary


def _pair(name: str, keys: list, reference: Mapping, prediction: Mapping) -> PairedCategory:
    rows = [(key, reference[key][name], prediction[key][name]) for key in keys]
    both = [(key, g, p) for key, g, p in rows if g not in _EMPTY and p not in _EMPTY]
    return PairedCategory(
        name=name,
        reference=tuple(g for _, g, _ in both),
        prediction=tuple(p for _, _, p in both),
        patients=tuple(patient_of(key[0]) for key, _, _ in both),
        num_unpaired=len(set(reference) | set(prediction)) - len(both),
    )


def _read(path: Path) -> tuple[list[str], dict[tuple[str, str], dict[str, str]]]:
    if not path.is_file():
        raise CohortError(f"{path}: no such table; expected a column case and one for each category")
    rows: dict[tuple[str, str], dict[str, str]] = {}
    with path.open(encoding="utf-8-sig", newline="") as lines:
        table = csv.DictReader(lines, delimiter="\t")
        if "case" not in (table.fieldnames or ()):
            raise CohortError(f"{path}: no column case; expected it beside one column for each category")
        for row in table:
            key = (row["case"], row.get("lesion_id") or "")
            if key in rows:
                raise CohortError(f"{path}: case {' '.join(key).strip()} is there twice, expected once")
            rows[key] = row
        return [name for name in table.fieldnames if name not in KEYS], rows
