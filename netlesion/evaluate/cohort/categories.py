"""Columns of two tables, paired row by row: grades, scores and yes/no answers of a model and of its reference.
 Each side keeps `categories.tsv`, or is a table of another name: a column case, an optional lesion_id and patient
(else the case tells), and one column for each category (a Krenning score, an SSTR-RADS class, a stage). Every category
that both tables hold is paired, and its agreement summarised: share of equal answers, sensitivity of each class,
Cohen's kappa, weighted where the classes are ordered. They are ordered when all are whole numbers, whose steps are
their differences, or when an order is stated. Knows nothing about images or what a category means.

Source: clinical.md 8.3, 8.4; kappa's own in `statistics.categories`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from netlesion.errors import CohortError, ConfigError
from netlesion.evaluate.cohort.interval import Estimate, Resampling, plain
from netlesion.io.bids.masks import patient_of
from netlesion.io.table_file import EMPTY, read_table
from netlesion.statistics.categories import Weights, cross_table
from netlesion.statistics.estimate import join_notes
from netlesion.statistics.kappa import cohen_kappa

TABLE = "categories.tsv"
KEYS = ("case", "lesion_id", "patient")
#: A column of more different values than this is no category [P].
MAX_CLASSES = 50
#: Name in the summary of each kappa that ordered classes have.
KAPPAS: Mapping[str, Weights] = {
    "kappa": Weights.NONE,
    "kappa_linear": Weights.LINEAR,
    "kappa_quadratic": Weights.QUADRATIC,
}


@dataclass(frozen=True)
class PairedCategory:
    """One category: what the reference and the prediction say of each row that both hold, and the row's patient.

    classes: all that can be said, in order if `ordered`. num_unpaired: rows where one side has no value.
    """

    name: str
    reference: tuple[str, ...]
    prediction: tuple[str, ...]
    patients: tuple[str, ...]
    num_unpaired: int
    classes: tuple[str, ...]
    ordered: bool


def parse_orders(texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """`stage=I,II,III` for each category -> category -> its classes, the lowest first. Raises ConfigError otherwise."""
    orders = {}
    for text in texts:
        name, equals, classes = text.partition("=")
        order = tuple(part.strip() for part in classes.split(","))
        if not (name.strip() and equals and all(order) and len(order) == len(set(order)) >= 2):
            raise ConfigError(f"category order is {text!r}, expected NAME=LOWEST,...,HIGHEST, each class once")
        orders[name.strip()] = order
    return orders


def table_of(given: str | Path) -> Path:
    """The table that is meant: the file itself, as `netlesion answer` writes them, or categories.tsv of a folder."""
    path = Path(given)
    return path if path.suffix.lower() == ".tsv" else path / TABLE


def pair_tables(
    reference: str | Path,
    prediction: str | Path,
    orders: Mapping[str, Sequence[str]] | None = None,
    patients: Collection[str] | None = None,
) -> tuple[PairedCategory, ...]:
    """Every category of two tables, in the reference's order of columns; orders: category -> classes, lowest first;
    patients: whose rows are paired, None for all.

    Raises CohortError for a missing table, a row given twice, tables without a common category or row, or a class
    outside its stated order; ConfigError for the order of a category that the tables do not share.
    """
    names, of_reference = _read(Path(reference))
    other, of_prediction = _read(Path(prediction))
    shared = [name for name in names if name in other]
    if not shared:
        raise CohortError(f"{prediction}: has no category of {reference} ({', '.join(names) or 'which names none'})")
    if patients is not None:
        of_reference = {k: row for k, row in of_reference.items() if _patient(k[0], row) in patients}
    keys = [key for key in of_reference if key in of_prediction]
    if not keys:
        raise CohortError(f"{prediction}: has no row of {reference}; case (and lesion_id) must agree")
    orders = orders or {}
    for name in orders:
        if name not in shared:
            raise ConfigError(f"an order is given for {name}, the tables share {', '.join(shared)}")
    return tuple(_pair(name, keys, of_reference, of_prediction, orders.get(name)) for name in shared)


def patients_by_case(table: str | Path) -> dict[str, str]:
    """The cases that a table has rows of, and whose they are. Raises as pair_tables."""
    return {case: _patient(case, row) for (case, _), row in _read(Path(table))[1].items()}


def summarise_categories(pairs: tuple[PairedCategory, ...], resampling: Resampling) -> dict[str, Any]:
    """Category -> agreement with intervals over patients, and the cross table reference -> prediction -> count."""
    return {pair.name: _summary(pair, resampling) for pair in pairs}


def _summary(pair: PairedCategory, resampling: Resampling) -> dict[str, Any]:
    total = len(pair.reference) + pair.num_unpaired
    unpaired = (
        f"{pair.num_unpaired} of {total} rows have a value on one side only, or none" if pair.num_unpaired else ""
    )
    counts = {"num_pairs": len(pair.reference), "num_unpaired": pair.num_unpaired}
    if not pair.reference:
        return {"not_run": "no row has a value on both sides", **counts}
    if len(pair.classes) > MAX_CLASSES:
        return {"not_run": f"{len(pair.classes)} classes, expected at most {MAX_CLASSES}; is it a category?", **counts}

    def noted(estimate: Estimate) -> dict[str, Any]:
        return plain(estimate) | {"note": join_notes(unpaired, estimate.note)}

    rows = list(zip(pair.reference, pair.prediction, pair.patients, strict=True))
    seen = [c for c in pair.classes if c in pair.reference or c in pair.prediction]
    table = cross_table(pair.reference, pair.prediction, seen) if len(seen) > 1 else np.array([[len(rows)]])
    sensitivity = {}
    for name in seen:
        of_class = [(p == name, patient) for g, p, patient in rows if g == name]
        sensitivity[name] = noted(resampling.share([h for h, _ in of_class], [o for _, o in of_class]))
        sensitivity[name]["num_rows"] = len(of_class)
    return {
        "accuracy": noted(resampling.share([g == p for g, p, _ in rows], pair.patients)),
        "sensitivity": sensitivity,
        **{name: noted(estimate) for name, estimate in _kappas(pair, resampling).items()},
        "ordered": pair.ordered,
        "classes": list(pair.classes),
        "cross_table": {
            g: {p: int(n) for p, n in zip(seen, row, strict=True) if n}
            for g, row in zip(seen, table, strict=True)
            if row.any()
        },
        **counts,
    }


def _kappas(pair: PairedCategory, resampling: Resampling) -> dict[str, Estimate]:
    """Cohen's kappa, and of ordered classes the weighted ones; without a second class no kappa has a value."""
    wanted = KAPPAS if pair.ordered else {"kappa": Weights.NONE}
    if len(pair.classes) < 2:
        nothing = Estimate(math.nan, math.nan, math.nan, len(set(pair.patients)), "one class only: no kappa")
        return dict.fromkeys(wanted, resampling.noted(nothing))
    rows = (pair.reference, pair.prediction, pair.classes, pair.patients)
    drawn = {"seed": resampling.seed, "num_resamples": resampling.num_resamples}
    return {name: resampling.noted(cohen_kappa(*rows, weights, **drawn)) for name, weights in wanted.items()}


