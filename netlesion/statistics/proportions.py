"""One proportion of independent trials, with its interval: patients found, of all patients.

Clopper & Pearson (Biometrika 1934;26:404) is exact: it covers at least as often as it says, and is the choice for
small samples. Wilson (J Am Stat Assoc 1927;22:209) covers on average what it says. Lesions are not independent
trials: `ratios.bootstrap_proportion` is for them.
"""

from __future__ import annotations

import math

from netlesion.errors import ConfigError, QuantityError
from netlesion.statistics.estimate import CONFIDENCE, Estimate

#: Below this many trials the interval of `proportion` is the exact one [P].
SMALL_SAMPLE = 40


def proportion(successes: int, trials: int, confidence: float = CONFIDENCE) -> Estimate:
    """Successes over trials; exact below SMALL_SAMPLE trials, Wilson's from there on; NaN for no trial."""
    if trials == 0:
        return Estimate(math.nan, math.nan, math.nan, 0, "no patient has a value")
    method = clopper_pearson if trials < SMALL_SAMPLE else wilson
    low, high = method(successes, trials, confidence)
    return Estimate(successes / trials, low, high, trials)


def clopper_pearson(successes: int, trials: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The exact interval: each limit leaves (1 - confidence) / 2 of the binomial beyond what was seen.

    Raises QuantityError for counts that are not 0 <= successes <= trials, trials >= 1.
    """
    return _interval(successes, trials, confidence, "exact")


def wilson(successes: int, trials: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The score interval without continuity correction. Raises as clopper_pearson."""
    return _interval(successes, trials, confidence, "wilson")


def _interval(successes: int, trials: int, confidence: float, method: str) -> tuple[float, float]:
    from scipy.stats import binomtest

    _require_counts(successes, trials, confidence)
    low, high = binomtest(successes, trials).proportion_ci(confidence, method)
    # at 0 and at all the limit is the value itself, which rounding must not cross
    return (0.0 if successes == 0 else float(low)), (1.0 if successes == trials else float(high))


def _require_counts(successes: int, trials: int, confidence: float) -> None:
    if trials < 1 or not 0 <= successes <= trials:
        raise QuantityError(f"{successes} successes in {trials} trials, expected 0 to {trials} in at least 1")
    if not 0 < confidence < 1:
        raise ConfigError(f"confidence is {confidence:g}, expected between 0 and 1 ({CONFIDENCE} is the default)")
