"""Agreement of categories: Krenning grades, findings, readers. Accuracy, sensitivity of each class, kappa.

One rating per patient and rater; categories are ordered, the order given. Knows nothing about what they mean.

Sources: Cohen, Educ Psychol Meas 1960;20:37 and Psychol Bull 1968;70:213 (weighted), with the large-sample errors of
Fleiss, Cohen & Everitt, Psychol Bull 1969;72:323; Fleiss, Psychol Bull 1971;76:378 (many raters).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from netlesion.errors import CohortError
from netlesion.evaluate.statistics.bootstrap import NUM_RESAMPLES, bootstrap
from netlesion.evaluate.statistics.estimate import CONFIDENCE, Estimate, join_notes, normal_quantile
from netlesion.evaluate.statistics.proportions import proportion


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


@dataclass(frozen=True)
class CategoryAgreement:
    """How two ratings of the same patients agree; the first is the reference where there is one.

    table[i][j]: patients of category i by the first and j by the second. sensitivity: of each category, how many
    of the first's the second found.
    """

    categories: tuple[Hashable, ...]
    table: tuple[tuple[int, ...], ...]
    accuracy: Estimate
    sensitivity: tuple[Estimate, ...]
    kappa: Estimate
    kappa_linear: Estimate
    kappa_quadratic: Estimate


def compare_categories(
    first: Sequence[Hashable], second: Sequence[Hashable], categories: Sequence[Hashable]
) -> CategoryAgreement:
    """Cross table and everything read from it; raises CohortError for unequal lengths or an unknown category."""
    table = cross_table(first, second, categories)
    kappas = [cohen_kappa(table, weights) for weights in Weights]
    return CategoryAgreement(
        tuple(categories),
        tuple(tuple(int(n) for n in row) for row in table),
        proportion(int(np.trace(table)), int(table.sum())),
        tuple(proportion(int(table[i, i]), int(table[i].sum())) for i in range(len(table))),
        *kappas,
    )


def cross_table(first: Sequence[Hashable], second: Sequence[Hashable], categories: Sequence[Hashable]) -> np.ndarray:
    """(C, C) counts. Raises as compare_categories."""
    if len(first) != len(second):
        raise CohortError(f"{len(first)} and {len(second)} ratings, expected one pair per patient")
    place = _places(categories)
    table = np.zeros((len(place), len(place)), dtype=np.int64)
    for one, other in zip(first, second, strict=True):
        table[_place(place, one), _place(place, other)] += 1
    return table


def cohen_kappa(table: np.ndarray, weights: Weights = Weights.NONE, confidence: float = CONFIDENCE) -> Estimate:
    """Kappa of a (C, C) table of counts; large-sample interval cut at 1; NaN when chance alone would agree fully."""
    n = int(np.sum(table))
    if n == 0:
        return Estimate(math.nan, math.nan, math.nan, 0, "no patient has a value")
    shares, w = np.asarray(table, dtype=np.float64) / n, weights.agreement(len(table))
    rows, columns = shares.sum(axis=1), shares.sum(axis=0)
    seen, chance = float((w * shares).sum()), float(rows @ w @ columns)
    if chance >= 1 - 1e-12:
        return Estimate(math.nan, math.nan, math.nan, n, "one category only: no kappa")
    value = (seen - chance) / (1 - chance)
    if seen >= 1 - 1e-12:
        return Estimate(value, math.nan, math.nan, n, "perfect agreement: no interval")
    expected = (w @ columns)[:, np.newaxis] + (rows @ w)[np.newaxis, :]
    spread = (shares * (w * (1 - chance) - expected * (1 - seen)) ** 2).sum()
    centre = (seen * chance - 2 * chance + seen) ** 2
    error = math.sqrt(max(spread - centre, 0.0) / n) / (1 - chance) ** 2
    half = normal_quantile(confidence) * error
    return Estimate(value, max(value - half, -1.0), min(value + half, 1.0), n)


def fleiss_kappa(
    ratings: Sequence[Sequence[Hashable]],
    categories: Sequence[Hashable],
    *,
    seed: int,
    num_resamples: int = NUM_RESAMPLES,
) -> Estimate:
    """Kappa of K raters, ratings (N patients, K raters), with a bootstrap interval over patients.

    Raises CohortError when patients have different numbers of raters, or fewer than two.
    """
    place = _places(categories)
    raters = {len(row) for row in ratings}
    if len(raters) != 1 or min(raters) < 2:
        raise CohortError(f"numbers of raters per patient are {sorted(raters)}, expected one number, 2 or more")
    counts = np.zeros((len(ratings), len(place)))
    for patient, row in enumerate(ratings):
        for rating in row:
            counts[patient, _place(place, rating)] += 1
    k = raters.pop()
    agreeing = (counts * (counts - 1)).sum(axis=1) / (k * (k - 1))

    def statistic(weights: np.ndarray) -> np.ndarray:
        total = weights.sum(axis=1)
        chance = ((weights @ counts / (k * total[:, np.newaxis])) ** 2).sum(axis=1)
        seen = weights @ agreeing / total
        return np.divide(seen - chance, 1 - chance, out=np.full_like(seen, np.nan), where=chance < 1 - 1e-12)

    n = len(ratings)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = bootstrap(statistic, n, seed=seed, num_resamples=num_resamples)
    low, high = float(found.low[0]), min(float(found.high[0]), 1.0)
    note = join_notes("no interval" if math.isnan(low) else "")
    return Estimate(float(found.value[0]), low, high if not math.isnan(low) else math.nan, n, note)


def _places(categories: Sequence[Hashable]) -> dict[Hashable, int]:
    place = {category: n for n, category in enumerate(categories)}
    if len(place) != len(categories) or len(place) < 2:
        raise CohortError(f"categories are {list(categories)}, expected two or more, each once")
    return place


def _place(place: dict[Hashable, int], rating: Hashable) -> int:
    if rating not in place:
        raise CohortError(f"rating {rating!r} is no category; expected one of {', '.join(map(repr, place))}")
    return place[rating]
