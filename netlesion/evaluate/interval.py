"""The one door to intervals: every estimate of this folder is made here, over patients.

Means and ratios go to `statistics`; curves and their areas, which need all lesions at once, are given as a function
of patient weights and are resampled here with the same rule (patients with replacement, percentile interval).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from netlesion.evaluate import statistics
from netlesion.evaluate.statistics import (
    CONFIDENCE,
    MIN_PATIENTS,
    NUM_RESAMPLES,
    Estimate,
    bootstrap_mean,
    bootstrap_proportion,
)

#: What the module of statistics says of its intervals, where it does.
METHOD = statistics.INTERVAL_METHOD
#: What a share can be, and a number of things.
SHARE, COUNT = (0.0, 1.0), (0.0, math.inf)
QUANTILES = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)


@dataclass(frozen=True)
class Resampling:
    """How intervals are made: the seed, the number of resamples, and what every note must say (a partial cohort)."""

    seed: int
    num_resamples: int = NUM_RESAMPLES
    remark: str = ""

    def mean(
        self, values: Sequence[float], patients: Sequence[str], within: tuple[float, float] = (-math.inf, math.inf)
    ) -> Estimate:
        """The mean over cases, NaN left out and counted in the note; its interval is cut to what the figure can be."""
        found = bootstrap_mean(values, patients, seed=self.seed, num_resamples=self.num_resamples)
        return self._remarked(found.within(*within))

    def ratio(self, tops: Sequence[float], bottoms: Sequence[float], patients: Sequence[str]) -> Estimate:
        """A pooled share: sum of tops over sum of bottoms, no top above its bottom."""
        return self._remarked(
            bootstrap_proportion(tops, bottoms, patients, seed=self.seed, num_resamples=self.num_resamples)
        )

    def statistics(
        self,
        function: Callable[[np.ndarray], np.ndarray],
        num_patients: int,
        strata: Sequence[object] | None = None,
    ) -> tuple[Estimate, ...]:
        """One estimate for each number that `function` makes of the patients' weights (P,).

        strata (P,): patients of one stratum are resampled among themselves, such as those with a culprit.
        A resample in which a number does not exist is left out of its interval.
        """
        values = np.atleast_1d(function(np.ones(num_patients)))
        if num_patients < 2:
            note = "one patient only: no interval" if num_patients else "no patient has a value"
            return tuple(self._remarked(Estimate(float(v), np.nan, np.nan, num_patients, note)) for v in values)
        drawn = self.weights(num_patients, strata)
        replicates = np.stack([np.atleast_1d(function(weights)) for weights in drawn])
        note = ""
        if num_patients < MIN_PATIENTS:
            note = f"only {num_patients} patients: the interval is not reliable below {MIN_PATIENTS}"
        made = []
        for value, column in zip(values, replicates.T, strict=True):
            there = column[~np.isnan(column)]
            low, high = np.quantile(there, QUANTILES) if len(there) else (np.nan, np.nan)
            made.append(self._remarked(Estimate(float(value), float(low), float(high), num_patients, note)))
        return tuple(made)

    def weights(self, num_patients: int, strata: Sequence[object] | None = None) -> np.ndarray:
        """How often each patient was drawn, (num_resamples, P)."""
        rng = np.random.default_rng(self.seed)
        groups = np.zeros(num_patients, dtype=int)
        if strata is not None:
            groups = np.unique([str(s) for s in strata], return_inverse=True)[1]
        weights = np.zeros((self.num_resamples, num_patients))
        for group in np.unique(groups):
            members = np.flatnonzero(groups == group)
            share = np.full(len(members), 1 / len(members))
            weights[:, members] = rng.multinomial(len(members), share, size=self.num_resamples)
        return weights

    def _remarked(self, estimate: Estimate) -> Estimate:
        if not self.remark:
            return estimate
        note = "; ".join(part for part in (self.remark, estimate.note) if part)
        return Estimate(estimate.value, estimate.low, estimate.high, estimate.n, note)

    def facts(self) -> dict[str, Any]:
        """What a summary must say of its intervals."""
        return {
            "method": METHOD,
            "method_of_curves": "percentile bootstrap over patients",
            "confidence": CONFIDENCE,
            "num_resamples": self.num_resamples,
            "seed": self.seed,
        }


def exact_interval(successes: int, trials: int) -> tuple[float, float] | None:
    """Clopper-Pearson, for a share of independent patients; None without any."""
    if trials == 0:
        return None
    from scipy.stats import binomtest

    found = binomtest(successes, trials).proportion_ci(CONFIDENCE, method="exact")
    return float(found.low), float(found.high)


def plain(estimate: Estimate) -> dict[str, Any]:
    """An estimate as JSON has it: n is the number of patients, and what does not exist is None."""
    return {k: _number(v) if isinstance(v, float) else v for k, v in asdict(estimate).items()}


def _number(value: float) -> float | None:
    return None if math.isnan(value) or math.isinf(value) else value
