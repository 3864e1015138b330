import math

import numpy as np
import pytest
from scipy import stats

from netlesion.errors import CohortError, ConfigError, QuantityError
from netlesion.statistics import bootstrap_mean, bootstrap_proportion, bootstrap_ratio
from netlesion.statistics.ratios import compare_means, compare_ratios
from netlesion.statistics.studentised import FEW_VARY


def ids(count):
    return [f"sub-{n:03d}" for n in range(count)]


def numbers(estimate):
    return estimate.value, estimate.low, estimate.high


def test_copies_of_a_patients_cases_do_not_narrow_the_interval():
    values = np.random.default_rng(2).normal(size=15)
    once = bootstrap_mean(values, ids(15), seed=3)
    four_times = bootstrap_mean(np.repeat(values, 4), np.repeat(ids(15), 4), seed=3)
    assert (four_times.value, four_times.low, four_times.high) == pytest.approx((once.value, once.low, once.high))
    assert four_times.n == 15
    as_if_independent = bootstrap_mean(np.repeat(values, 4), ids(60), seed=3)
    assert as_if_independent.high - as_if_independent.low < 0.7 * (once.high - once.low)


def test_every_case_weighs_the_same_in_the_mean():
    patients = ["a"] * 3 + [f"b{n}" for n in range(11)]
    values = [1.0] * 3 + [0.0] * 11
    assert bootstrap_mean(values, patients, seed=0).value == pytest.approx(3 / 14)


def test_a_pooled_ratio_is_total_over_total():
    found = bootstrap_ratio([1, 9, 0], [1, 10, 5], ["a", "b", "c"], seed=0)
    assert found.value == pytest.approx(10 / 16)
    assert found.low < found.value < found.high


def test_nan_and_zero_denominators_are_left_out_and_counted():
    values = [*np.linspace(0, 1, 11), np.nan, np.nan]
    found = bootstrap_mean(values, ids(13), seed=4)
    without = bootstrap_mean(values[:11], ids(11), seed=4)
    assert (found.value, found.low, found.high, found.n) == (without.value, without.low, without.high, 11)
    assert found.note == "2 of 13 cases have no value and are left out"
    ratio = bootstrap_ratio([*range(11), 0], [*range(1, 12), 0], ids(12), seed=4)
    assert (ratio.n, ratio.note) == (11, "1 of 12 cases have no value and are left out")


@pytest.mark.parametrize(
    ("values", "patients", "n", "note"),
    [
        ([], [], 0, "no patient has a value"),
        ([np.nan], ["a"], 0, "1 of 1 cases have no value and are left out; no patient has a value"),
        ([0.5, 0.7], ["a", "a"], 1, "one patient only: no interval"),
        ([*range(9)], ids(9), 9, "only 9 patients: the interval is not reliable below 10"),
        ([*range(10)], ids(10), 10, ""),
        ([0.5] * 10, ids(10), 10, "all patients agree: no interval"),
    ],
)
def test_notes_of_few_patients(values, patients, n, note):
    found = bootstrap_mean(values, patients, seed=0)
    assert (found.n, found.note) == (n, note)
    assert math.isnan(found.value) == (n == 0)
    assert math.isnan(found.low) == math.isnan(found.high) == ("no interval" in note or n == 0)


def test_patients_that_agree_have_a_value_and_no_interval():
    found = bootstrap_mean([0.25] * 12, ids(12), seed=0)
    assert found.value == 0.25
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_a_seed_repeats_and_the_order_of_cases_does_not_matter():
    rng = np.random.default_rng(6)
    values, patients = rng.normal(size=30), np.array(ids(12))[rng.integers(0, 12, 30)]
    first = bootstrap_mean(values, patients, seed=0)
    assert bootstrap_mean(values, patients, seed=0) == first
    assert bootstrap_mean(values, patients, seed=1).low != first.low
    order = rng.permutation(30)
    shuffled = bootstrap_mean(values[order], patients[order], seed=0)
    assert (shuffled.value, shuffled.low, shuffled.high) == pytest.approx((first.value, first.low, first.high))


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    """Sixty patients with one to three correlated cases each, 300 times; ignoring patients covers less.

    Over 1500 repeats the coverage is 0.95, without patients 0.80; the bounds are three standard errors away.
    """
    rng = np.random.default_rng(7)
    covered = covered_without = 0
    for trial in range(300):
        patients = np.repeat(ids(60), rng.integers(1, 4, 60))
        _, owner = np.unique(patients, return_inverse=True)
        values = rng.normal(size=60)[owner] + 0.3 * rng.normal(size=len(owner))
        found = bootstrap_mean(values, patients, seed=trial, num_resamples=400)
        covered += found.low <= 0 <= found.high
        without = bootstrap_mean(values, ids(len(values)), seed=trial, num_resamples=400)
        covered_without += without.low <= 0 <= without.high
    assert 0.90 <= covered / 300 <= 0.98
    assert covered_without / 300 < 0.86


