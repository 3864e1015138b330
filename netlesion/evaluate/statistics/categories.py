"""Agreement of categories: Krenning grades, findings, readers. Accuracy, sensitivity of each class, kappa.

Rows are patients, or lesions clustered in them: then every interval resamples patients. Categories are ordered, the
order given. Knows nothing about what they mean.

Sources: Cohen, Educ Psychol Meas 1960;20:37 and Psychol Bull 1968;70:213 (weighted), with the large-sample errors of
Fleiss, Cohen & Everitt, Psychol Bull 1969;72:323; Fleiss, Psychol Bull 1971;76:378 (many raters).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from netlesion.errors import CohortError
from netlesion.evaluate.statistics.bootstrap import NUM_RESAMPLES, Statistic, bootstrap
from netlesion.evaluate.statistics.estimate import CONFIDENCE, Estimate, normal_quantile
from netlesion.evaluate.statistics.proportions import proportion
from netlesion.evaluate.statistics.ratios import bootstrap_proportion


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
    first: Sequence[Hashable],
    second: Sequence[Hashable],
    categories: Sequence[Hashable],
    patients: Sequence[str] | None = None,
    *,
    seed: int = 0,
    num_resamples: int = NUM_RESAMPLES,
) -> CategoryAgreement:
    """Cross table and everything read from it; patients (N,): owner of each row, every row its own when not given.

    Raises CohortError for unequal lengths or an unknown category.
    """
    table = cross_table(first, second, categories)
    counts = tuple(tuple(int(n) for n in row) for row in table)
    if patients is None or len(set(patients)) == len(first) == len(patients):
        accuracy = proportion(int(np.trace(table)), int(table.sum()))
        sensitivity = tuple(proportion(int(table[i, i]), int(table[i].sum())) for i in range(len(table)))
        kappas = [cohen_kappa(table, weights) for weights in Weights]
        return CategoryAgreement(tuple(categories), counts, accuracy, sensitivity, *kappas)

    def share(top: np.ndarray, bottom: np.ndarray) -> Estimate:
        return bootstrap_proportion(top, bottom, patients, seed=seed, num_resamples=num_resamples)

    agree = np.array([one == other for one, other in zip(first, second, strict=True)], dtype=float)
    of_class = [np.array([one == category for one in first], dtype=float) for category in categories]
    kappas = [
        clustered_kappa(first, second, categories, patients, weights, seed=seed, num_resamples=num_resamples)
        for weights in Weights
    ]
    accuracy, sensitivity = share(agree, np.ones_like(agree)), tuple(share(agree * rows, rows) for rows in of_class)
    return CategoryAgreement(tuple(categories), counts, accuracy, sensitivity, *kappas)


def clustered_kappa(
    first: Sequence[Hashable],
    second: Sequence[Hashable],
    categories: Sequence[Hashable],
    patients: Sequence[str],
    weights: Weights = Weights.NONE,
    *,
    seed: int,
    num_resamples: int = NUM_RESAMPLES,
) -> Estimate:
    """Cohen's kappa of all rows with a bootstrap interval over patients; n counts patients. Raises as cross_table."""
    statistic = kappa_of_patients(first, second, categories, patients, weights)
    return _resampled(statistic, len(set(map(str, patients))), seed, num_resamples)


def kappa_of_patients(
    first: Sequence[Hashable],
    second: Sequence[Hashable],
    categories: Sequence[Hashable],
    patients: Sequence[str],
    weights: Weights = Weights.NONE,
) -> Statistic:
    """Cohen's kappa as a function of the patients' weights, patients by sorted id. Raises as cross_table."""
    if len(patients) != len(first):
        raise CohortError(f"{len(first)} ratings of {len(patients)} patients, expected one patient per rating")
    ids, owner = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    place, agreement = _places(categories), weights.agreement(len(categories))
    tables = np.zeros((len(ids), len(place), len(place)))
    for patient, one, other in zip(owner, first, second, strict=True):
        tables[patient, _place(place, one), _place(place, other)] += 1

    def statistic(drawn: np.ndarray) -> np.ndarray:
        shares = np.einsum("rp,pij->rij", drawn, tables)
        total = shares.sum(axis=(1, 2), keepdims=True)
        shares = np.divide(shares, total, out=np.zeros_like(shares), where=total > 0)
        chance = np.einsum("ri,ij,rj->r", shares.sum(axis=2), agreement, shares.sum(axis=1))
        seen = (agreement * shares).sum(axis=(1, 2))
        exists = (chance < 1 - 1e-12) & (total[:, 0, 0] > 0)
        return np.divide(seen - chance, 1 - chance, out=np.full_like(seen, np.nan), where=exists)

    return statistic


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
    statistic = fleiss_of_patients(ratings, categories, [f"{n:09d}" for n in range(len(ratings))])
    return _resampled(statistic, len(ratings), seed, num_resamples)


def fleiss_of_patients(
    ratings: Sequence[Sequence[Hashable]], categories: Sequence[Hashable], patients: Sequence[str]
) -> Statistic:
    """Fleiss' kappa of rows (N, K raters) as a function of the patients' weights; patients (N,). Raises likewise."""
    place = _places(categories)
    raters = {len(row) for row in ratings}
    if len(raters) != 1 or min(raters) < 2:
        raise CohortError(f"numbers of raters per patient are {sorted(raters)}, expected one number, 2 or more")
    k = raters.pop()
    ids, owner = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    counts = np.zeros((len(ratings), len(place)))
    for n, row in enumerate(ratings):
        for rating in row:
            counts[n, _place(place, rating)] += 1
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


def _resampled(statistic, num_patients: int, seed: int, num_resamples: int) -> Estimate:
    with np.errstate(invalid="ignore", divide="ignore"):
        found = bootstrap(statistic, num_patients, seed=seed, num_resamples=num_resamples)
    estimate = Estimate(float(found.value[0]), float(found.low[0]), float(found.high[0]), num_patients)
    return replace(estimate, note="no interval") if math.isnan(estimate.low) else estimate.within(-1, 1)


def _places(categories: Sequence[Hashable]) -> dict[Hashable, int]:
    place = {category: n for n, category in enumerate(categories)}
    if len(place) != len(categories) or len(place) < 2:
        raise CohortError(f"categories are {list(categories)}, expected two or more, each once")
    return place


def _place(place: dict[Hashable, int], rating: Hashable) -> int:
    if rating not in place:
        raise CohortError(f"rating {rating!r} is no category; expected one of {', '.join(map(repr, place))}")
    return place[rating]
