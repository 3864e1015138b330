"""Do lesion scores mean what they say? Reliability, expected calibration error, Brier score, and recalibration.

A score is the probability that a predicted lesion is real; a label is whether it was. Recalibration (one temperature,
or an isotonic curve) is learned on validation patients and refuses to touch the patients it was learned on. Knows
nothing about images. Intervals resample patients.

Sources: Brier, Mon Weather Rev 1950;78:1; Naeini et al., AAAI 2015 (ECE, equal-width bins); Guo et al., ICML 2017
(temperature); Zadrozny & Elkan, KDD 2002 (isotonic).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression, minimize_scalar
from scipy.special import expit, logit, xlogy

from netlesion.errors import CohortError, QuantityError
from netlesion.statistics.arrays import Names, Numbers, Truths
from netlesion.statistics.bootstrap import NUM_RESAMPLES, Statistic, bootstrap
from netlesion.statistics.estimate import Estimate
from netlesion.statistics.ratios import bootstrap_mean

NUM_BINS = 10
#: Scores are kept this far from 0 and 1 before a logarithm is taken.
EPSILON = 1e-6
#: Temperatures tried, as natural logarithms: 1/50 to 50.
LOG_TEMPERATURES = (-np.log(50.0), np.log(50.0))


@dataclass(frozen=True)
class ReliabilityBin:
    """Scores from low up to high (the last bin includes high): how many, their mean, and the fraction that was real."""

    low: float
    high: float
    count: int
    mean_score: float
    share_real: float


@dataclass(frozen=True)
class Calibration:
    """Reliability table, expected calibration error and Brier score of one set of scores."""

    bins: tuple[ReliabilityBin, ...]
    ece: Estimate
    brier: Estimate


def calibration(
    scores: Numbers,
    real: Truths,
    patients: Names,
    *,
    seed: int,
    num_bins: int = NUM_BINS,
    num_resamples: int = NUM_RESAMPLES,
) -> Calibration:
    """scores, real, patients (N,), one row per predicted lesion. ECE is biased upward in small samples; so are its
    resamples, and its interval is to be read with that in mind. Raises QuantityError for a score outside 0 to 1."""
    s, y = _scores(scores), np.asarray(real, dtype=np.float64)
    if not len(s) == len(y) == len(patients):
        raise CohortError(f"{len(s)} scores, {len(y)} labels and {len(patients)} patients; expected one each a lesion")
    edges, place = np.linspace(0, 1, num_bins + 1), bins_of(s, num_bins)
    counts, sums, hits = (np.bincount(place, v, minlength=num_bins) for v in (np.ones_like(s), s, y))
    with np.errstate(invalid="ignore"):
        means, shares = sums / counts, hits / counts
    rows = zip(edges[:-1], edges[1:], counts, means, shares, strict=True)
    bins = tuple(ReliabilityBin(float(lo), float(hi), int(n), float(m), float(r)) for lo, hi, n, m, r in rows)
    brier = bootstrap_mean((s - y) ** 2, patients, seed=seed, num_resamples=num_resamples)
    return Calibration(bins, _ece(s, y, patients, num_bins, seed, num_resamples), brier)


def bins_of(scores: np.ndarray, num_bins: int = NUM_BINS) -> np.ndarray:
    """(N,) number of the equal-width bin of each score; a score on an edge is in the upper bin, 1 in the last."""
    return np.minimum((np.asarray(scores) * num_bins).astype(int), num_bins - 1)


def expected_calibration_error(scores: Numbers, real: Truths, patients: Names, num_bins: int = NUM_BINS) -> Statistic:
    """ECE as a function of the patients' weights, patients by sorted id: over bins, |sum of score - label| / all."""
    s, y = _scores(scores), np.asarray(real, dtype=np.float64)
    ids, owner = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    sums, sizes = np.zeros((len(ids), num_bins)), np.bincount(owner, minlength=len(ids)).astype(np.float64)
    np.add.at(sums, (owner, bins_of(s, num_bins)), s - y)
    return lambda weights: np.abs(weights @ sums).sum(axis=1) / (weights @ sizes)