def test_nonsense_is_refused():
    with pytest.raises(CohortError, match="2 values and 1 patients"):
        bootstrap_mean([1.0, 2.0], ["a"], seed=0)
    with pytest.raises(QuantityError, match="infinite"):
        bootstrap_mean([np.inf, 2.0], ["a", "b"], seed=0)
    with pytest.raises(QuantityError, match="a denominator is -1"):
        bootstrap_ratio([1.0, 2.0], [-1.0, 2.0], ["a", "b"], seed=0)
    with pytest.raises(ConfigError, match="num_resamples is 0"):
        bootstrap_mean([1.0, 2.0], ["a", "b"], seed=0, num_resamples=0)


def test_lesions_found_in_every_patient_leave_room_for_the_next_one():
    """Twelve of twelve patients: the exact interval of twelve trials, whatever the number of lesions."""
    found = bootstrap_proportion([3] * 12, [3] * 12, ids(12), seed=0)
    exact = stats.binomtest(12, 12).proportion_ci(method="exact")
    assert (found.value, found.low, found.high) == pytest.approx((1.0, exact.low, 1.0))
    assert found.note == "interval counts each patient as one trial (exact)"
    none = bootstrap_proportion([0] * 9, [2] * 9, ids(9), seed=0)
    assert (none.low, none.high) == pytest.approx((0.0, 1 - exact_upper_tail(9)))
    assert none.note.startswith("only 9 patients")
    mixed = bootstrap_proportion([1, 2, 3] * 4, [3] * 12, ids(12), seed=0)
    assert mixed == bootstrap_ratio([1, 2, 3] * 4, [3] * 12, ids(12), seed=0)
    nearly = bootstrap_proportion([9] * 7 + [8], [9] * 8, ids(8), seed=0)
    assert nearly.high == 1.0  # cut at the end of the range
    assert nearly.note.endswith("too few patients vary for bootstrap-t, BCa instead")
    with pytest.raises(QuantityError, match="more successes than trials"):
        bootstrap_proportion([4], [3], ["a"], seed=0)
    with pytest.raises(QuantityError, match="more successes than trials"):
        bootstrap_proportion([-1], [3], ["a"], seed=0)


def exact_upper_tail(trials):
    return 0.025 ** (1 / trials)


def test_a_paired_mean_is_the_mean_of_differences():
    rng = np.random.default_rng(3)
    a = rng.normal(size=25)
    b = a + rng.normal(0.2, 0.3, size=25)
    found = compare_means(a, b, ids(25), seed=1)
    gap = found.difference
    assert gap.value == pytest.approx((a - b).mean()) == pytest.approx((gap.low + gap.high) / 2)
    t = stats.t.ppf(0.975, 24) * (a - b).std(ddof=1) / 5
    assert gap.high - gap.value == pytest.approx(t, rel=0.12)  # Student's, for values this close to normal
    for side, values in ((found.a, a), (found.b, b)):
        assert numbers(side) == pytest.approx(numbers(bootstrap_mean(values, ids(25), seed=1)))
    oracle = stats.permutation_test(
        (a, b),
        lambda x, y, axis: (x - y).mean(axis),
        permutation_type="samples",
        n_resamples=9999,
        rng=2,
        vectorized=True,
    )
    assert found.p == pytest.approx(oracle.pvalue, abs=4 * math.sqrt(oracle.pvalue / 9999) + 1e-3)


