import numpy as np
import pytest
from scipy import stats

from netlesion.errors import ConfigError
from netlesion.statistics.bootstrap import (
    Interval,
    bca_levels,
    bootstrap,
    jackknife_freedom,
    patient_weights,
    stratified_weights,
)


def mean_of(values):
    values = np.asarray(values, dtype=float)
    return lambda weights: weights @ values / weights.sum(axis=1)


def test_every_resample_draws_as_many_patients_as_there_are():
    weights = patient_weights(7, seed=3, num_resamples=501)
    assert weights.shape == (501, 7)
    assert (weights.sum(axis=1) == 7).all()
    assert weights.mean() == 1
    assert weights.var() == pytest.approx(1 - 1 / 7, abs=0.06)  # multinomial
    with pytest.raises(ValueError, match="read-only"):
        weights[0, 0] = 2


def test_every_stratum_keeps_its_number_of_patients():
    strata = np.array([True, False, True, True, False])
    weights = stratified_weights(strata, seed=3, num_resamples=501)
    assert (weights[:, strata].sum(axis=1) == 3).all()
    assert (weights[:, ~strata].sum(axis=1) == 2).all()
    assert weights[:, ~strata].var() == pytest.approx(1 - 1 / 2, abs=0.06)  # multinomial
    three = np.array(["a", "b", "c", "b", "b", "c"])
    weights = stratified_weights(three, seed=3, num_resamples=51)
    assert all((weights[:, three == name].sum(axis=1) == (three == name).sum()).all() for name in "abc")
    apart = bootstrap(mean_of(strata), 5, seed=0, strata=strata)
    assert apart.value[0] == 3 / 5
    assert np.isnan(apart.low[0])  # the share of a stratum is fixed by the draw
    values = np.random.default_rng(1).normal(size=40) + 10 * np.repeat([0, 1], 20)
    together, apart = (bootstrap(mean_of(values), 40, seed=0, strata=s) for s in (None, np.repeat([0, 1], 20)))
    assert apart.high[0] - apart.low[0] < 0.3 * (together.high[0] - together.low[0])


@pytest.mark.parametrize(("interval", "method"), [(Interval.PERCENTILE, "percentile"), (Interval.BCA, "BCa")])
def test_intervals_of_a_skewed_mean_agree_with_scipy(interval, method):
    values = np.random.default_rng(5).lognormal(size=31)
    found = bootstrap(mean_of(values), 31, seed=0, num_resamples=20000, interval=interval)
    oracle = stats.bootstrap((values,), np.mean, n_resamples=20000, method=method, rng=1).confidence_interval
    width = oracle.high - oracle.low
    assert found.value[0] == pytest.approx(values.mean())
    assert (found.low[0], found.high[0]) == pytest.approx((oracle.low, oracle.high), abs=0.04 * width)


def test_levels_by_hand():
    """Bias and acceleration from Efron & Tibshirani 1993, eq. 14.10 to 14.15, spelled out."""
    rng = np.random.default_rng(2)
    values = rng.gamma(1.0, size=12)
    replicates = np.array([rng.choice(values, 12).mean() for _ in range(999)])
    jackknife = np.array([np.delete(values, i).mean() for i in range(12)])
    z0 = stats.norm.ppf((replicates < values.mean()).mean())
    gaps = jackknife.mean() - jackknife
    a = (gaps**3).sum() / (6 * (gaps**2).sum() ** 1.5)
    expected = [stats.norm.cdf(z0 + (z0 + z) / (1 - a * (z0 + z))) for z in (-1.7, 1.7)]
    assert bca_levels(values.mean(), replicates, jackknife, 1.7) == pytest.approx(expected)
    assert abs(a) > 0.03
    assert abs(z0) > 0.03


def test_resamples_equal_to_the_value_count_half():
    z0 = stats.norm.ppf(0.2 + 0.4 / 2)
    expected = [stats.norm.cdf(2 * z0 + z) for z in (-1.5, 1.5)]
    assert bca_levels(0.3, np.array([0.1, 0.3, 0.3, 0.4, 0.5]), np.full(3, np.nan), 1.5) == pytest.approx(expected)


def test_the_expanded_interval_is_bca_at_students_levels():
    values = np.random.default_rng(4).lognormal(size=9)
    confidence = 0.9
    freedom = min(2 * 9 / (stats.kurtosis(values, fisher=False) - 1), 8)
    assert freedom < 6, "one of these patients carries most of the error"
    z = stats.t.ppf(0.95, freedom) * np.sqrt(9 / 8)
    wider = 2 * stats.norm.cdf(z) - 1
    found = bootstrap(mean_of(values), 9, seed=0, confidence=confidence)
    same = bootstrap(mean_of(values), 9, seed=0, confidence=wider, interval=Interval.BCA)
    assert (found.low[0], found.high[0]) == pytest.approx((same.low[0], same.high[0]))


def test_normal_values_get_nearly_students_interval():
    values = stats.norm.ppf(np.arange(1, 24) / 24)
    found = bootstrap(mean_of(values), 23, seed=0, num_resamples=20000)
    half = stats.t.ppf(0.975, 22) * values.std(ddof=1) / np.sqrt(23)
    assert (found.low[0], found.high[0]) == pytest.approx((-half, half), rel=0.05)


