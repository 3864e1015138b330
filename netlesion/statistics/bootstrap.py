"""Resampling patients with replacement: the interval of any figure of a cohort.

A statistic is a function of weights: how often each patient is in the sample, (R, P) -> (R,) or (R, K). Sums and
their ratios are then one matrix product for all resamples, several figures and their differences share each
resample, and the jackknife is the same function with one patient left out. Knows nothing about lesions or images.
Lesions are never resampled.

The interval is BCa (Efron, J Am Stat Assoc 1987;82:171) at the levels of Student's t, widened by sqrt(n/(n-1))
(Hesterberg, Am Stat 2015;69:371, "expanded"). BCa alone is too narrow for few patients. Pooled ratios and means have
a better one: `studentised`. docs/statistics.md has the measured coverage of all.

Source: clinical.md 8.4 (2000 resamples, BCa, seed logged, paired difference inside each resample).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from netlesion.errors import ConfigError
from netlesion.statistics.estimate import CONFIDENCE

NUM_RESAMPLES = 2000
#: Rows of the jackknife computed at once, to bound memory in large cohorts.
BLOCK = 512

Statistic = Callable[[np.ndarray], np.ndarray]


class Interval(Enum):
    """How quantiles of the resamples become an interval."""

    PERCENTILE = "percentile"
    BCA = "BCa"
    EXPANDED_BCA = "expanded BCa"


@dataclass(frozen=True)
class Resampled:
    """value, low, high of each of K figures, all (K,); num_undefined: resamples in which the figure had no value.

    low and high are NaN where all resamples agree: the bootstrap then says nothing about the next patient.
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    num_undefined: np.ndarray


@dataclass(frozen=True)
class Replicates:
    """value (K,), of_resamples (R, K), without_one (P, K): K figures of all patients, of resamples, and without one."""

    value: np.ndarray
    of_resamples: np.ndarray
    without_one: np.ndarray

    @property
    def num_patients(self) -> int:
        return len(self.without_one)


def bootstrap(
    statistic: Statistic,
    num_patients: int,
    *,
    seed: int,
    num_resamples: int = NUM_RESAMPLES,
    confidence: float = CONFIDENCE,
    interval: Interval = Interval.EXPANDED_BCA,
    strata: Sequence[object] | None = None,
) -> Resampled:
    """Value of the statistic over all patients, and its interval; a single patient has no interval.

    strata (P,): patients of one stratum are drawn among themselves, so that each resample has as many of them.
    Raises ConfigError for an impossible number of resamples, of patients, or confidence.
    """
    found = replicate(statistic, num_patients, seed=seed, num_resamples=num_resamples, strata=strata)
    return intervals(found, confidence=confidence, interval=interval)


def replicate(
    statistic: Statistic,
    num_patients: int,
    *,
    seed: int,
    num_resamples: int = NUM_RESAMPLES,
    strata: Sequence[object] | None = None,
) -> Replicates:
    """The statistic over all patients, over every resample (none of a single patient), and without each patient."""
    if num_resamples < 1:
        raise ConfigError(f"num_resamples is {num_resamples}, expected at least 1 ({NUM_RESAMPLES} is the default)")
    if num_patients < 1:
        raise ConfigError(f"{num_patients} patients to resample, expected at least 1")
    value = _columns(statistic(np.ones((1, num_patients))))[0]
    if num_patients == 1:
        return Replicates(value, np.zeros((0, len(value))), np.full((1, len(value)), np.nan))
    if strata is None:
        weights = patient_weights(num_patients, seed=seed, num_resamples=num_resamples)
    else:
        weights = stratified_weights(strata, seed=seed, num_resamples=num_resamples)
    return Replicates(value, _columns(statistic(weights)), jackknife(statistic, num_patients))


def intervals(
    found: Replicates, *, confidence: float = CONFIDENCE, interval: Interval = Interval.EXPANDED_BCA
) -> Resampled:
    """The interval of each figure. Raises ConfigError for an impossible confidence."""
    if not 0 < confidence < 1:
        raise ConfigError(f"confidence is {confidence:g}, expected between 0 and 1 ({CONFIDENCE} is the default)")
    value = found.value
    low, high, num_undefined = np.full_like(value, np.nan), np.full_like(value, np.nan), np.zeros(len(value), int)
    for k, point in enumerate(value):
        drawn = found.of_resamples[np.isfinite(found.of_resamples[:, k]), k]
        num_undefined[k] = len(found.of_resamples) - len(drawn)
        if not np.isfinite(point) or len(drawn) == 0 or _agree(drawn):
            continue
        if interval is Interval.EXPANDED_BCA:
            low[k], high[k] = expanded_limits(
                float(point), drawn, found.without_one[:, k], found.num_patients, confidence
            )
            continue
        levels = (1 - confidence) / 2, (1 + confidence) / 2
        if interval is Interval.BCA:
            levels = bca_levels(float(point), drawn, found.without_one[:, k], ndtri(levels[1]))
        low[k], high[k] = np.quantile(drawn, levels)
    return Resampled(value, low, high, num_undefined)