def test_pairing_narrows_the_difference_of_models_that_err_together():
    rng = np.random.default_rng(4)
    a = rng.normal(size=30)
    b = a + 0.05 * rng.normal(size=30)
    found = compare_means(a, b, ids(30), seed=0)
    assert found.difference.high - found.difference.low < 0.2 * (found.a.high - found.a.low)


def test_swapping_the_models_turns_the_difference_round():
    rng = np.random.default_rng(9)
    totals, n = rng.integers(1, 9, 20), ids(20)
    hits_a, hits_b = rng.binomial(totals, 0.8), rng.binomial(totals, 0.5)
    one = compare_ratios(hits_a, totals, hits_b, totals, n, seed=0, proportion=True)
    other = compare_ratios(hits_b, totals, hits_a, totals, n, seed=0, proportion=True)
    assert one.difference.value == pytest.approx(hits_a.sum() / totals.sum() - hits_b.sum() / totals.sum())
    assert (one.difference.low, one.difference.high) == pytest.approx((-other.difference.high, -other.difference.low))
    assert numbers(one.a) == pytest.approx(numbers(other.b))
    assert numbers(one.b) == pytest.approx(numbers(other.a))
    assert one.p == other.p


def test_cases_that_only_one_model_can_score_are_left_out_of_a_paired_mean():
    values = np.linspace(0, 1, 12)
    a, b = values.copy(), values**2
    a[3], b[4] = np.nan, np.nan
    found = compare_means(a, b, ids(12), seed=0)
    kept = np.delete(np.arange(12), [3, 4])
    assert found.difference.value == pytest.approx((a[kept] - b[kept]).mean())
    assert found.a.n == found.b.n == found.difference.n == 10
    assert found.difference.note == "2 of 12 cases have no value and are left out"


def test_a_patient_in_whom_one_model_marks_nothing_stays_in_a_paired_ppv():
    found = compare_ratios([2, 1, 1], [3, 1, 2], [1, 0, 1], [1, 0, 2], ["a", "b", "c"], seed=0)
    assert (found.a.value, found.b.value, found.a.n) == (pytest.approx(4 / 6), pytest.approx(2 / 3), 3)


def test_models_that_agree_in_every_patient():
    totals = [2] * 15
    found = compare_ratios([1, 2, 0] * 5, totals, [1, 2, 0] * 5, totals, ids(15), seed=0, proportion=True)
    z2 = stats.norm.ppf(0.975) ** 2
    assert (found.difference.value, found.p) == (0, 1)
    assert (found.difference.low, found.difference.high) == pytest.approx((-z2 / (15 + z2), z2 / (15 + z2)))
    assert "Tango" in found.difference.note
    plain = compare_ratios([1, 2, 0] * 5, totals, [1, 2, 0] * 5, totals, ids(15), seed=0)
    assert math.isnan(plain.difference.low)
    assert plain.difference.note == "all patients agree: no interval"
    assert plain.a.note == ""


def test_no_patient_and_one_patient_to_compare():
    nobody = compare_means([np.nan], [1.0], ["a"], seed=0)
    assert nobody.difference.n == 0
    assert math.isnan(nobody.p)
    one = compare_means([0.5, 0.7], [0.1, 0.2], ["a", "a"], seed=0)
    assert one.difference.value == pytest.approx(0.45)
    assert math.isnan(one.difference.low)
    assert one.p == 1.0  # both swaps are as far from 0


@pytest.mark.parametrize("values", [(0, 0, 1, 1, 0), (0, 0, 0, 0, 2), (0, 1, 0, 0, 0), (0.1, 0.1, 0.1, 0.7, 0.1)])
def test_a_resample_of_equal_patients_has_no_error_but_rounding_and_does_not_stretch_the_interval(values):
    """Its error is about 1e-8 of the cohort's instead of 0; dividing by it gave limits of 1e7."""
    found = bootstrap_mean(values, [f"p{n}" for n in range(len(values))], seed=0)
    assert min(values) <= found.low < found.value < found.high <= max(values)
    assert FEW_VARY in found.note