@dataclass(frozen=True)
class Recalibration:
    """A rising curve from score to score, and the patients it was learned on.

    temperature: divides the log odds, or None for an isotonic curve through the knots (score, calibrated).
    """

    temperature: float | None
    knots: tuple[tuple[float, float], ...]
    learned_on: frozenset[str]

    @property
    def method(self) -> str:
        return "isotonic" if self.temperature is None else "temperature"

    def require_unseen(self, patients: Iterable[str]) -> None:
        """Raises CohortError when a patient is one of those it was learned on."""
        shared = sorted(set(map(str, patients)) & self.learned_on)
        if shared:
            raise CohortError(
                f"patient {shared[0]} is one that the recalibration was learned on ({len(shared)} such patients); "
                "learn it on validation patients and apply it to others"
            )

    def apply(self, scores: Numbers, patients: Names) -> np.ndarray:
        """Calibrated scores (N,). Raises CohortError when a patient is one of those it was learned on."""
        s = _scores(scores)
        if len(s) != len(patients):
            raise CohortError(f"{len(s)} scores and {len(patients)} patients; expected one each a lesion")
        self.require_unseen(patients)
        if self.temperature is not None:
            return expit(logit(np.clip(s, EPSILON, 1 - EPSILON)) / self.temperature)
        x, y = np.array(self.knots).T
        return np.interp(s, x, y)


def learn_temperature(scores: Numbers, real: Truths, patients: Names) -> Recalibration:
    """The temperature of least log loss. Raises CohortError without a real and a false lesion to learn from."""
    s, y = _lessons(scores, real, patients)
    odds = logit(np.clip(s, EPSILON, 1 - EPSILON))

    def loss(log_temperature: float) -> float:
        p = expit(odds / np.exp(log_temperature))
        return -float(np.mean(xlogy(y, p) + xlogy(1 - y, 1 - p)))

    found = minimize_scalar(loss, bounds=LOG_TEMPERATURES, method="bounded", options={"xatol": 1e-8})
    return Recalibration(float(np.exp(found.x)), (), frozenset(map(str, patients)))


def learn_isotonic(scores: Numbers, real: Truths, patients: Names) -> Recalibration:
    """The rising curve of least squared error, straight between scores seen. Raises as learn_temperature."""
    s, y = _lessons(scores, real, patients)
    x, place = np.unique(s, return_inverse=True)
    counts = np.bincount(place)
    fitted = isotonic_regression(np.bincount(place, y) / counts, weights=counts).x
    knots = tuple(zip(x.tolist(), fitted.tolist(), strict=True))
    return Recalibration(None, knots, frozenset(map(str, patients)))


def _ece(s, y, patients, num_bins: int, seed: int, num_resamples: int) -> Estimate:
    num_patients = len(set(map(str, patients)))
    if num_patients == 0:
        return Estimate(np.nan, np.nan, np.nan, 0, "no patient has a value")
    statistic = expected_calibration_error(s, y, patients, num_bins)
    found = bootstrap(statistic, num_patients, seed=seed, num_resamples=num_resamples)
    return Estimate(float(found.value[0]), float(found.low[0]), float(found.high[0]), num_patients)


def _lessons(scores, real, patients) -> tuple[np.ndarray, np.ndarray]:
    s, y = _scores(scores), np.asarray(real, dtype=np.float64)
    if not len(s) == len(y) == len(patients):
        raise CohortError(f"{len(s)} scores, {len(y)} labels and {len(patients)} patients; expected one each a lesion")
    if len(set(y.tolist())) < 2:
        raise CohortError("all lesions to learn from are of one kind, expected real and false ones; add patients")
    return s, y


def _scores(scores: Numbers) -> np.ndarray:
    s = np.asarray(scores, dtype=np.float64)
    if not ((s >= 0) & (s <= 1)).all():
        raise QuantityError("a score is outside 0 to 1, expected probabilities")
    return s
