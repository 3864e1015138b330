"""Means and pooled ratios with an interval over patients, for one model or for two on the same cases.

Takes one number (or numerator and denominator) for each case and the patient it belongs to; all cases of one
patient are resampled, and swapped between models, together. Knows nothing about lesions or images.

Source: clinical.md 8.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from netlesion.errors import CohortError, QuantityError
from netlesion.evaluate.statistics.bootstrap import INTERVAL_METHOD, NUM_RESAMPLES, Interval, bootstrap
from netlesion.evaluate.statistics.estimate import CONFIDENCE, MIN_PATIENTS, Comparison, Estimate, join_notes
from netlesion.evaluate.statistics.paired_proportions import tango
from netlesion.evaluate.statistics.proportions import clopper_pearson
from netlesion.evaluate.statistics.sign_flip import sign_flip_p

SIGN_FLIP_TEST = "swapping the models within patients (permutation)"
AGREE = "all patients agree: no interval"
EXACT_OF_PATIENTS = "interval counts each patient as one trial (exact)"


def bootstrap_mean(
    values: Sequence[float],
    patients: Sequence[str],
    *,
    seed: int,
    num_resamples: int = NUM_RESAMPLES,
    interval: Interval = Interval.EXPANDED_BCA,
) -> Estimate:
    """Mean over cases, each case weighing the same; a NaN is left out and counted in the note.

    values (N,), patients (N,). No value at all gives NaN and n = 0; one patient, or patients that all agree, give a
    value without interval.
    """
    values = np.asarray(values, dtype=np.float64)
    ones = np.ones_like(values)
    return bootstrap_ratio(values, ones, patients, seed=seed, num_resamples=num_resamples, interval=interval)


def bootstrap_ratio(
    numerators: Sequence[float],
    denominators: Sequence[float],
    patients: Sequence[str],
    *,
    seed: int,
    num_resamples: int = NUM_RESAMPLES,
    interval: Interval = Interval.EXPANDED_BCA,
) -> Estimate:
    """Sum of numerators over sum of denominators, such as volume over volume, pooled over cases.

    All (N,). A case whose denominator is 0, or with a NaN, says nothing of the ratio: it is left out and counted
    in the note. Raises CohortError for unequal lengths, QuantityError for an infinite value or a negative
    denominator, ConfigError for an impossible number of resamples.
    """
    tops, bottoms = _columns(patients, numerators), _columns(patients, denominators)
    _require_finite(tops, bottoms)
    sums = _by_patient(tops, bottoms, patients, tops[:, 0] == tops[:, 0])
    if sums.num_patients == 0:
        return Estimate(np.nan, np.nan, np.nan, 0, sums.note)
    found = bootstrap(sums.ratios, sums.num_patients, seed=seed, num_resamples=num_resamples, interval=interval)
    note = join_notes(sums.note, _undefined(found.num_undefined[0], num_resamples))
    if sums.num_patients > 1 and np.isnan(found.low[0]):
        note = join_notes(note, AGREE)
    return Estimate(float(found.value[0]), float(found.low[0]), float(found.high[0]), sums.num_patients, note)


def bootstrap_proportion(
    successes: Sequence[float],
    totals: Sequence[float],
    patients: Sequence[str],
    *,
    seed: int,
    num_resamples: int = NUM_RESAMPLES,
) -> Estimate:
    """A pooled ratio of counts, such as found lesions over all lesions, which can be 0 or 1 in every patient.

    There the bootstrap has no width, and the interval is the exact one with patients as trials: as if the lesions
    of a patient were all found or all missed together, which is never too narrow. Raises as bootstrap_ratio, and
    QuantityError when there are more successes than trials.
    """
    tops, bottoms = _columns(patients, successes), _columns(patients, totals)
    if (tops > bottoms).any() or (tops < 0).any():
        raise QuantityError("a case has fewer than 0 or more successes than trials, expected a part of them")
    found = bootstrap_ratio(successes, totals, patients, seed=seed, num_resamples=num_resamples)
    return _exact_at_the_ends(found)


def compare_means(
    values_a: Sequence[float],
    values_b: Sequence[float],
    patients: Sequence[str],
    *,
    seed: int,
    num_resamples: int = NUM_RESAMPLES,
) -> Comparison:
    """Mean of A, of B, and of A - B over the cases that have a value in both; the others are counted in the note."""
    ones = np.ones(len(patients))
    return compare_ratios(values_a, ones, values_b, ones, patients, seed=seed, num_resamples=num_resamples)


def compare_ratios(
    numerators_a: Sequence[float],
    denominators_a: Sequence[float],
    numerators_b: Sequence[float],
    denominators_b: Sequence[float],
    patients: Sequence[str],
    *,
    seed: int,
    num_resamples: int = NUM_RESAMPLES,
    proportion: bool = False,
) -> Comparison:
    """Pooled ratio of A, of B, and of A - B inside each resample; p from swapping the models within patients.

    All (N,). Patients without any denominator in both are left out. proportion: numerators are parts of their
    denominators, so that limits exist (by patients, exact or Tango's) where all patients agree. Raises as
    bootstrap_ratio.
    """
    tops, bottoms = _columns(patients, numerators_a, numerators_b), _columns(patients, denominators_a, denominators_b)
    _require_finite(tops, bottoms)
    sums = _by_patient(tops, bottoms, patients, ~np.isnan(tops).any(axis=1))
    n = sums.num_patients
    if n == 0:
        nothing = Estimate(np.nan, np.nan, np.nan, 0, sums.note)
        return Comparison(nothing, nothing, nothing, np.nan, SIGN_FLIP_TEST, INTERVAL_METHOD)

    def statistic(weights: np.ndarray) -> np.ndarray:
        ratios = sums.ratios(weights)
        return np.column_stack([ratios, ratios[:, 0] - ratios[:, 1]])

    found = bootstrap(statistic, n, seed=seed, num_resamples=num_resamples)
    notes = [join_notes(sums.note, _undefined(u, num_resamples)) for u in found.num_undefined]
    if n > 1:
        notes = [join_notes(t, AGREE if np.isnan(w) else "") for t, w in zip(notes, found.low, strict=True)]
    rows = zip(found.value, found.low, found.high, notes, strict=True)
    a, b, difference = (Estimate(float(v), float(lo), float(hi), n, note) for v, lo, hi, note in rows)
    if proportion:
        a, b = _exact_at_the_ends(a), _exact_at_the_ends(b)
        if difference.value == 0 and np.isnan(difference.low):
            low, high = tango(0, 0, n)
            difference = Estimate(0.0, low, high, n, join_notes(sums.note, EXACT_OF_PATIENTS.replace("exact", "Tango")))
    p = sign_flip_p(sums.tops, sums.bottoms, seed=seed)
    return Comparison(a, b, difference, p, SIGN_FLIP_TEST, INTERVAL_METHOD)


@dataclass(frozen=True)
class _PatientSums:
    """Numerators and denominators of each patient, (P, M) for M models."""

    tops: np.ndarray
    bottoms: np.ndarray
    note: str

    @property
    def num_patients(self) -> int:
        return len(self.tops)

    def ratios(self, weights: np.ndarray) -> np.ndarray:
        """(R, P) -> (R, M); NaN where no drawn patient has a denominator."""
        bottoms = weights @ self.bottoms
        return np.divide(weights @ self.tops, bottoms, out=np.full_like(bottoms, np.nan), where=bottoms > 0)


def _by_patient(tops: np.ndarray, bottoms: np.ndarray, patients: Sequence[str], used: np.ndarray) -> _PatientSums:
    # sorted by patient, so that the order in which cases arrive does not change the draw
    used = used & ~np.isnan(bottoms).any(axis=1) & (bottoms != 0).any(axis=1)
    ids, owner = np.unique(np.asarray(patients, dtype=str)[used], return_inverse=True)
    sums = [np.zeros((len(ids), tops.shape[1])) for _ in range(2)]
    for total, rows in zip(sums, (tops, bottoms), strict=True):
        np.add.at(total, owner, rows[used])
    note = _note(num_left_out=int((~used).sum()), num_cases=len(used), num_patients=len(ids))
    return _PatientSums(*sums, note)


def _columns(patients: Sequence[str], *columns: Sequence[float]) -> np.ndarray:
    """(N, M) of M columns of N cases."""
    for column in columns:
        if len(column) != len(patients):
            raise CohortError(f"{len(column)} values and {len(patients)} patients; expected one each per case")
    return np.column_stack([np.asarray(column, dtype=np.float64) for column in columns])


def _require_finite(tops: np.ndarray, bottoms: np.ndarray) -> None:
    if np.isinf(tops).any() or np.isinf(bottoms).any():
        raise QuantityError("a case has an infinite value, expected a number or NaN; look for a division by zero")
    if (bottoms < 0).any():
        raise QuantityError(f"a denominator is {np.nanmin(bottoms):g}, expected 0 or more")


def _exact_at_the_ends(estimate: Estimate) -> Estimate:
    if estimate.n == 0 or estimate.value not in (0.0, 1.0):
        return estimate
    low, high = clopper_pearson(round(estimate.value * estimate.n), estimate.n, CONFIDENCE)
    kept = "; ".join(part for part in estimate.note.split("; ") if part and part != AGREE)
    return Estimate(estimate.value, low, high, estimate.n, join_notes(kept, EXACT_OF_PATIENTS))


def _undefined(count: int, num_resamples: int) -> str:
    return f"no value in {count} of {num_resamples} resamples" if count else ""


def _note(*, num_left_out: int, num_cases: int, num_patients: int) -> str:
    parts = []
    if num_left_out:
        parts.append(f"{num_left_out} of {num_cases} cases have no value and are left out")
    if num_patients == 0:
        parts.append("no patient has a value")
    elif num_patients == 1:
        parts.append("one patient only: no interval")
    elif num_patients < MIN_PATIENTS:
        parts.append(f"only {num_patients} patients: the interval is not reliable below {MIN_PATIENTS}")
    return "; ".join(parts)
