import math

import numpy as np
import pytest
from scipy import stats

from netlesion.errors import CohortError, QuantityError
from netlesion.statistics.agreement import (
    bland_altman,
    bland_altman_ratio,
    concordance,
    icc_2_1,
    spearman,
)

#: Peak expiratory flow, l/min, first readings: Bland & Altman, Lancet 1986;i:307, table 1.
WRIGHT = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]
#: Shrout & Fleiss, Psychol Bull 1979;86:420, table 2.
JUDGES = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float)


def test_the_peak_flow_meters_of_bland_and_altman():
    """Published: mean -2.1, SD 38.8, interval of the mean -22.0 to 17.8."""
    found = bland_altman(WRIGHT, MINI)
    assert (found.bias.value, found.bias.low, found.bias.high) == pytest.approx((-2.1, -22.0, 17.8), abs=0.06)
    deviation = np.subtract(WRIGHT, MINI).std(ddof=1)
    assert deviation == pytest.approx(38.8, abs=0.05)
    assert found.lower.value == pytest.approx(-2.118 - 1.96 * deviation, abs=0.01)
    assert found.upper.value == pytest.approx(-2.118 + 1.96 * deviation, abs=0.01)
    assert not found.ratio
    assert found.bias.n == found.lower.n == 17


def test_intervals_of_the_limits_are_exact():
    """Carkeet 2015: quantiles of the non-central t, here scipy's; published, sqrt(3/n) SD: 40.9 to 110.1."""
    found, n = bland_altman(WRIGHT, MINI), 17
    gaps = np.subtract(WRIGHT, MINI)
    mean, error = gaps.mean(), gaps.std(ddof=1) / math.sqrt(n)
    near, far = stats.nct.ppf([0.025, 0.975], n - 1, stats.norm.ppf(0.975) * math.sqrt(n)) * error
    assert (found.upper.low, found.upper.high) == pytest.approx((mean + near, mean + far), rel=1e-6)
    assert (found.lower.low, found.lower.high) == pytest.approx((mean - far, mean - near), rel=1e-6)
    assert found.upper.high - found.upper.low == pytest.approx(110.1 - 40.9, rel=0.1)


def test_ratios_are_differences_of_logarithms():
    rng = np.random.default_rng(0)
    x, y = rng.lognormal(2, 1, (2, 23))
    found, plain = bland_altman_ratio(x, y), bland_altman(np.log(x), np.log(y))
    for name in ("bias", "lower", "upper"):
        one, other = getattr(found, name), getattr(plain, name)
        assert np.log([one.value, one.low, one.high]) == pytest.approx([other.value, other.low, other.high])
    assert found.ratio
    scaled = bland_altman_ratio(3 * x, y)
    assert scaled.upper.high == pytest.approx(3 * found.upper.high)
    turned = bland_altman_ratio(y, x)
    assert (turned.lower.low, turned.bias.value) == pytest.approx((1 / found.upper.high, 1 / found.bias.value))


def test_pairs_with_a_zero_are_left_out_and_counted():
    found = bland_altman_ratio([2.0, 0.0, 6.0, 8.0], [1.0, 5.0, 0.0, 2.0])
    assert found.bias.value == pytest.approx(math.sqrt(8))
    assert (found.bias.n, found.upper.note) == (2, "2 of 4 pairs hold a zero and are left out")
    alone = bland_altman([3.0], [1.0])
    assert (alone.bias.value, alone.bias.note) == (2.0, "too few pairs for limits")
    assert math.isnan(alone.bias.low)
    assert math.isnan(alone.upper.value)
    assert math.isnan(bland_altman([], []).bias.value)


def test_the_judges_of_shrout_and_fleiss():
    """ICC(2,1) = 0.29, interval 0.019 to 0.761 (R's psych::ICC on the same table)."""
    found = icc_2_1(JUDGES)
    assert found.value == pytest.approx(0.29, abs=0.005)
    assert (found.low, found.high) == pytest.approx((0.019, 0.761), abs=5e-4)
    assert found.n == 6


def test_icc_from_a_two_way_analysis_of_variance():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(9, 3)) + 2 * rng.normal(size=(9, 1)) + rng.normal(size=3)
    sums = 3 * x.mean(1).var() * 9, 9 * x.mean(0).var() * 3
    ms_r, ms_c = sums[0] / 8, sums[1] / 2
    ms_e = (x.var() * 27 - sum(sums)) / 16
    assert icc_2_1(x).value == pytest.approx((ms_r - ms_e) / (ms_r + 2 * ms_e + 3 * (ms_c - ms_e) / 9))
    assert icc_2_1(5 - 2 * x).value == pytest.approx(icc_2_1(x).value)
    assert icc_2_1(x[:, ::-1]).high == pytest.approx(icc_2_1(x).high)
    shifted = x + [0, 0, 30]
    assert icc_2_1(shifted).value < 0.1  # absolute agreement: a biased method costs


