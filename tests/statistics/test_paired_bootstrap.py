import math

import numpy as np
import pytest
from scipy import stats

from netlesion.statistics.bootstrap import bootstrap
from netlesion.statistics.paired_bootstrap import compare_statistics
from netlesion.statistics.ratios import compare_means


def mean_of(values):
    values = np.asarray(values, dtype=float)
    return lambda weights: np.divide(
        weights @ np.nan_to_num(values),
        weights @ ~np.isnan(values),
        out=np.full(len(weights), np.nan),
        where=weights @ ~np.isnan(values) > 0,
    )


@pytest.fixture
def two():
    rng = np.random.default_rng(5)
    a = rng.beta(4, 2, 41)
    return a, np.clip(a - 0.05 + rng.normal(0, 0.1, 41), 0, 1)


def test_of_means_it_is_the_paired_t_test(two):
    """The bootstrap error of a mean is s/sqrt(n) but for the draw, so scipy's paired t test is its limit."""
    a, b = two
    found = compare_statistics(mean_of(a), mean_of(b), 41, seed=0, num_resamples=20000)
    oracle = stats.ttest_rel(a, b)
    assert found.p == pytest.approx(oracle.pvalue, rel=0.1)
    low, high = oracle.confidence_interval()
    assert (found.difference.low, found.difference.high) == pytest.approx((low, high), abs=0.02 * (high - low))
    assert found.difference.value == pytest.approx(a.mean() - b.mean())
    swapped = compare_means(a, b, [f"{n:02d}" for n in range(41)], seed=0)
    assert found.difference.value == pytest.approx(swapped.difference.value)


def test_values_have_the_interval_they_have_alone(two):
    a, b = two
    found = compare_statistics(mean_of(a), mean_of(b), 41, seed=3)
    for estimate, values in ((found.a, a), (found.b, b)):
        alone = bootstrap(mean_of(values), 41, seed=3)
        assert (estimate.value, estimate.low, estimate.high) == (alone.value[0], alone.low[0], alone.high[0])


def test_interval_and_p_agree_and_the_models_can_change_places(two):
    a, b = two
    for shift in (0.0, 0.02, 0.04, 0.06):
        found = compare_statistics(mean_of(a), mean_of(b + shift), 41, seed=0)
        assert (found.p <= 0.05) == (not found.difference.low <= 0 <= found.difference.high)
        turned = compare_statistics(mean_of(b + shift), mean_of(a), 41, seed=0)
        assert turned.p == pytest.approx(found.p)
        assert (turned.difference.low, turned.difference.high) == pytest.approx(
            (-found.difference.high, -found.difference.low)
        )


def test_without_variation_there_is_no_interval():
    ones, zeros = np.ones(9), np.zeros(9)
    same = compare_statistics(mean_of(ones), mean_of(ones), 9, seed=0)
    assert (same.p, same.difference.value) == (1.0, 0.0)
    assert math.isnan(same.difference.low)
    assert "all patients agree" in same.difference.note
    apart = compare_statistics(mean_of(ones), mean_of(zeros), 9, seed=0)
    assert math.isnan(apart.p)
    alone = compare_statistics(mean_of([0.5]), mean_of([0.25]), 1, seed=0)
    assert (alone.difference.value, alone.difference.note) == (0.25, "one patient only: no interval")
    assert math.isnan(alone.p)
    none = compare_statistics(mean_of([np.nan] * 3), mean_of([0.5] * 3), 3, seed=0)
    assert math.isnan(none.difference.value)
    assert math.isnan(none.p)


def test_resamples_without_a_value_are_counted():
    a, b = np.array([0.2, 0.4, np.nan, np.nan, np.nan]), np.array([0.3, 0.9, np.nan, np.nan, np.nan])
    found = compare_statistics(mean_of(a), mean_of(b), 5, seed=0)
    missing = int(found.difference.note.split("no value in ")[1].split()[0])
    assert missing == pytest.approx(2000 * 0.6**5, abs=60)
    assert found.difference.low < found.difference.value < found.difference.high
    strata = [True, True, False, False, False]
    assert "no value" not in compare_statistics(mean_of(a), mean_of(b), 5, seed=0, strata=strata).difference.note