def test_a_shift_and_a_scale_move_the_interval_with_them():
    values = np.random.default_rng(6).gamma(1.5, size=20)
    once = bootstrap(mean_of(values), 20, seed=0)
    moved = bootstrap(mean_of(3 - 2 * values), 20, seed=0)
    assert (moved.low[0], moved.high[0]) == pytest.approx((3 - 2 * once.high[0], 3 - 2 * once.low[0]))


def test_figures_share_each_resample():
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=(2, 15))
    together = bootstrap(lambda w: np.column_stack([mean_of(x)(w), mean_of(y)(w), mean_of(x - y)(w)]), 15, seed=1)
    for k, values in enumerate((x, y, x - y)):
        alone = bootstrap(mean_of(values), 15, seed=1)
        assert (together.low[k], together.high[k]) == pytest.approx((alone.low[0], alone.high[0]))


def test_weights_are_rows_drawn_as_often():
    rng = np.random.default_rng(8)
    owner = np.repeat(np.arange(9), rng.integers(1, 4, 9))
    values = rng.normal(size=len(owner))
    rows = np.arange(len(owner))
    slow = bootstrap(
        lambda weights: np.array([values[np.repeat(rows, w[owner].astype(int))].mean() for w in weights]),
        9, seed=2, num_resamples=200)  # fmt: skip
    sums, sizes = np.bincount(owner, values), np.bincount(owner)
    fast = bootstrap(lambda w: (w @ sums) / (w @ sizes), 9, seed=2, num_resamples=200)
    assert (slow.low[0], slow.high[0]) == pytest.approx((fast.low[0], fast.high[0]))


def test_resamples_without_a_value_are_counted_and_left_out():
    ill = np.array([1.0] + [0.0] * 5)

    def statistic(weights):
        total = weights @ ill
        return np.divide(weights @ (ill * 0.3), total, out=np.full(len(weights), np.nan), where=total > 0)

    found = bootstrap(statistic, 6, seed=0)
    assert found.num_undefined[0] == pytest.approx(2000 * (5 / 6) ** 6, abs=100)
    assert np.isnan(found.low[0])  # and the rest agree


def test_large_cohorts_are_left_out_one_by_one_in_blocks():
    values = np.random.default_rng(3).gamma(1.0, size=1100)
    found = bootstrap(mean_of(values), 1100, seed=0, num_resamples=300, interval=Interval.BCA)
    jackknife = (values.sum() - values) / 1099
    replicates = mean_of(values)(patient_weights(1100, seed=0, num_resamples=300))
    levels = bca_levels(values.mean(), replicates, jackknife, stats.norm.ppf(0.975))
    assert [found.low[0], found.high[0]] == pytest.approx(np.quantile(replicates, levels))


def test_levels_of_degenerate_resamples():
    flat, none = np.full(50, 0.3), np.full(4, np.nan)
    assert bca_levels(0.3, flat, np.full(4, 0.3), 1.96) == pytest.approx((0.025, 0.975), abs=1e-4)
    assert bca_levels(1.0, flat, none, 1.96) == pytest.approx((0.025, 0.975), abs=1e-4)  # all on one side: no bias
    steep = np.array([0.0] * 9 + [100.0])  # a large negative acceleration: the lower level is beyond the pole
    assert bca_levels(0.3, np.linspace(0.2, 0.4, 99), steep, 60.0) == (0.0, pytest.approx(1.0))
    assert bca_levels(0.3, np.linspace(0.2, 0.4, 99), -steep, 60.0) == (pytest.approx(0.0, abs=1e-6), 1.0)


def test_one_patient_has_a_value_and_no_interval():
    found = bootstrap(mean_of([0.7]), 1, seed=0)
    assert found.value[0] == 0.7
    assert np.isnan([found.low[0], found.high[0]]).all()


@pytest.mark.parametrize(
    ("patients", "change", "message"),
    [
        (5, {"num_resamples": 0}, "num_resamples is 0"),
        (0, {}, "0 patients to resample"),
        (5, {"confidence": 1.0}, "confidence is 1"),
    ],
)
def test_nonsense_is_refused(patients, change, message):
    with pytest.raises(ConfigError, match=message):
        bootstrap(mean_of(np.ones(patients)), patients, seed=0, **change)


@pytest.mark.parametrize("num_patients", range(2, 42, 2))
def test_of_equal_contributions_all_degrees_of_freedom_are_left(num_patients):
    """Half the patients at one value and half at another: every square is equal, but for rounding."""
    for value in (0.1, 1 / 3, 0.7):
        values = np.repeat([0.0, value], num_patients // 2)
        without = np.array([np.delete(values, n).mean() for n in range(num_patients)])
        assert jackknife_freedom(without) == pytest.approx(num_patients - 1)
        found = bootstrap(mean_of(values), num_patients, seed=0, num_resamples=200)
        assert found.low[0] <= value / 2 <= found.high[0]
    assert jackknife_freedom(np.full(num_patients, np.nan)) == num_patients - 1
