"""Categories such as Krenning grades and findings: their cross table, what a disagreement costs, Fleiss' kappa.

Rows are patients, or lesions clustered in them. Categories are ordered, the order given. Knows nothing about what they
mean. Cohen's kappa of two raters is in `kappa`.

Sources: Cohen, Psychol Bull 1968;70:213 (weights); Fleiss, Psychol Bull 1971;76:378 (many raters).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from enum import Enum

import numpy as np

from netlesion.errors import CohortError
from netlesion.statistics.arrays import Names
from netlesion.statistics.bootstrap import Statistic


class Weights(Enum):
    """What a disagreement of d steps costs: any the same, d, or d squared."""

    NONE = "none"
    LINEAR = "linear"
    QUADRATIC = "quadratic"

    def agreement(self, num_categories: int) -> np.ndarray:
        """(C, C): 1 on the diagonal, down to 0 for the categories that are farthest apart (or not the same)."""
        steps = np.abs(np.subtract.outer(np.arange(num_categories), np.arange(num_categories)))
        if self is Weights.NONE:
            return (steps == 0).astype(np.float64)
        share = steps / max(num_categories - 1, 1)
        return 1 - (share if self is Weights.LINEAR else share**2)


def cross_table(first: Sequence[Hashable], second: Sequence[Hashable], categories: Sequence[Hashable]) -> np.ndarray:
    """(C, C) counts. Raises CohortError for unequal lengths or an unknown category."""
    if len(first) != len(second):
        raise CohortError(f"{len(first)} and {len(second)} ratings, expected one pair per patient")
    place = places_of(categories)
    table = np.zeros((len(place), len(place)), dtype=np.int64)
    for one, other in zip(first, second, strict=True):
        table[place_in(place, one), place_in(place, other)] += 1
    return table


def fleiss_of_patients(
    ratings: Sequence[Sequence[Hashable]], categories: Sequence[Hashable], patients: Names
) -> Statistic:
    """Fleiss' kappa of rows (N, K raters) as a function of the patients' weights; patients (N,), by sorted id.

    Raises CohortError when rows have different numbers of raters, or fewer than two.
    """
    place = places_of(categories)
    raters = {len(row) for row in ratings}
    if len(raters) != 1 or min(raters) < 2:
        raise CohortError(f"numbers of raters per patient are {sorted(raters)}, expected one number, 2 or more")
    k = raters.pop()
    ids, owner = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    counts = np.zeros((len(ratings), len(place)))
    for n, row in enumerate(ratings):
        for rating in row:
            counts[n, place_in(place, rating)] += 1
    of_patient, agreeing, rows = np.zeros((len(ids), len(place))), np.zeros(len(ids)), np.zeros(len(ids))
    np.add.at(of_patient, owner, counts)
    np.add.at(agreeing, owner, (counts * (counts - 1)).sum(axis=1) / (k * (k - 1)))
    np.add.at(rows, owner, 1.0)

    def statistic(weights: np.ndarray) -> np.ndarray:
        total = weights @ rows
        with np.errstate(invalid="ignore", divide="ignore"):
            chance = ((weights @ of_patient / (k * total[:, np.newaxis])) ** 2).sum(axis=1)
            seen = weights @ agreeing / total
        return np.divide(seen - chance, 1 - chance, out=np.full_like(seen, np.nan), where=chance < 1 - 1e-12)

    return statistic


def places_of(categories: Sequence[Hashable]) -> dict[Hashable, int]:
    """Category -> its place; raises CohortError unless there are two or more, each once."""
    place = {category: n for n, category in enumerate(categories)}
    if len(place) != len(categories) or len(place) < 2:
        raise CohortError(f"categories are {list(categories)}, expected two or more, each once")
    return place


def place_in(place: dict[Hashable, int], rating: Hashable) -> int:
    """Raises CohortError for a rating that is no category."""
    if rating not in place:
        raise CohortError(f"rating {rating!r} is no category; expected one of {', '.join(map(repr, place))}")
    return place[rating]
