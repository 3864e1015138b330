import numpy as np
import pytest
from scipy import stats

from netlesion.statistics.bootstrap import bootstrap, patient_weights
from netlesion.statistics.estimate import Estimate
from netlesion.statistics.studentised import PatientSums, studentised


def column(values):
    return np.asarray(values, dtype=float)[:, np.newaxis]


def of_means(values):
    return PatientSums(column(values), np.ones((len(values), 1)))


def test_the_error_of_a_mean_is_the_usual_one():
    values = np.random.default_rng(0).gamma(2.0, size=13)
    weights = patient_weights(13, seed=0, num_resamples=50)
    expected = [np.repeat(values, w.astype(int)).std(ddof=1) / np.sqrt(13) for w in weights]
    assert of_means(values).errors(weights)[:, 0] == pytest.approx(expected)


def test_the_error_of_a_ratio_and_of_a_difference_by_hand():
    rng = np.random.default_rng(1)
    tops, bottoms = rng.gamma(2.0, size=(2, 11, 2))
    weights = patient_weights(11, seed=1, num_resamples=20)
    bottoms[:4, 1] = 0  # patients in whom one model marks nothing
    found = PatientSums(tops, bottoms).errors(weights)
    for row, w in zip(found, weights, strict=True):
        drawn = np.repeat(np.arange(11), w.astype(int))
        t, b = tops[drawn], bottoms[drawn]
        parts = (t - t.sum(0) / b.sum(0) * b) / b.sum(0)
        parts = np.column_stack([parts, parts[:, 0] - parts[:, 1]])
        assert row == pytest.approx(np.sqrt(11 / 10 * (parts**2).sum(0)))


def test_the_error_of_a_ratio_is_that_of_the_delete_one_jackknife():
    """Nearly: the two estimates of one variance differ by terms of higher order."""
    rng = np.random.default_rng(2)
    lesions = rng.integers(1, 9, 80)
    sums = PatientSums(column(rng.binomial(lesions, 0.7)), column(lesions))
    left_out = sums.figures(1 - np.eye(80))[:, 0]
    jackknife = np.sqrt(79 / 80 * ((left_out - left_out.mean()) ** 2).sum())
    assert sums.errors(np.ones((1, 80)))[0, 0] == pytest.approx(jackknife, rel=0.05)


def test_an_interval_by_the_textbook():
    """Efron & Tibshirani 1993, 12.5, with each resample drawn and measured on its own."""
    values = np.random.default_rng(3).lognormal(size=17)
    distances = []
    for w in patient_weights(17, seed=5, num_resamples=2000):
        drawn = np.repeat(values, w.astype(int))
        distances.append((drawn.mean() - values.mean()) / (drawn.std(ddof=1) / np.sqrt(17)))
    error = values.std(ddof=1) / np.sqrt(17)
    freedom = 2 * 17 / (stats.kurtosis(values, fisher=False) - 1)
    assert 2 < freedom < 16
    further = stats.t.ppf(0.975, freedom) / stats.t.ppf(0.975, 16)
    beyond = max(stats.norm.sf(stats.norm.ppf(0.975) * further), 10 / 2000)
    near, far = np.sort(distances)[[int(np.floor(beyond * 1999)), int(np.ceil((1 - beyond) * 1999))]]
    found = studentised(of_means(values), seed=5)
    assert found.value[0] == pytest.approx(values.mean())
    assert found.low[0] == pytest.approx(values.mean() - far * error, rel=1e-3)
    assert found.high[0] == pytest.approx(values.mean() - near * error, rel=5e-3)


def test_a_difference_reaches_as_far_to_either_side():
    rng = np.random.default_rng(4)
    tops, bottoms = rng.lognormal(size=(19, 2)), np.ones((19, 2))
    found = studentised(PatientSums(tops, bottoms), seed=0)
    assert found.value[2] == pytest.approx(found.value[0] - found.value[1])
    assert found.high[2] - found.value[2] == pytest.approx(found.value[2] - found.low[2])
    assert found.high[0] - found.value[0] > 1.1 * (found.value[0] - found.low[0])  # skewed values are not
    turned = studentised(PatientSums(tops[:, ::-1], bottoms), seed=0)
    assert (turned.low[2], turned.high[2]) == pytest.approx((-found.high[2], -found.low[2]))


