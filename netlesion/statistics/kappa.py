"""Cohen's kappa of two raters, plain or weighted, with an interval over patients.

Rows are patients, or lesions clustered in them. Knows nothing about what the categories mean.

A weighted kappa rests on far disagreements that are rare: a cohort without one looks too certain, however its patients
are resampled (expanded BCa covers 0.86 to 0.90 of 0.95 where they are rarest). So the interval reaches as far as it
does in two sets of resamples: of the patients, and of the patients and a quarter of one more [P] whose rows were rated
by chance, which is what two raters with these margins would do if they knew nothing. At perfect agreement resamples say
nothing; there the lower limit is the kappa of the largest fraction of patients rated by chance that would go unseen in
1 - confidence / 2 of cohorts. docs/statistics.md has the measured coverage.

Sources: Cohen, Educ Psychol Meas 1960;20:37 and Psychol Bull 1968;70:213 (weighted); `bootstrap`.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np

from netlesion.errors import CohortError
from netlesion.statistics.arrays import Names
from netlesion.statistics.bootstrap import (
    NUM_RESAMPLES,
    expanded_limits,
    jackknife,
    patient_weights,
)
from netlesion.statistics.categories import Weights, place_in, places_of
from netlesion.statistics.estimate import CONFIDENCE, Estimate, join_notes
from netlesion.statistics.ratios import few_patients

KAPPA_INTERVAL = "expanded BCa over patients, and over patients and a quarter of one rated by chance"
CHANCE_PATIENTS = 0.25
CONSTANT = "no interval: a rater gave one class, and kappa is 0 whoever the patients are"
PERFECT = "perfect agreement: the limit is exact, patients as trials"
#: From here on kappa is 1, but for rounding.
ALL_AGREE = 1 - 1e-12


def cohen_kappa(
    first: Sequence[Hashable],
    second: Sequence[Hashable],
    categories: Sequence[Hashable],
    patients: Names,
    weights: Weights = Weights.NONE,
    *,
    seed: int,
    num_resamples: int = NUM_RESAMPLES,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """Kappa of all rows, its interval over the patients (N,) they belong to; n counts patients.

    NaN where chance alone would agree fully; no interval where no resample differs. Raises CohortError for unequal
    lengths or an unknown category.
    """
    tables, agreement = _tables(first, second, categories, patients), weights.agreement(len(categories))
    num_patients = len(tables)
    if num_patients == 0:
        return Estimate(math.nan, math.nan, math.nan, 0, few_patients(0))
    value = float(_kappas(tables.sum(axis=0)[np.newaxis], agreement)[0])
    if math.isnan(value):
        return Estimate(value, math.nan, math.nan, num_patients, "one class only: no kappa")
    note = few_patients(num_patients)
    if num_patients == 1:
        return Estimate(value, math.nan, math.nan, 1, note)
    by_chance = _by_chance(tables)
    if value >= ALL_AGREE:
        unseen = (1 - ((1 - confidence) / 2) ** (1 / num_patients)) / (1 - np.trace(by_chance))
        return Estimate(1.0, float(max(1 - unseen, -1.0)), 1.0, num_patients, join_notes(note, PERFECT))

    def counted(drawn: np.ndarray) -> np.ndarray:
        return (drawn @ tables.reshape(num_patients, -1)).reshape(-1, *by_chance.shape)

    counts = counted(patient_weights(num_patients, seed=seed, num_resamples=num_resamples))
    without_one = jackknife(lambda drawn: _kappas(counted(drawn), agreement), num_patients)[:, 0]
    rows = tables.sum() / num_patients
    more = rows * _chance_rated(by_chance, num_patients, seed, num_resamples)
    centre = tables.sum(axis=0) + CHANCE_PATIENTS * rows * by_chance
    limits = [
        expanded_limits(at, _kappas(table, agreement), without_one, num_patients, confidence)
        for at, table in ((value, counts), (float(_kappas(centre[np.newaxis], agreement)[0]), counts + more))
    ]
    low, high = min(low for low, _ in limits), max(high for _, high in limits)
    if not high - low > 1e-9:
        return Estimate(value, math.nan, math.nan, num_patients, join_notes(note, CONSTANT))
    return Estimate(value, low, high, num_patients, note).within(-1, 1)


def _chance_rated(by_chance: np.ndarray, num_patients: int, seed: int, num_resamples: int) -> np.ndarray:
    """(R, C, C): in how many of each resample's patients, drawn from all and CHANCE_PATIENTS more, each cell is met."""
    rng = np.random.default_rng([seed, num_patients])
    share = CHANCE_PATIENTS / (num_patients + CHANCE_PATIENTS)
    drawn = rng.binomial(num_patients, share, size=num_resamples)
    return rng.multinomial(drawn, by_chance.ravel()).reshape(-1, *by_chance.shape)


def _by_chance(tables: np.ndarray) -> np.ndarray:
    """(C, C): shares of two raters who have these margins and know nothing of each other."""
    shares = tables.sum(axis=0) / tables.sum()
    return np.outer(shares.sum(axis=1), shares.sum(axis=0))


def _tables(first, second, categories, patients) -> np.ndarray:
    """(P, C, C) counts of each patient's rows, patients by sorted id."""
    if not len(first) == len(second) == len(patients):
        raise CohortError(
            f"{len(first)} and {len(second)} ratings of {len(patients)} patients, expected one patient per pair"
        )
    ids, owner = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    place = places_of(categories)
    tables = np.zeros((len(ids), len(place), len(place)))
    for patient, one, other in zip(owner, first, second, strict=True):
        tables[patient, place_in(place, one), place_in(place, other)] += 1
    return tables


def _kappas(counts: np.ndarray, agreement: np.ndarray) -> np.ndarray:
    """(R,) of (R, C, C); NaN without a row, and where chance alone would agree fully."""
    total = counts.sum(axis=(1, 2), keepdims=True)
    shares = np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)
    chance = ((shares.sum(axis=2) @ agreement) * shares.sum(axis=1)).sum(axis=1)
    seen = (agreement * shares).sum(axis=(1, 2))
    exists = (chance < 1 - 1e-12) & (total[:, 0, 0] > 0)
    return np.divide(seen - chance, 1 - chance, out=np.full_like(seen, np.nan), where=exists)
