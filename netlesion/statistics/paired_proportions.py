"""Two yes-or-no results on the same units: McNemar's test and its clustered forms, and intervals of the difference.

Units are patients, or lesions clustered in patients. The tests and intervals work on discordant pairs: b, yes by A
alone, and c, yes by B alone. Knows nothing about lesions or images.

Sources: clinical.md 8.4; McNemar, Psychometrika 1947;12:153; Newcombe, Stat Med 1998;17:2635, method 10; Tango,
Stat Med 1998;17:891; Obuchowski, Stat Med 1998;17:1495; Durkalski et al., Stat Med 2003;22:2417.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import bdtr, ndtr

from netlesion.errors import CohortError, QuantityError
from netlesion.statistics.arrays import Counts, Truths
from netlesion.statistics.estimate import CONFIDENCE, Comparison, Estimate, normal_quantile
from netlesion.statistics.proportions import proportion, wilson

MCNEMAR = "McNemar, exact"
CLUSTERED_MCNEMAR = "McNemar by patients, exact (differences of patients change sign)"
TANGO = "Tango"


@dataclass(frozen=True)
class PairedCounts:
    """A 2 x 2 table of paired results: both yes, only A, only B, neither."""

    both: int
    only_a: int
    only_b: int
    neither: int

    def __post_init__(self) -> None:
        if min(self.both, self.only_a, self.only_b, self.neither) < 0:
            raise QuantityError(f"{self} has a negative count, expected 0 or more")

    @property
    def total(self) -> int:
        return self.both + self.only_a + self.only_b + self.neither

    @classmethod
    def of(cls, yes_a: Truths, yes_b: Truths) -> PairedCounts:
        """Counts of two results for each unit, (N,) each; raises CohortError for unequal lengths."""
        a, b = np.asarray(yes_a, dtype=bool), np.asarray(yes_b, dtype=bool)
        if len(a) != len(b):
            raise CohortError(f"{len(a)} results of A and {len(b)} of B; expected one each per unit")
        return cls(int((a & b).sum()), int((a & ~b).sum()), int((~a & b).sum()), int((~a & ~b).sum()))


def compare_proportions(yes_a: Truths, yes_b: Truths) -> Comparison:
    """Share of yes by A, by B, and A - B over independent units such as patients; NaN for no unit."""
    table = PairedCounts.of(yes_a, yes_b)
    n = table.total
    a, b = proportion(table.both + table.only_a, n), proportion(table.both + table.only_b, n)
    if n == 0:
        return Comparison(a, b, a, math.nan, MCNEMAR, TANGO)
    low, high = tango(table.only_a, table.only_b, n)
    difference = Estimate((table.only_a - table.only_b) / n, low, high, n)
    return Comparison(a, b, difference, mcnemar(table.only_a, table.only_b), MCNEMAR, TANGO)


def mcnemar(only_a: int, only_b: int) -> float:
    """Exact two-sided p of equal proportions: discordant pairs fall either way like a fair coin; 1 without any."""
    pairs = only_a + only_b
    return 1.0 if pairs == 0 else min(1.0, 2 * float(bdtr(min(only_a, only_b), pairs, 0.5)))


def clustered_mcnemar(differences: Counts) -> float:
    """Exact two-sided p when pairs are clustered in patients; differences (P,): b - c of each patient.

    Under exchangeable models each patient's difference is as likely with either sign, whatever the correlation
    of its lesions. The distribution of the sum is built patient by patient, without sampling; patients with one pair
    each give McNemar's exact test. The statistic is that of Obuchowski's test. Raises QuantityError for fractions.
    """
    values = np.asarray(differences, dtype=np.float64)
    if (values != np.round(values)).any():
        raise QuantityError("a difference of counts is a fraction, expected whole numbers")
    steps = np.abs(values[values != 0]).astype(int)
    reach = int(steps.sum())
    chances = np.zeros(2 * reach + 1)  # of every sum from -reach to reach
    chances[reach] = 1.0
    for step in steps:
        moved = np.zeros_like(chances)
        moved[step:] += chances[:-step] / 2
        moved[:-step] += chances[step:] / 2
        chances = moved
    sums = np.abs(np.arange(-reach, reach + 1))
    return min(1.0, float(chances[sums >= abs(int(values.sum()))].sum()))


def obuchowski_mcnemar(differences: Counts) -> float:
    """p of Obuchowski's clustered test, chi-squared with 1 degree of freedom; 1 when no patient has a difference.

    differences (P,): b - c of every patient, also of those where it is 0. Every lesion weighs the same. Approximate:
    docs/statistics.md has its measured error.
    """
    d = np.asarray(differences, dtype=np.float64)
    if not d.any():
        return 1.0
    return _chi_squared_p((len(d) - 1) / len(d) * d.sum() ** 2 / (d**2).sum())


def durkalski_mcnemar(differences: Counts, sizes: Counts) -> float:
    """p of Durkalski's clustered test, chi-squared with 1 degree of freedom; 1 when no patient has a difference.

    differences (P,): b - c; sizes (P,): pairs of every patient, at least 1. Every patient weighs the same.
    """
    d, n = np.asarray(differences, dtype=np.float64), np.asarray(sizes, dtype=np.float64)
    if len(d) != len(n) or (n < 1).any() or (np.abs(d) > n).any():
        raise QuantityError("a patient has more discordant than all pairs, or none at all; expected |b - c| <= size")
    if not d.any():
        return 1.0
    share = d / n
    return _chi_squared_p(share.sum() ** 2 / (share**2).sum())


def newcombe(table: PairedCounts, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Interval of A - B from both Wilson intervals and the correlation of the pairs (method 10).

    Raises QuantityError for an empty table.
    """
    a, b, c, d = table.both, table.only_a, table.only_b, table.neither
    n = table.total
    p1, p2 = _share(a + b, n), _share(a + c, n)
    (low1, high1), (low2, high2) = wilson(a + b, n, confidence), wilson(a + c, n, confidence)
    margins = math.sqrt((a + b) * (c + d) * (a + c) * (b + d))
    cross = a * d - b * c
    if cross > 0:
        cross = max(cross - n / 2, 0)
    phi = cross / margins if margins > 0 else 0.0
    down = _square_and_add(p1 - low1, high2 - p2, phi)
    up = _square_and_add(high1 - p1, p2 - low2, phi)
    return (b - c) / n - down, (b - c) / n + up


