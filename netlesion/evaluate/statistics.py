"""Means and pooled ratios with an interval, resampling patients: all cases of one patient go together.

Takes one number (or numerator and denominator) for each case and the patient it belongs to; returns a frozen
`Estimate`. The interval is the percentile bootstrap: it stays within the range of the data and is the same for
means and ratios, while BCa is undefined when all patients agree. With few patients it is too narrow: for normal
values it covers 0.91 at 20 patients, 0.92 at 30 and 0.94 at 60 where it says 0.95. Knows nothing about lesions
or images.

Source: clinical.md 8.4 (patients with replacement, 2000 resamples, seed logged; lesions are never resampled).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from netlesion.errors import CohortError, ConfigError, QuantityError

NUM_RESAMPLES = 2000
CONFIDENCE = 0.95
#: With fewer patients than this the estimate's note warns of its interval.
MIN_PATIENTS = 10


@dataclass(frozen=True)
class Estimate:
    """A value and its interval; NaN where there is none. n: patients that it rests on, not cases or lesions.

    note: what a reader of the value must know (rows left out, too few patients); empty when nothing.
    """

    value: float
    low: float
    high: float
    n: int
    note: str


def bootstrap_mean(
    values: Sequence[float], patients: Sequence[str], *, seed: int, num_resamples: int = NUM_RESAMPLES
) -> Estimate:
    """Mean over cases, each case weighing the same; a NaN is left out and counted in the note.

    values (N,), patients (N,). No value at all gives NaN and n = 0; one patient gives a value without interval.
    """
    values = np.asarray(values, dtype=np.float64)
    return bootstrap_ratio(values, np.ones_like(values), patients, seed=seed, num_resamples=num_resamples)


def bootstrap_ratio(
    numerators: Sequence[float],
    denominators: Sequence[float],
    patients: Sequence[str],
    *,
    seed: int,
    num_resamples: int = NUM_RESAMPLES,
) -> Estimate:
    """Sum of numerators over sum of denominators, such as found lesions over all lesions, pooled over cases.

    All (N,). A case whose denominator is 0, or with a NaN, says nothing of the ratio: it is left out and counted
    in the note. Raises CohortError for unequal lengths, QuantityError for an infinite value or a negative
    denominator, ConfigError for an impossible number of resamples.
    """
    top, bottom = np.asarray(numerators, dtype=np.float64), np.asarray(denominators, dtype=np.float64)
    _require_inputs(top, bottom, patients, num_resamples)
    used = ~np.isnan(top) & ~np.isnan(bottom) & (bottom != 0)
    # sorted by patient, so that the order in which cases arrive does not change the draw
    ids, owner = np.unique(np.asarray(patients, dtype=str)[used], return_inverse=True)
    note = _note(num_left_out=int((~used).sum()), num_cases=len(used), num_patients=len(ids))
    if len(ids) == 0:
        return Estimate(value=np.nan, low=np.nan, high=np.nan, n=0, note=note)
    tops = np.bincount(owner, top[used], minlength=len(ids))
    bottoms = np.bincount(owner, bottom[used], minlength=len(ids))
    value = float(tops.sum() / bottoms.sum())
    if len(ids) == 1:
        return Estimate(value=value, low=np.nan, high=np.nan, n=1, note=note)
    drawn = np.random.default_rng(seed).integers(0, len(ids), size=(num_resamples, len(ids)))
    replicates = tops[drawn].sum(axis=1) / bottoms[drawn].sum(axis=1)
    low, high = np.quantile(replicates, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Estimate(value=value, low=float(low), high=float(high), n=len(ids), note=note)


def _require_inputs(top: np.ndarray, bottom: np.ndarray, patients: Sequence[str], num_resamples: int) -> None:
    if not len(top) == len(bottom) == len(patients):
        raise CohortError(
            f"{len(top)} values, {len(bottom)} denominators and {len(patients)} patients; expected one each per case"
        )
    if np.isinf(top).any() or np.isinf(bottom).any():
        raise QuantityError("a case has an infinite value, expected a number or NaN; look for a division by zero")
    if (bottom < 0).any():
        raise QuantityError(f"a denominator is {np.nanmin(bottom):g}, expected 0 or more")
    if num_resamples < 1:
        raise ConfigError(f"num_resamples is {num_resamples}, expected at least 1 ({NUM_RESAMPLES} is the default)")


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
