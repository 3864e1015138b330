import math

import numpy as np
import pytest
from scipy import stats

from netlesion.statistics.agreement import bland_altman, concordance, icc_2_1, spearman
from netlesion.statistics.weighted_agreement import (
    weighted_concordance,
    weighted_icc_2_1,
    weighted_limits,
    weighted_spearman,
)
from tests.statistics.test_agreement import MINI, WRIGHT

COEFFICIENTS = (weighted_icc_2_1, weighted_concordance, weighted_spearman)


def once(function, x, y):
    return function(np.asarray(x, float), np.asarray(y, float), np.ones((1, len(x))))[0]


def test_the_peak_flow_meters_of_bland_and_altman():
    """Published (Lancet 1986;i:307): mean -2.1, SD 38.8; limits -79.7 and 75.5 with 2 SD, here 1.96."""
    assert once(weighted_limits, WRIGHT, MINI) == pytest.approx((-2.12 - 1.96 * 38.8, -2.12 + 1.96 * 38.8), abs=0.15)


def test_icc_of_two_judges_from_a_two_way_analysis_of_variance():
    """Sums of squares spelled out, cell by cell; McGraw & Wong 1996, table 4, ICC(A,1)."""
    rows = np.column_stack([WRIGHT, MINI]).astype(float)
    n, grand = len(rows), rows.mean()
    ms_r = sum(2 * (row.mean() - grand) ** 2 for row in rows) / (n - 1)
    ms_c = sum(n * (column.mean() - grand) ** 2 for column in rows.T)
    left = [(rows[i, j] - rows[i].mean() - rows[:, j].mean() + grand) ** 2 for i in range(n) for j in range(2)]
    ms_e = sum(left) / (n - 1)
    expected = (ms_r - ms_e) / (ms_r + ms_e + 2 / n * (ms_c - ms_e))
    assert once(weighted_icc_2_1, WRIGHT, MINI) == pytest.approx(expected, rel=1e-12)


def test_a_weight_is_a_number_of_equal_cases():
    """Against the functions for rows, and scipy, with every row repeated as often as its weight; ties and zeros too."""
    rng = np.random.default_rng(0)
    x = np.round(rng.lognormal(1, 1, 13), 1)
    y = np.round(x * rng.lognormal(0, 0.5, 13), 1)
    x[:2], y[1:3] = 0.0, 0.0
    weights = rng.multinomial(13, np.full(13, 1 / 13), size=40).astype(float)
    found = [function(x, y, weights) for function in COEFFICIENTS]
    limits = weighted_limits(x, y, weights)
    for r, drawn in enumerate(weights.astype(int)):
        a, b = np.repeat(x, drawn), np.repeat(y, drawn)
        assert found[0][r] == pytest.approx(icc_2_1(np.column_stack([a, b])).value, abs=1e-9)
        assert found[1][r] == pytest.approx(concordance(a, b).value, abs=1e-9)
        assert found[2][r] == pytest.approx(spearman(a, b).value, abs=1e-9)
        assert found[2][r] == pytest.approx(stats.spearmanr(a, b).statistic, abs=1e-9)
        rows = bland_altman(a, b)
        assert limits[r] == pytest.approx((rows.lower.value, rows.upper.value), abs=1e-9)


def test_a_small_spread_on_a_large_volume_is_not_lost():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 31))
    y += x
    for function in COEFFICIENTS:
        assert once(function, 1e7 + x, 1e7 + y) == pytest.approx(once(function, x, y), rel=1e-6)


def test_both_methods_are_alike_and_absolute_agreement_costs():
    x, y = np.random.default_rng(2).lognormal(size=(2, 17))
    for function in COEFFICIENTS:
        assert once(function, x, y) == pytest.approx(once(function, y, x))
        assert once(function, 3 * x, 3 * y) == pytest.approx(once(function, x, y))
        assert once(function, x, x) == pytest.approx(1)
    assert once(weighted_icc_2_1, x, x + 30) < 0.1
    assert once(weighted_concordance, x, x + 30) < 0.1
    assert once(weighted_spearman, x, np.exp(x)) == pytest.approx(1)


def test_what_does_not_vary_or_is_too_few_has_no_coefficient():
    for function in COEFFICIENTS:
        assert math.isnan(once(function, [0.1] * 7, [0.1] * 7))
        assert math.isnan(once(function, [], []))
        assert math.isnan(once(function, [1.0], [1.0]))
    assert math.isnan(once(weighted_spearman, [0.1] * 7, range(7)))
    assert once(weighted_concordance, [0.1] * 7, range(7)) == 0
    assert math.isnan(once(weighted_concordance, [1.0, 2.0], [1.0, 2.0]))
    assert math.isnan(once(weighted_spearman, [1.0, 2.0, 3.0], [1.0, 2.0, 3.0]))
    assert once(weighted_concordance, [1.0, 2.0, 3.0], [1.0, 2.0, 3.0]) == pytest.approx(1)
    assert once(weighted_spearman, [1.0, 2.0, 3.0, 9.0], [1.0, 2.0, 3.0, 4.0]) == pytest.approx(1)
    assert np.isnan(once(weighted_limits, [1.0], [2.0])).all()
    assert np.isnan(once(weighted_limits, [], [])).all()
