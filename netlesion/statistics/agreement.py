"""Agreement of two or more measurements of the same patients: whole-body volumes, readers, scanners.

Bland-Altman on the log scale (differences are ratios), ICC(2,1), Lin's concordance, Spearman's rank correlation. One
measurement per patient and method: average or choose before. Knows nothing about images.

Sources: clinical.md 8.3; Bland & Altman, Stat Methods Med Res 1999;8:135, limits with the exact intervals of Carkeet,
J Biopharm Stat 2015;25:1; Shrout & Fleiss, Psychol Bull 1979;86:420, interval of McGraw & Wong, Psychol Methods
1996;1:30; Lin, Biometrics 1989;45:255 (variance as corrected 2000;56:324); Bonett & Wright, Psychometrika 2000;65:23.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import fdtri, nctdtrit, stdtrit
from scipy.stats import rankdata

from netlesion.errors import CohortError, QuantityError
from netlesion.statistics.arrays import Numbers
from netlesion.statistics.estimate import CONFIDENCE, Estimate, join_notes, normal_quantile

#: Share of differences between the limits of agreement.
LIMITS = 0.95


@dataclass(frozen=True)
class BlandAltman:
    """Mean difference and limits of agreement, each with its interval; n pairs.

    ratio: whether the values are ratios (of volumes, 1 means agreement) or differences (0 means agreement).
    """

    bias: Estimate
    lower: Estimate
    upper: Estimate
    ratio: bool


def bland_altman_ratio(first: Numbers, second: Numbers, confidence: float = CONFIDENCE) -> BlandAltman:
    """Geometric mean of first / second, and between which ratios 95 % of patients lie.

    (N,) each. A pair with a zero has no ratio: it is left out and counted in the note. Raises QuantityError for
    negative or infinite values, CohortError for unequal lengths.
    """
    x, y = _pairs(first, second)
    if (x < 0).any() or (y < 0).any():
        raise QuantityError("a measurement is negative, expected 0 or more; ratios need volumes or counts")
    used = (x > 0) & (y > 0)
    found = bland_altman(np.log(x[used]), np.log(y[used]), confidence)
    note = "" if used.all() else f"{int((~used).sum())} of {len(used)} pairs hold a zero and are left out"

    def ratio(e: Estimate) -> Estimate:
        return Estimate(math.exp(e.value), math.exp(e.low), math.exp(e.high), e.n, join_notes(note, e.note))

    return BlandAltman(ratio(found.bias), ratio(found.lower), ratio(found.upper), ratio=True)


def bland_altman(first: Numbers, second: Numbers, confidence: float = CONFIDENCE) -> BlandAltman:
    """Mean of first - second with Student's interval; limits mean +- 1.96 SD with exact intervals (Carkeet).

    Fewer than two pairs have no limits; NaN then.
    """
    gaps = np.subtract(*_pairs(first, second))
    n = len(gaps)
    if n < 2:
        nothing = Estimate(float(gaps.mean()) if n else math.nan, math.nan, math.nan, n, "too few pairs for limits")
        absent = Estimate(math.nan, math.nan, math.nan, n, nothing.note)
        return BlandAltman(nothing, absent, absent, ratio=False)
    mean, deviation = float(gaps.mean()), float(gaps.std(ddof=1))
    error, tail = deviation / math.sqrt(n), (1 - confidence) / 2
    t = float(stdtrit(n - 1, 1 - tail))
    reach = normal_quantile(LIMITS)
    near, far = (float(nctdtrit(n - 1, reach * math.sqrt(n), q)) * error for q in (tail, 1 - tail))
    bias = Estimate(mean, mean - t * error, mean + t * error, n)
    lower = Estimate(mean - reach * deviation, mean - far, mean - near, n)
    upper = Estimate(mean + reach * deviation, mean + near, mean + far, n)
    return BlandAltman(bias, lower, upper, ratio=False)


def icc_2_1(measurements: np.ndarray, confidence: float = CONFIDENCE) -> Estimate:
    """ICC(2,1): two-way random effects, absolute agreement, single measurement; measurements (N patients, K methods).

    NaN when nothing varies. Raises QuantityError for a NaN, CohortError for fewer than 2 patients or methods.
    """
    x = np.asarray(measurements, dtype=np.float64)
    if x.ndim != 2 or min(x.shape) < 2:
        raise CohortError(f"measurements of shape {x.shape}, expected at least 2 patients by 2 methods")
    if not np.isfinite(x).all():
        raise QuantityError("a measurement is NaN or infinite; leave out patients that lack one")
    n, k = x.shape
    rows, columns, grand = x.mean(axis=1), x.mean(axis=0), x.mean()
    between = k * ((rows - grand) ** 2).sum() / (n - 1)
    methods = n * ((columns - grand) ** 2).sum() / (k - 1)
    rest = ((x - rows[:, np.newaxis] - columns + grand) ** 2).sum() / ((n - 1) * (k - 1))
    below = between + (k - 1) * rest + k / n * (methods - rest)
    if not below > 0:
        return Estimate(math.nan, math.nan, math.nan, n, "nothing varies: no coefficient")
    value = float((between - rest) / below)
    if rest <= 1e-12 * between and methods <= 1e-12 * between:
        return Estimate(value, math.nan, math.nan, n, "perfect agreement: no interval")
    a = k * value / (n * (1 - value))
    b = 1 + k * value * (n - 1) / (n * (1 - value))
    freedom = (a * methods + b * rest) ** 2 / ((a * methods) ** 2 / (k - 1) + (b * rest) ** 2 / ((n - 1) * (k - 1)))
    tail = (1 - confidence) / 2
    f_low, f_high = float(fdtri(n - 1, freedom, 1 - tail)), float(fdtri(freedom, n - 1, 1 - tail))
    noise = k * methods + (k * n - k - n) * rest
    low = n * (between - f_low * rest) / (f_low * noise + n * between)
    high = n * (f_high * between - rest) / (noise + n * f_high * between)
    return Estimate(value, float(low), float(high), n)


def concordance(first: Numbers, second: Numbers, confidence: float = CONFIDENCE) -> Estimate:
    """Lin's concordance correlation coefficient; interval by Fisher's z. NaN when nothing varies."""
    x, y = _pairs(first, second)
    n = len(x)
    if n < 3:
        return Estimate(math.nan, math.nan, math.nan, n, "fewer than 3 pairs")
    sx, sy, shift = x.var(), y.var(), x.mean() - y.mean()
    covariance = float(((x - x.mean()) * (y - y.mean())).mean())
    below = sx + sy + shift**2
    if not below > 0:
        return Estimate(math.nan, math.nan, math.nan, n, "nothing varies: no coefficient")
    value = float(2 * covariance / below)
    if not sx * sy > 0 or covariance == 0 or abs(value) >= 1 - 1e-12:
        return Estimate(value, math.nan, math.nan, n, "degenerate: no interval")
    r = covariance / math.sqrt(sx * sy)
    u2 = shift**2 / math.sqrt(sx * sy)
    c = value
    variance = (
        (1 - r**2) * c**2 / ((1 - c**2) * r**2)
        + 2 * c**3 * (1 - c) * u2 / (r * (1 - c**2) ** 2)
        - c**4 * u2**2 / (2 * r**2 * (1 - c**2) ** 2)
    ) / (n - 2)
    return _by_fisher_z(c, math.sqrt(max(variance, 0.0)), n, confidence)


def spearman(first: Numbers, second: Numbers, confidence: float = CONFIDENCE) -> Estimate:
    """Spearman's rank correlation; interval by Fisher's z (Bonett & Wright). NaN when nothing varies."""
    x, y = (rankdata(values) for values in _pairs(first, second))
    n = len(x)
    if n < 4:
        return Estimate(math.nan, math.nan, math.nan, n, "fewer than 4 pairs")
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return Estimate(math.nan, math.nan, math.nan, n, "nothing varies: no coefficient")
    r = float(np.clip(np.corrcoef(x, y)[0, 1], -1, 1))
    if abs(r) >= 1 - 1e-12:
        return Estimate(r, math.nan, math.nan, n, "perfect ranking: no interval")
    return _by_fisher_z(r, math.sqrt((1 + r**2 / 2) / (n - 3)), n, confidence)


def _by_fisher_z(value: float, error: float, n: int, confidence: float) -> Estimate:
    z, half = math.atanh(value), normal_quantile(confidence) * error
    return Estimate(value, math.tanh(z - half), math.tanh(z + half), n)


def _pairs(first: Numbers, second: Numbers) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 1:
        raise CohortError(f"{x.shape} and {y.shape} measurements, expected one pair per patient")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise QuantityError("a measurement is NaN or infinite; leave out patients that lack one")
    return x, y
