"""Two models' figures in the same resamples of patients: both values, A - B with its interval, and a p.

For figures that need the whole cohort at once (a curve, an area) and so have no error of their own in a resample. The
error of A - B is its spread over the resamples, each of which both models share; interval and p are Student's t with
the degrees of freedom of what each patient adds to A - B (`bootstrap.freedom`: few where a dozen lesion-free patients
carry a JAFROC), so that they agree with each other, and do not ask that the scores of two models mean the same
(swapping models within patients would). docs/statistics.md has the measured coverage.

Source: Efron & Tibshirani, An Introduction to the Bootstrap, 1993, 13.3; clinical.md 8.4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import stdtr, stdtrit

from netlesion.statistics.bootstrap import (
    NUM_RESAMPLES,
    Resampled,
    Statistic,
    intervals,
    jackknife_freedom,
    replicate,
)
from netlesion.statistics.estimate import CONFIDENCE, Comparison, Estimate, join_notes
from netlesion.statistics.ratios import AGREE, few_patients

BOOTSTRAP_TEST = "Student's t of the difference over its bootstrap error"
BOOTSTRAP_INTERVAL = "Student's t, bootstrap error over patients"


def compare_statistics(
    of_a: Statistic,
    of_b: Statistic,
    num_patients: int,
    *,
    seed: int,
    num_resamples: int = NUM_RESAMPLES,
    strata: Sequence[object] | None = None,
) -> Comparison:
    """One share (0 to 1) of two models, each a function of the patients' weights (R, P) -> (R,).

    strata (P,): patients of one stratum are resampled among themselves. Resamples in which a model has no value are
    left out and counted in the note. Where all resamples agree there is no interval: p is 1 for equal values, else NaN.
    """

    def both(weights: np.ndarray) -> np.ndarray:
        return np.column_stack([of_a(weights), of_b(weights)])

    drawn = replicate(both, num_patients, seed=seed, num_resamples=num_resamples, strata=strata)
    found = intervals(drawn)
    a, b = (_estimate(found, k, num_patients, num_resamples) for k in (0, 1))
    gap = a.value - b.value
    if math.isnan(gap) or num_patients == 1:
        note = join_notes(few_patients(num_patients), a.note, b.note)
        return _compared(a, b, Estimate(gap, math.nan, math.nan, num_patients, note), math.nan)
    gaps = np.subtract(*drawn.of_resamples.T)
    gaps = gaps[np.isfinite(gaps)]
    missing = num_resamples - len(gaps)
    notes = [few_patients(num_patients), f"no value in {missing} of {num_resamples} resamples" if missing else ""]
    error = float(gaps.std()) * math.sqrt(num_patients / (num_patients - 1)) if len(gaps) > 1 else 0.0
    if not error > 1e-12:
        p = 1.0 if abs(gap) <= 1e-12 else math.nan
        return _compared(a, b, Estimate(gap, math.nan, math.nan, num_patients, join_notes(*notes, AGREE)), p)
    carried = jackknife_freedom(np.subtract(*drawn.without_one.T))
    reach = float(stdtrit(carried, (1 + CONFIDENCE) / 2)) * error
    difference = Estimate(gap, gap - reach, gap + reach, num_patients, join_notes(*notes)).within(-1, 1)
    return _compared(a, b, difference, float(2 * stdtr(carried, -abs(gap) / error)))


def _compared(a: Estimate, b: Estimate, difference: Estimate, p: float) -> Comparison:
    return Comparison(a, b, difference, p, BOOTSTRAP_TEST, BOOTSTRAP_INTERVAL)


def _estimate(found: Resampled, k: int, num_patients: int, num_resamples: int) -> Estimate:
    value, low, high = (float(x[k]) for x in (found.value, found.low, found.high))
    missing = int(found.num_undefined[k])
    lost = f"no value in {missing} of {num_resamples} resamples" if missing and not math.isnan(value) else ""
    agree = AGREE if math.isnan(low) and num_patients > 1 and not math.isnan(value) else ""
    return Estimate(value, low, high, num_patients, join_notes(few_patients(num_patients), lost, agree))
