"""Means and pooled ratios with an interval over patients, for one model or for two on the same cases.

Takes one number (or numerator and denominator) for each case and the patient it belongs to; all cases of one
patient are resampled, and swapped between models, together. Knows nothing about lesions or images.

Source: clinical.md 8.4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlesion.errors import CohortError, QuantityError
from netlesion.statistics.arrays import Names, Numbers
from netlesion.statistics.bootstrap import NUM_RESAMPLES
from netlesion.statistics.estimate import CONFIDENCE, MIN_PATIENTS, Comparison, Estimate, join_notes
from netlesion.statistics.paired_proportions import tango
from netlesion.statistics.proportions import clopper_pearson
from netlesion.statistics.sign_flip import sign_flip_p
from netlesion.statistics.studentised import FEW_VARY, STUDENTISED_DIFFERENCE, PatientSums, studentised

SIGN_FLIP_TEST = "swapping the models within patients (permutation)"
AGREE = "all patients agree: no interval"
EXACT_OF_PATIENTS = "interval counts each patient as one trial (exact)"
TANGO_OF_PATIENTS = "interval counts each patient as one trial (Tango)"


def bootstrap_mean(
    values: Numbers,
    patients: Names,
    *,
    seed: int,
    num_resamples: int = NUM_RESAMPLES,
) -> Estimate:
    """Mean over cases, each case weighing the same; a NaN is left out and counted in the note.

    values (N,), patients (N,). No value at all gives NaN and n = 0; one patient, or patients that all agree, give a
    value without interval.
    """
    values = np.asarray(values, dtype=np.float64)
    ones = np.ones_like(values)
    return bootstrap_ratio(values, ones, patients, seed=seed, num_resamples=num_resamples)


def bootstrap_ratio(
    numerators: Numbers,
    denominators: Numbers,
    patients: Names,
    *,
    seed: int,
    num_resamples: int = NUM_RESAMPLES,
) -> Estimate:
    """Sum of numerators over sum of denominators, such as volume over volume, pooled over cases.

    All (N,). A case whose denominator is 0, or with a NaN, says nothing of the ratio: it is left out and counted
    in the note. The interval does not know the range of the figure: `Estimate.within` cuts it. Raises
    CohortError for unequal lengths, QuantityError for an infinite value or a negative denominator, ConfigError for
    an impossible number of resamples.
    """
    tops, bottoms = _columns(patients, numerators), _columns(patients, denominators)
    _require_finite(tops, bottoms)
    return _estimates(_by_patient(tops, bottoms, patients), seed, num_resamples)[0]


def bootstrap_proportion(
    successes: Numbers,
    totals: Numbers,
    patients: Names,
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
    return _exact_at_the_ends(found.within(0, 1))


def compare_means(
    values_a: Numbers,
    values_b: Numbers,
    patients: Names,
    *,
    seed: int,
    num_resamples: int = NUM_RESAMPLES,
) -> Comparison:
    """Mean of A, of B, and of A - B over the cases that have a value in both; the others are counted in the note."""
    ones = np.ones(len(patients))
    return compare_ratios(values_a, ones, values_b, ones, patients, seed=seed, num_resamples=num_resamples)


def compare_ratios(
    numerators_a: Numbers,
    denominators_a: Numbers,
    numerators_b: Numbers,
    denominators_b: Numbers,
    patients: Names,
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
    noted = _by_patient(tops, bottoms, patients)
    a, b, difference = _estimates(noted, seed, num_resamples)
    if proportion and difference.n:
        a, b = _exact_at_the_ends(a.within(0, 1)), _exact_at_the_ends(b.within(0, 1))
        difference = difference.within(-1, 1)
        if difference.value == 0 and np.isnan(difference.low):
            low, high = tango(0, 0, difference.n)
            difference = Estimate(0.0, low, high, difference.n, join_notes(noted.note, TANGO_OF_PATIENTS))
    p = sign_flip_p(noted.sums.tops, noted.sums.bottoms, seed=seed)
    return Comparison(a, b, difference, p, SIGN_FLIP_TEST, STUDENTISED_DIFFERENCE)


@dataclass(frozen=True)
class _Noted:
    """Sums of the patients used, and what was left out."""

    sums: PatientSums
    note: str


def _by_patient(tops: np.ndarray, bottoms: np.ndarray, patients: Names) -> _Noted:
    # sorted by patient, so that the order in which cases arrive does not change the draw
    used = ~np.isnan(tops).any(axis=1) & ~np.isnan(bottoms).any(axis=1) & (bottoms != 0).any(axis=1)
    ids, owner = np.unique(np.asarray(patients, dtype=str)[used], return_inverse=True)
    sums = [np.zeros((len(ids), tops.shape[1])) for _ in range(2)]
    for total, rows in zip(sums, (tops, bottoms), strict=True):
        np.add.at(total, owner, rows[used])
    note = _note(num_left_out=int((~used).sum()), num_cases=len(used), num_patients=len(ids))
    return _Noted(PatientSums(*sums), note)


def _estimates(noted: _Noted, seed: int, num_resamples: int) -> list[Estimate]:
    """One for each figure of the sums; NaN and n = 0 for no patient."""
    n = noted.sums.num_patients
    if n == 0:
        return [Estimate(np.nan, np.nan, np.nan, 0, noted.note)] * 3
    found = studentised(noted.sums, seed=seed, num_resamples=num_resamples)
    estimates = []
    for k, value in enumerate(found.value):
        undefined = int(found.num_undefined[k])
        note = join_notes(
            noted.note,
            f"no value in {undefined} of {num_resamples} resamples" if undefined else "",
            AGREE if n > 1 and np.isnan(found.low[k]) else "",
            FEW_VARY if found.stood_in[k] else "",
        )
        estimates.append(Estimate(float(value), float(found.low[k]), float(found.high[k]), n, note))
    return estimates


def _columns(patients: Names, *columns: Numbers) -> np.ndarray:
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
    kept = "; ".join(part for part in estimate.note.split("; ") if part not in ("", AGREE, few_patients(1)))
    return Estimate(estimate.value, low, high, estimate.n, join_notes(kept, EXACT_OF_PATIENTS))


def _note(*, num_left_out: int, num_cases: int, num_patients: int) -> str:
    parts = []
    if num_left_out:
        parts.append(f"{num_left_out} of {num_cases} cases have no value and are left out")
    return join_notes(*parts, few_patients(num_patients))


def few_patients(num_patients: int) -> str:
    """What a reader must know of a figure of so many patients; empty for enough."""
    if num_patients == 0:
        return "no patient has a value"
    if num_patients == 1:
        return "one patient only: no interval"
    if num_patients < MIN_PATIENTS:
        return f"only {num_patients} patients: the interval is not reliable below {MIN_PATIENTS}"
    return ""
