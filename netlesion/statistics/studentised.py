"""The bootstrap-t: intervals of pooled ratios and of their paired differences, from resampled patients.

Each resample's distance from the value is measured in its own standard error, so that a figure that spreads more
where it is larger (volumes, counts) is covered as often as promised; BCa is not (docs/statistics.md has both). A
difference takes the quantile of the distance without its sign (Hall, J R Stat Soc B 1988;50:35), since two models
differ to either side alike. Knows nothing about lesions or images.

Source: Efron & Tibshirani, An Introduction to the Bootstrap, 1993, 12.5; errors by linearisation of the ratio.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from netlesion.statistics.bootstrap import NUM_RESAMPLES, bootstrap, freedom, patient_weights
from netlesion.statistics.estimate import CONFIDENCE

STUDENTISED = "bootstrap-t over patients"
STUDENTISED_DIFFERENCE = "symmetric bootstrap-t over patients"
#: Place of the difference among the figures of two models.
DIFFERENCE = 2
FEW_VARY = "too few patients vary for bootstrap-t, BCa instead"
#: Resamples that must lie beyond each limit, whatever the degrees of freedom.
MIN_BEYOND = 10
#: A resample's error below this fraction of the cohort's is none: of equal patients rounding leaves about 1e-8 of it.
NO_ERROR = 1e-6


@dataclass(frozen=True)
class PatientSums:
    """Numerators and denominators of each patient, (P, M) for M models; denominators are not negative."""

    tops: np.ndarray
    bottoms: np.ndarray

    @property
    def num_patients(self) -> int:
        return len(self.tops)

    def figures(self, weights: np.ndarray) -> np.ndarray:
        """(R, P) -> ratio of each model and, for two, the difference: (R, 1) or (R, 3); NaN without denominator."""
        bottoms = weights @ self.bottoms
        ratios = np.divide(weights @ self.tops, bottoms, out=np.full_like(bottoms, np.nan), where=bottoms > 0)
        if ratios.shape[1] == 1:
            return ratios
        return np.column_stack([ratios, ratios[:, 0] - ratios[:, 1]])

    def freedom(self) -> np.ndarray:
        """(M,): degrees of freedom of each ratio's error, at most one less than patients."""
        totals = self.bottoms.sum(axis=0)
        centre = np.divide(self.tops.sum(axis=0), totals, out=np.zeros(self.tops.shape[1]), where=totals > 0)
        return freedom((self.tops - centre * self.bottoms) ** 2)

    def errors(self, weights: np.ndarray) -> np.ndarray:
        """(R, P) -> standard error of each figure: what each patient adds to it, linearised, squared and summed."""
        n, models = self.num_patients, self.tops.shape[1]
        totals = self.bottoms.sum(axis=0)
        centre = np.divide(self.tops.sum(axis=0), totals, out=np.zeros(models), where=totals > 0)
        columns = np.concatenate([self.tops - centre * self.bottoms, self.bottoms], axis=1)  # centred: no cancellation
        products = (columns[:, :, np.newaxis] * columns[:, np.newaxis, :]).reshape(n, -1)
        squares = (weights @ products).reshape(len(weights), 2 * models, 2 * models)
        bottoms = weights @ self.bottoms
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = (weights @ columns[:, :models]) / bottoms
            slopes = np.zeros((len(weights), models, 2 * models))
            for m in range(models):
                slopes[:, m, m], slopes[:, m, models + m] = 1 / bottoms[:, m], -ratios[:, m] / bottoms[:, m]
            if models == 2:
                slopes = np.concatenate([slopes, slopes[:, :1] - slopes[:, 1:]], axis=1)
            variances = np.einsum("rki,rij,rkj->rk", slopes, squares, slopes) * n / (n - 1)
        return np.sqrt(np.maximum(variances, 0.0))


@dataclass(frozen=True)
class StudentisedIntervals:
    """Of each figure (K,): value, limits, how many resamples had no value, and whether BCa had to stand in.

    Limits are NaN where all patients agree. They do not know the range of the figure: cut them where it ends.
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    num_undefined: np.ndarray
    stood_in: np.ndarray


def studentised(
    sums: PatientSums, *, seed: int, num_resamples: int = NUM_RESAMPLES, confidence: float = CONFIDENCE
) -> StudentisedIntervals:
    """Figures of `sums` with intervals; one patient has values only. Raises as `bootstrap`.

    Where so few patients vary that many resamples have no error of their own, the quantiles of the bootstrap-t do
    not exist, and the interval is the expanded BCa.
    """
    stand_in = bootstrap(sums.figures, sums.num_patients, seed=seed, num_resamples=num_resamples, confidence=confidence)
    low, high = stand_in.low.copy(), stand_in.high.copy()
    stood_in = np.zeros(len(low), dtype=bool)
    weights = patient_weights(sums.num_patients, seed=seed, num_resamples=num_resamples)
    error = sums.errors(np.ones((1, sums.num_patients)))[0]
    gaps, errors = sums.figures(weights) - stand_in.value, sums.errors(weights)
    levels = [_level(freedom, sums.num_patients, confidence, num_resamples) for freedom in sums.freedom()]
    for k in np.flatnonzero(~np.isnan(low)):
        symmetric = k == DIFFERENCE
        level = confidence if symmetric else levels[k]
        near, far = _quantiles(gaps[:, k], errors[:, k], error[k], level, symmetric)
        stood_in[k] = not (np.isfinite(near) and np.isfinite(far))
        if not stood_in[k]:
            low[k], high[k] = stand_in.value[k] - far * error[k], stand_in.value[k] - near * error[k]
    return StudentisedIntervals(stand_in.value, low, high, stand_in.num_undefined, stood_in)


def _level(freedom: float, num_patients: int, confidence: float, num_resamples: int) -> float:
    """Between which quantiles (0 to 1) an interval of this confidence lies: further out the fewer carry the error.

    As much further as Student's t of these degrees of freedom lies beyond that of n - 1, for what few patients alone
    cost, the resamples know already.
    """
    upper = (1 + confidence) / 2
    further = stdtrit(freedom, upper) / stdtrit(num_patients - 1, upper)
    level = float(2 * ndtr(ndtri(upper) * further) - 1)
    return max(confidence, min(level, 1 - 2 * MIN_BEYOND / num_resamples))


def _quantiles(gaps, errors, error: float, confidence: float, symmetric: bool) -> tuple[float, float]:
    """Of the distances in units of each resample's error; infinite where they are among resamples without one."""
    there = np.isfinite(gaps)
    gaps, errors = gaps[there], errors[there]
    distances = np.where(gaps < 0, -np.inf, np.inf)
    np.divide(gaps, errors, out=distances, where=errors > NO_ERROR * error)
    if symmetric:
        reach = _order_statistic(np.abs(distances), confidence)
        return -reach, reach
    return _order_statistic(distances, (1 - confidence) / 2), _order_statistic(distances, (1 + confidence) / 2)


def _order_statistic(values: np.ndarray, level: float) -> float:
    """The quantile without interpolation, which infinities would turn into NaN."""
    return float(np.quantile(values, level, method="lower" if level < 0.5 else "higher"))
