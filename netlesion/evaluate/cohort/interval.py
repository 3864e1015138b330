"""The one place of intervals: every estimate of this folder is made here, over patients.

Means and ratios have the bootstrap-t; curves and coefficients, which need all cases at once, are functions of patient
weights and have the expanded BCa; Cohen's kappa has one of its own (docs/statistics.md says why each).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

import netlesion.statistics as statistics
from netlesion.statistics import (
    CONFIDENCE,
    MIN_PATIENTS,
    NUM_RESAMPLES,
    Estimate,
    bootstrap_mean,
    bootstrap_proportion,
)
from netlesion.statistics.arrays import Names, Numbers, Truths
from netlesion.statistics.bootstrap import Interval, Statistic, bootstrap
from netlesion.statistics.estimate import join_notes
from netlesion.statistics.kappa import KAPPA_INTERVAL
from netlesion.statistics.proportions import proportion
from netlesion.statistics.ratios import AGREE, few_patients

#: What the module of statistics says of its intervals, where it does.
METHOD = statistics.INTERVAL_METHOD
#: What a fraction can be, and a number of things.
SHARE, COUNT = (0.0, 1.0), (0.0, math.inf)


@dataclass(frozen=True)
class Resampling:
    """How intervals are made: the seed, the number of resamples, and what every note must say (a partial cohort)."""

    seed: int
    num_resamples: int = NUM_RESAMPLES
    remark: str = ""

    def mean(self, values: Numbers, patients: Names, within: tuple[float, float] = (-math.inf, math.inf)) -> Estimate:
        """The mean over cases, NaN left out and counted in the note; its interval is cut to what the figure can be."""
        found = bootstrap_mean(values, patients, seed=self.seed, num_resamples=self.num_resamples)
        return self._remarked(found.within(*within))

    def ratio(self, tops: Numbers, bottoms: Numbers, patients: Names) -> Estimate:
        """A pooled share: sum of tops over sum of bottoms, no top above its bottom."""
        return self._remarked(
            bootstrap_proportion(tops, bottoms, patients, seed=self.seed, num_resamples=self.num_resamples)
        )

    def share(self, hits: Truths, patients: Names) -> Estimate:
        """Share of rows that hit; where each row is a patient of its own they are trials, with an exact interval."""
        if len(set(patients)) < len(hits):
            return self.ratio([float(h) for h in hits], [1.0] * len(hits), patients)
        found = proportion(sum(map(bool, hits)), len(hits))
        few = (
            f"only {found.n} patient{'s' * (found.n > 1)}; the interval is exact" if 0 < found.n < MIN_PATIENTS else ""
        )
        return self._remarked(replace(found, note=join_notes(found.note, few)))

    def statistics(
        self, statistic: Statistic, num_patients: int, strata: Sequence[object] | None = None, note: str = ""
    ) -> tuple[Estimate, ...]:
        """One estimate for each number that `statistic` makes of the patients' weights, (R, P) -> (R, K).

        strata (P,): patients of one stratum are resampled among themselves, such as those with a culprit.
        A resample in which a number does not exist is left out of its interval, and counted in the note.
        """
        if num_patients == 0:
            values = statistic(np.ones((1, 0)))[0]
            nothing = join_notes(note, few_patients(0))
            return tuple(self._remarked(Estimate(float(v), np.nan, np.nan, 0, nothing)) for v in values)
        found = bootstrap(statistic, num_patients, seed=self.seed, num_resamples=self.num_resamples, strata=strata)
        made = []
        for value, low, high, missing in zip(found.value, found.low, found.high, found.num_undefined, strict=True):
            notes = [note, few_patients(num_patients)]
            if num_patients > 1 and not math.isnan(value):
                notes.append(f"no value in {missing} of {self.num_resamples} resamples" if missing else "")
                notes.append(AGREE if math.isnan(low) and missing < self.num_resamples else "")
            made.append(Estimate(float(value), float(low), float(high), num_patients, join_notes(*notes)))
        return tuple(map(self._remarked, made))

    def noted(self, estimate: Estimate) -> Estimate:
        """An estimate made elsewhere (an area, with the interval of its own), with what its note must say."""
        return self._remarked(replace(estimate, note=join_notes(few_patients(estimate.n), estimate.note)))

    def _remarked(self, estimate: Estimate) -> Estimate:
        if not self.remark:
            return estimate
        note = "; ".join(part for part in (self.remark, estimate.note) if part)
        return Estimate(estimate.value, estimate.low, estimate.high, estimate.n, note)

    def facts(self) -> dict[str, Any]:
        """What a summary must say of its intervals."""
        return {
            "method": METHOD,
            "method_of_kappa": KAPPA_INTERVAL,
            "method_of_curves": f"{Interval.EXPANDED_BCA.value} bootstrap over patients",
            "confidence": CONFIDENCE,
            "num_resamples": self.num_resamples,
            "seed": self.seed,
        }


def exact_interval(successes: int, trials: int) -> tuple[float, float] | None:
    """Clopper-Pearson, for a fraction of independent patients; None without any."""
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