def expanded_limits(
    value: float, replicates: np.ndarray, without_one: np.ndarray, num_patients: int, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Expanded BCa limits of a figure from its resamples (R,) and jackknife (P,); NaN among the resamples is left out.

    Student's t stands in place of z, with the degrees of freedom of what each patient adds (`freedom`), and the plug-in
    deviation gets its sqrt(n/(n-1)).
    """
    z = float(
        stdtrit(jackknife_freedom(without_one), (1 + confidence) / 2) * np.sqrt(num_patients / (num_patients - 1))
    )
    drawn = replicates[np.isfinite(replicates)]
    low, high = np.quantile(drawn, bca_levels(value, drawn, without_one, z))
    return float(low), float(high)


def freedom(squares: np.ndarray) -> np.ndarray:
    """Degrees of freedom of an error made up by patients: (P, M), the square of what each adds -> (M,), at most P - 1.

    2P / (kurtosis - 1), from how far a variance of P values varies: few where few patients carry it.
    """
    num_patients, spread = len(squares), squares.sum(axis=0) ** 2
    kurtosis = np.divide(num_patients * (squares**2).sum(axis=0), spread, out=np.ones_like(spread), where=spread > 0)
    above = np.maximum(kurtosis - 1, 0)  # of equal squares rounding may leave a kurtosis below 1
    with np.errstate(divide="ignore"):
        return np.minimum(2 * num_patients / above, num_patients - 1)


def jackknife_freedom(without_one: np.ndarray) -> float:
    """`freedom` of a figure's error, from its values without each patient (P,); one without a value adds nothing."""
    there = np.isfinite(without_one)
    gaps = np.where(there, without_one - without_one[there].sum() / max(there.sum(), 1), 0.0)
    return float(freedom(gaps[:, np.newaxis] ** 2)[0])


def bca_levels(value: float, replicates: np.ndarray, jackknife: np.ndarray, z: float) -> tuple[float, float]:
    """Which quantiles of the resamples are the limits of a BCa interval of +-z standard errors.

    Resamples equal to the value count half, so that a discrete figure has no bias by its ties. A bias beyond all
    resamples, or an acceleration that cannot be computed, is taken as none.
    """
    tolerance = 1e-12 * max(1.0, abs(value))
    below, equal = np.mean(replicates < value - tolerance), np.mean(np.abs(replicates - value) <= tolerance)
    bias = ndtri(below + equal / 2)
    bias = float(bias) if np.isfinite(bias) else 0.0
    left_out = jackknife[np.isfinite(jackknife)]
    gaps = left_out.mean() - left_out if len(left_out) else np.zeros(1)
    spread = np.sum(gaps**2) ** 1.5
    acceleration = float(np.sum(gaps**3) / (6 * spread)) if spread > tolerance**3 else 0.0
    return _bca_level(bias, acceleration, -z), _bca_level(bias, acceleration, z)


@lru_cache(maxsize=4)
def patient_weights(num_patients: int, *, seed: int, num_resamples: int) -> np.ndarray:
    """(num_resamples, num_patients), read-only: how often each patient was drawn; every row sums to num_patients."""
    drawn = np.random.default_rng(seed).integers(0, num_patients, size=(num_resamples, num_patients))
    drawn += np.arange(num_resamples)[:, np.newaxis] * num_patients
    counts = np.bincount(drawn.ravel(), minlength=num_resamples * num_patients)
    weights = counts.reshape(num_resamples, num_patients).astype(np.float64)
    weights.flags.writeable = False
    return weights


def stratified_weights(strata: Sequence[object], *, seed: int, num_resamples: int) -> np.ndarray:
    """(num_resamples, P) for strata (P,): as patient_weights, every stratum keeps its number of patients."""
    groups = np.unique([str(s) for s in strata], return_inverse=True)[1]
    rng = np.random.default_rng(seed)
    weights = np.zeros((num_resamples, len(groups)))
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        share = np.full(len(members), 1 / len(members))
        weights[:, members] = rng.multinomial(len(members), share, size=num_resamples)
    return weights


def jackknife(statistic: Statistic, num_patients: int) -> np.ndarray:
    """(P, K): the figures without each patient in turn."""
    blocks = []
    for start in range(0, num_patients, BLOCK):
        stop = min(start + BLOCK, num_patients)
        weights = np.ones((stop - start, num_patients))
        weights[np.arange(stop - start), np.arange(start, stop)] = 0
        blocks.append(_columns(statistic(weights)))
    return np.concatenate(blocks)


def _columns(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    return values[:, np.newaxis] if values.ndim == 1 else values


def _agree(replicates: np.ndarray) -> bool:
    return bool(np.ptp(replicates) <= 1e-12 * max(1.0, float(np.abs(replicates[0]))))


def _bca_level(bias: float, acceleration: float, z: float) -> float:
    shifted = bias + z
    shrink = 1 - acceleration * shifted
    if shrink <= 0:  # beyond the pole of the transformation: the last resample on that side
        return 1.0 if z > 0 else 0.0
    return float(ndtr(bias + shifted / shrink))
