import math

import numpy as np
import pytest
from scipy import stats

from netlesion.errors import ConfigError, QuantityError
from netlesion.statistics.proportions import SMALL_SAMPLE, clopper_pearson, proportion, wilson

COUNTS = [(0, 1), (1, 1), (0, 7), (3, 7), (7, 7), (81, 263), (262, 263)]


@pytest.mark.parametrize(("successes", "trials"), COUNTS)
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_both_intervals_agree_with_scipy(successes, trials, confidence):
    test = stats.binomtest(successes, trials)
    for method, name in ((clopper_pearson, "exact"), (wilson, "wilson")):
        oracle = test.proportion_ci(confidence, method=name)
        assert method(successes, trials, confidence) == pytest.approx((oracle.low, oracle.high), abs=1e-12)


def test_both_intervals_agree_with_statsmodels():
    oracle = pytest.importorskip("statsmodels.stats.proportion").proportion_confint
    for successes, trials in COUNTS:
        assert clopper_pearson(successes, trials) == pytest.approx(
            oracle(successes, trials, method="beta"), nan_ok=True
        )
        low, high = oracle(successes, trials, method="wilson")
        assert wilson(successes, trials) == pytest.approx((max(low, 0), min(high, 1)), abs=1e-12)


def test_published_examples():
    """Newcombe, Stat Med 1998;17:857: 81/263, 15/148, 0/20, 1/29."""
    rows = [
        (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
        (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
        (0, 20, (0.0, 0.1611), (0.0, 0.1684)),
        (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
    ]
    for successes, trials, score, exact in rows:
        assert wilson(successes, trials) == pytest.approx(score, abs=5e-5)
        assert clopper_pearson(successes, trials) == pytest.approx(exact, abs=5e-5)


@pytest.mark.parametrize("truth", [0.03, 0.5, 0.83])
def test_the_exact_interval_covers_at_least_as_often_as_it_says(truth):
    """Exact coverage: the binomial summed over the outcomes whose interval holds the truth."""
    chances = stats.binom.pmf(np.arange(24), 23, truth)
    covers = [low <= truth <= high for low, high in (clopper_pearson(k, 23) for k in range(24))]
    assert chances[covers].sum() >= 0.95


def test_small_samples_get_the_exact_interval():
    few, many = proportion(5, SMALL_SAMPLE - 1), proportion(5, SMALL_SAMPLE)
    assert (few.low, few.high) == clopper_pearson(5, SMALL_SAMPLE - 1)
    assert (many.low, many.high) == wilson(5, SMALL_SAMPLE)
    assert (few.value, few.n, few.note) == (5 / 39, 39, "")
    nothing = proportion(0, 0)
    assert math.isnan(nothing.value)
    assert (nothing.n, nothing.note) == (0, "no patient has a value")


@pytest.mark.parametrize("counts", [(3, 2), (-1, 2), (0, 0)])
def test_impossible_counts_are_refused(counts):
    for method in (clopper_pearson, wilson):
        with pytest.raises(QuantityError, match="successes in"):
            method(*counts)


def test_impossible_confidence_is_refused():
    for confidence in (0, 1, 95):
        with pytest.raises(ConfigError, match="expected between 0 and 1"):
            wilson(1, 2, confidence)