def _pair(
    name: str, keys: list, reference: Mapping, prediction: Mapping, order: Sequence[str] | None
) -> PairedCategory:
    rows = [(key, reference[key][name], prediction[key][name]) for key in keys]
    both = [(key, g, p) for key, g, p in rows if g not in EMPTY and p not in EMPTY]
    whole = {value: _whole(value) for _, g, p in both for value in (g, p)}
    known = {value for value in whole.values() if value is not None}
    numbers = [] if None in whole.values() else sorted(known)
    if numbers:
        # 3.0 is what a spreadsheet makes of 3
        both = [(key, str(whole[g]), str(whole[p])) for key, g, p in both]
    if order is not None:
        classes, ordered = tuple(order), True
    elif numbers and numbers[-1] - numbers[0] < MAX_CLASSES:
        # grades between those seen are classes too: a step is a difference of 1
        classes, ordered = tuple(map(str, range(numbers[0], numbers[-1] + 1))), True
    else:
        classes, ordered = tuple(map(str, numbers)) if numbers else tuple(sorted(whole)), False
    for key, g, p in both:
        if strange := next((value for value in (g, p) if value not in classes), None):
            raise CohortError(
                f"case {' '.join(key).strip()}: {name} is {strange!r}, which its order ({', '.join(classes)}) lacks"
            )
    return PairedCategory(
        name=name,
        reference=tuple(g for _, g, _ in both),
        prediction=tuple(p for _, _, p in both),
        patients=tuple(_patient(key[0], reference[key]) for key, _, _ in both),
        num_unpaired=len(set(reference) | set(prediction)) - len(both),
        classes=classes,
        ordered=ordered,
    )


def _patient(case: str, row: Mapping[str, str]) -> str:
    named = row.get("patient", "")
    return patient_of(case) if named in EMPTY else named


def _whole(text: str) -> int | None:
    return int(float(text)) if re.fullmatch(r"[+-]?\d{1,15}(\.0*)?", text) else None


def _read(path: Path) -> tuple[list[str], dict[tuple[str, str], dict[str, str]]]:
    if not path.is_file():
        raise CohortError(f"{path}: no such table; expected a column case and one for each category")
    rows: dict[tuple[str, str], dict[str, str]] = {}
    table = read_table(path, ("case",))
    for row in table.rows:
        key = (row.cells["case"], row.cells.get("lesion_id", ""))
        if key in rows:
            raise CohortError(f"{path}: case {' '.join(key).strip()} is there twice, expected once")
        rows[key] = dict(row.cells)
    return [name for name in table.columns if name not in KEYS], rows