def tango(only_a: int, only_b: int, total: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Score interval of A - B: the differences at which the score statistic is within +-z.

    Raises QuantityError for more discordant than all pairs, or no pair.
    """
    if total < 1 or min(only_a, only_b) < 0 or only_a + only_b > total:
        raise QuantityError(f"{only_a} and {only_b} discordant of {total} pairs, expected at most {total}, at least 1")
    z = normal_quantile(confidence)
    value = (only_a - only_b) / total
    low = _bisect(lambda d: _tango_score(only_a, only_b, total, d) - z, -1.0, value)
    high = _bisect(lambda d: _tango_score(only_a, only_b, total, d) + z, value, 1.0)
    return low, high


def _tango_score(b: int, c: int, n: int, difference: float) -> float:
    """The score statistic at a difference, with the discordant probability that is most likely under it."""
    first = -b - c + (2 * n - b + c) * difference
    last = -c * difference * (1 - difference)
    only_b = (math.sqrt(max(first**2 - 8 * n * last, 0.0)) - first) / (4 * n)
    variance = n * (2 * only_b + difference * (1 - difference))
    gap = b - c - n * difference
    if variance <= 0:
        return math.copysign(math.inf, gap) if gap != 0 else 0.0
    return gap / math.sqrt(variance)


def _bisect(function, low: float, high: float) -> float:
    """Root of a falling function between two ends; the end itself where it does not cross zero."""
    if function(low) <= 0:
        return low
    if function(high) >= 0:
        return high
    for _ in range(60):
        middle = (low + high) / 2
        if function(middle) > 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _square_and_add(one: float, other: float, phi: float) -> float:
    return math.sqrt(max(one**2 - 2 * phi * one * other + other**2, 0.0))


def _share(count: int, total: int) -> float:
    if total == 0:
        raise QuantityError("no pair at all, expected at least one")
    return count / total


def _chi_squared_p(statistic: float) -> float:
    return float(2 * ndtr(-math.sqrt(statistic)))