def test_concordance_by_its_definition():
    x, y = np.array(WRIGHT, float), np.array(MINI, float)
    expected = 2 * np.cov(x, y, ddof=0)[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
    found = concordance(x, y)
    assert found.value == pytest.approx(expected)
    assert found.low < found.value < found.high < 1
    assert concordance(y, x).low == pytest.approx(found.low)


@pytest.mark.parametrize(("rho", "shift", "n"), [(0.8, 0.5, 40), (0.9, 1.5, 100)])
def test_the_interval_of_concordance_is_as_wide_as_its_samples_spread(rho, shift, n):
    rng = np.random.default_rng(2)
    truth, covered, errors, zs = 2 * rho / (2 + shift**2), 0, [], []
    for _ in range(600):
        a = rng.normal(size=n)
        found = concordance(a, rho * a + math.sqrt(1 - rho**2) * rng.normal(size=n) + shift)
        covered += found.low <= truth <= found.high
        errors.append((math.atanh(found.high) - math.atanh(found.low)) / (2 * 1.96))
        zs.append(math.atanh(found.value))
    assert np.mean(errors) == pytest.approx(np.std(zs), rel=0.09)
    assert 0.925 <= covered / 600 <= 0.975


def test_the_variance_of_concordance_by_the_delta_method():
    """Fisher's z of the coefficient as a function of five normal moments, differentiated by steps; over n - 2 (Lin)."""
    x, y = np.array(WRIGHT, float) / 100, 1.4 * np.array(MINI, float) / 100 + 0.9
    (sx, sxy), (_, sy) = np.cov(x, y, ddof=0)
    moments = np.array([x.mean(), y.mean(), sx, sy, sxy])

    def z(m):
        return math.atanh(2 * m[4] / (m[2] + m[3] + (m[0] - m[1]) ** 2))

    slopes = np.array([(z(moments + step) - z(moments - step)) / 2e-5 for step in 1e-5 * np.eye(5)])
    covariance = np.zeros((5, 5))
    covariance[:2, :2] = [[sx, sxy], [sxy, sy]]
    covariance[2:, 2:] = [
        [2 * sx**2, 2 * sxy**2, 2 * sx * sxy],
        [2 * sxy**2, 2 * sy**2, 2 * sy * sxy],
        [2 * sx * sxy, 2 * sy * sxy, sx * sy + sxy**2],
    ]
    half = stats.norm.ppf(0.975) * math.sqrt(slopes @ covariance @ slopes / 15)
    found = concordance(x, y)
    assert math.atanh(found.high) - math.atanh(found.value) == pytest.approx(half, rel=1e-6)


def test_spearman_agrees_with_scipy():
    rng = np.random.default_rng(3)
    x = np.round(rng.normal(size=21), 1)
    y = np.round(x + rng.normal(size=21), 1)
    found = spearman(x, y)
    r = stats.spearmanr(x, y).statistic
    assert found.value == pytest.approx(r)
    half = stats.norm.ppf(0.975) * math.sqrt((1 + r * r / 2) / 18)
    assert (found.low, found.high) == pytest.approx((math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)))
    assert spearman(np.exp(x), y) == found


def test_what_does_not_vary_has_no_coefficient():
    same = [1.0, 2.0, 3.0, 5.0]
    for estimate in (icc_2_1(np.ones((4, 2))), concordance([2.0] * 4, [2.0] * 4), spearman(same, [1.0] * 4)):
        assert math.isnan(estimate.value)
        assert estimate.note == "nothing varies: no coefficient"
    for estimate, note in (
        (icc_2_1(np.column_stack([same, same])), "perfect agreement: no interval"),
        (concordance(same, same), "degenerate: no interval"),
        (concordance(same, [2.0] * 4), "degenerate: no interval"),
        (spearman(same, same), "perfect ranking: no interval"),
    ):
        assert estimate.value == pytest.approx(1) or estimate.value == 0
        assert math.isnan(estimate.low)
        assert estimate.note == note
    assert math.isnan(concordance([1.0, 2.0], [1.0, 3.0]).value)
    assert math.isnan(spearman([1.0, 2.0, 3.0], [1.0, 3.0, 2.0]).value)


def test_nonsense_is_refused():
    with pytest.raises(CohortError, match="one pair per patient"):
        bland_altman([1.0], [1.0, 2.0])
    for function in (bland_altman, concordance, spearman):
        with pytest.raises(QuantityError, match="NaN"):
            function([1.0, math.nan, 2.0, 3.0], [1.0, 2.0, 3.0, 4.0])
    with pytest.raises(QuantityError, match="NaN"):
        icc_2_1([[1.0, math.inf], [2.0, 3.0]])
    with pytest.raises(QuantityError, match="negative"):
        bland_altman_ratio([1.0, -1.0], [1.0, 2.0])
    for shape in ((1, 3), (3, 1)):
        with pytest.raises(CohortError, match="at least 2 patients by 2 methods"):
            icc_2_1(np.ones(shape))
