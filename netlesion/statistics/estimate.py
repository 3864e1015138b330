"""A value with its interval, and two of them with the difference: what every statistic returns.

Knows nothing about how either was computed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from scipy.special import ndtri

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
    note: str = ""

    def within(self, low: float, high: float) -> Estimate:
        """The same with its interval cut to the range that the figure can have, such as 0 to 1 for Dice."""
        return replace(self, low=_cut(self.low, low, high), high=_cut(self.high, low, high))


@dataclass(frozen=True)
class Comparison:
    """One figure of two models on the same patients: both values, A - B, and a two-sided p for no difference.

    test, interval: which methods gave p and the interval of the difference, in words.
    """

    a: Estimate
    b: Estimate
    difference: Estimate
    p: float
    test: str
    interval: str


def normal_quantile(confidence: float) -> float:
    """z of a two-sided interval: 1.96 for 0.95."""
    return float(ndtri((1 + confidence) / 2))


def join_notes(*notes: str) -> str:
    """The notes that say something, each once, separated by semicolons."""
    return "; ".join(dict.fromkeys(note for note in notes if note))


def _cut(limit: float, low: float, high: float) -> float:
    return limit if math.isnan(limit) else min(max(limit, low), high)