def test_normal_values_get_nearly_students_interval():
    values = stats.norm.ppf(np.arange(1, 24) / 24)
    found = studentised(of_means(values), seed=0, num_resamples=20000)
    half = stats.t.ppf(0.975, 22) * values.std(ddof=1) / np.sqrt(23)
    assert (found.low[0], found.high[0]) == pytest.approx((-half, half), rel=0.07)


def test_the_fewer_patients_carry_a_mean_the_less_its_error_is_known():
    """Normal values leave n - 1, or nearly; one large value among small ones leaves about 2."""
    rng = np.random.default_rng(9)
    assert of_means(rng.uniform(size=200)).freedom()[0] == 199
    assert of_means(rng.normal(size=20000)).freedom()[0] == pytest.approx(20000, rel=0.1)
    assert of_means([0.0] * 99 + [7.0]).freedom()[0] == pytest.approx(2, rel=0.05)
    assert of_means([0.25] * 6).freedom()[0] == 5
    values = rng.lognormal(size=50)
    skewed, even = (studentised(of_means(v), seed=0) for v in (values, stats.norm.ppf(np.arange(1, 51) / 51)))
    tails = [f.high[0] - f.value[0] for f in (skewed, even)] / np.array([values.std(), 1])
    assert tails[0] > 1.4 * tails[1]


def test_another_unit_and_another_zero():
    values = np.random.default_rng(6).gamma(1.5, size=20)
    once, moved = (studentised(of_means(v), seed=0) for v in (values, 1e6 + 2 * values))
    assert (moved.low[0], moved.high[0]) == pytest.approx((1e6 + 2 * once.low[0], 1e6 + 2 * once.high[0]), abs=1e-6)
    for unit in (1e-5, 1e7):
        scaled = studentised(of_means(unit * values), seed=0)
        assert (scaled.low[0], scaled.high[0]) == pytest.approx((unit * once.low[0], unit * once.high[0]))


def test_confidence_widens():
    sums = of_means(np.random.default_rng(7).normal(size=15))
    narrow, wide = (studentised(sums, seed=0, confidence=c) for c in (0.8, 0.99))
    assert wide.low[0] < narrow.low[0] < narrow.high[0] < wide.high[0]


def test_one_patient_who_differs_gets_bca():
    values = [0.0] * 11 + [4.0]
    found = studentised(of_means(values), seed=0)
    bca = bootstrap(of_means(values).figures, 12, seed=0)
    assert found.stood_in[0]
    assert (found.low[0], found.high[0]) == (bca.low[0], bca.high[0])
    assert not studentised(of_means(np.arange(12.0)), seed=0).stood_in[0]


def test_patients_that_agree_and_a_single_one_have_no_interval():
    for values in ([0.25] * 6, [3.0]):
        found = studentised(of_means(values), seed=0)
        assert found.value[0] == values[0]
        assert np.isnan([found.low[0], found.high[0]]).all()
        assert not found.stood_in[0]


def test_a_model_that_marks_nothing_leaves_the_other_its_interval():
    rng = np.random.default_rng(8)
    tops, bottoms = np.zeros((10, 2)), np.zeros((10, 2))
    tops[:, 0], bottoms[:, 0] = rng.integers(0, 4, 10), 4
    found = studentised(PatientSums(tops, bottoms), seed=0)
    alone = studentised(PatientSums(tops[:, :1], bottoms[:, :1]), seed=0)
    assert (found.low[0], found.high[0]) == pytest.approx((alone.low[0], alone.high[0]))
    assert np.isnan(found.value[1:]).all()
    assert np.isnan(found.low[1:]).all()
    assert (found.num_undefined == [0, 2000, 2000]).all()


def test_limits_are_cut_where_the_figure_ends():
    assert Estimate(0.9, 0.7, 1.04, 5).within(0, 1) == Estimate(0.9, 0.7, 1.0, 5)
    assert Estimate(0.1, -0.2, 0.4, 5, "why").within(0, np.inf) == Estimate(0.1, 0.0, 0.4, 5, "why")
    assert np.isnan(Estimate(0.1, np.nan, np.nan, 1).within(0, 1).high)


def test_few_patients_of_one_kind_do_not_get_everything():
    """Five usual Dice: the level is raised for what a few outliers carry, not for few patients once more."""
    dice = np.array([0.79, 0.85, 0.79, 0.56, 0.73])
    found = studentised(of_means(dice), seed=0)
    assert 0.3 < found.low[0] < dice.min()
    assert dice.mean() < found.high[0] < 0.9
