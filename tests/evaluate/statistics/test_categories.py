import math

import numpy as np
import pytest
from scipy import stats

from netlesion.errors import CohortError
from netlesion.evaluate.statistics.categories import (
    Weights,
    clustered_kappa,
    cohen_kappa,
    compare_categories,
    cross_table,
    fleiss_kappa,
)
from netlesion.evaluate.statistics.proportions import clopper_pearson

#: 200 patients by two psychiatrists: Fleiss, Cohen & Everitt, Psychol Bull 1969;72:323, table 1.
PSYCHIATRISTS = np.array([[106, 10, 4], [22, 28, 10], [2, 12, 6]])
#: Ten subjects by fourteen raters in five categories, kappa 0.210: the common worked example of Fleiss' kappa.
FOURTEEN = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip


def spread_out(counts):
    return [[category for category, n in enumerate(row) for _ in range(n)] for row in counts]


def test_the_psychiatrists_of_fleiss_cohen_and_everitt():
    """Published: kappa 0.429."""
    found = cohen_kappa(PSYCHIATRISTS)
    assert found.value == pytest.approx(0.429, abs=5e-4)
    assert found.n == 200


@pytest.mark.parametrize("weights", Weights)
def test_kappas_agree_with_statsmodels_and_scikit_learn(weights):
    inter_rater = pytest.importorskip("statsmodels.stats.inter_rater")
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    for table in (PSYCHIATRISTS, rng.integers(0, 9, (5, 5)), np.array([[11, 3], [2, 7]])):
        wt = None if weights is Weights.NONE else weights.value
        oracle = inter_rater.cohens_kappa(table, wt=wt)
        found = cohen_kappa(table, weights)
        assert found.value == pytest.approx(oracle.kappa)
        assert (found.low, found.high) == pytest.approx((oracle.kappa_low, oracle.kappa_upp))
        first, second = (np.repeat(x.ravel(), table.ravel()) for x in np.indices(table.shape))
        assert found.value == pytest.approx(metrics.cohen_kappa_score(first, second, weights=wt))


def test_two_categories_have_one_kappa():
    table = np.array([[11, 3], [2, 7]])
    plain, *weighted = (cohen_kappa(table, weights) for weights in Weights)
    for other in weighted:
        assert (other.value, other.low, other.high) == pytest.approx((plain.value, plain.low, plain.high))


def test_everything_is_read_from_one_table():
    grades = [0, 1, 2, 3, 4]
    reader = [0, 0, 1, 2, 2, 2, 3, 3, 4]
    model = [0, 1, 1, 2, 2, 3, 3, 3, 2]
    found = compare_categories(reader, model, grades)
    assert found.table[2] == (0, 0, 2, 1, 0)
    assert found.accuracy.value == pytest.approx(6 / 9)
    assert [s.value for s in found.sensitivity] == pytest.approx([1 / 2, 1, 2 / 3, 1, 0])
    assert (found.sensitivity[2].low, found.sensitivity[2].high) == clopper_pearson(2, 3)
    assert found.kappa.value < found.kappa_linear.value < found.kappa_quadratic.value
    assert found.categories == tuple(grades)
    absent = compare_categories(["no"], ["no"], ["no", "yes"])
    assert math.isnan(absent.sensitivity[1].value)


def test_lesions_of_one_patient_are_resampled_together():
    """Copies of a patient's row change no interval; taken for independent they would halve it."""
    rng = np.random.default_rng(3)
    first = rng.integers(0, 4, 30)
    second = np.clip(first + rng.integers(-1, 2, 30), 0, 3)
    owner = [f"{n:02d}" for n in range(30)]
    copies = [np.repeat(x, 4).tolist() for x in (first, second, owner)]
    found = compare_categories(*copies[:2], range(4), copies[2])
    plain = compare_categories(*copies[:2], range(4))
    for weights, name in zip(Weights, ("kappa", "kappa_linear", "kappa_quadratic"), strict=True):
        once = clustered_kappa(first, second, range(4), owner, weights, seed=0)
        kappa = getattr(found, name)
        assert (kappa.value, kappa.low, kappa.high) == pytest.approx((once.value, once.low, once.high))
        assert kappa.value == pytest.approx(cohen_kappa(cross_table(first, second, range(4)), weights).value)
        assert kappa.n == 30
        error = cohen_kappa(cross_table(first, second, range(4)), weights)
        assert once.high - once.low == pytest.approx(error.high - error.low, rel=0.35)
    assert found.table == plain.table
    for one, other in zip((found.accuracy, *found.sensitivity), (plain.accuracy, *plain.sensitivity), strict=True):
        assert one.value == pytest.approx(other.value)
        assert one.high - one.low > 1.5 * (other.high - other.low)
    assert found.accuracy.n == 30
    alone = compare_categories(first.tolist(), second.tolist(), range(4), owner)
    assert alone == compare_categories(first.tolist(), second.tolist(), range(4))
    with pytest.raises(CohortError, match="one patient per rating"):
        clustered_kappa([1], [1], [1, 2], ["a", "b"], seed=0)


def test_the_worked_example_of_fleiss():
    found = fleiss_kappa(spread_out(FOURTEEN), range(5), seed=0)
    assert found.value == pytest.approx(0.210, abs=5e-4)
    assert found.low < found.value < found.high
    assert found.n == 10


def test_fleiss_agrees_with_statsmodels():
    oracle = pytest.importorskip("statsmodels.stats.inter_rater").fleiss_kappa
    counts = np.random.default_rng(1).multinomial(5, [0.2, 0.3, 0.5], size=13)
    assert fleiss_kappa(spread_out(counts), range(3), seed=0).value == pytest.approx(oracle(counts))


def test_the_bootstrap_of_fleiss_agrees_with_fleiss_own_error():
    """Many patients who agree by chance: the variance under no agreement of Fleiss, Nee & Landis 1979."""
    rng = np.random.default_rng(2)
    shares, k, n = np.array([0.2, 0.3, 0.5]), 4, 400
    counts = rng.multinomial(k, shares, size=n)
    found = fleiss_kappa(spread_out(counts), range(3), seed=0)
    p = counts.sum(0) / (k * n)
    b = (p * (1 - p)).sum()
    variance = 2 / (b**2 * n * k * (k - 1)) * (b**2 - (p * (1 - p) * (1 - 2 * p)).sum())
    assert (found.high - found.low) / (2 * stats.norm.ppf(0.975)) == pytest.approx(math.sqrt(variance), rel=0.12)


def test_ends_of_the_scale():
    perfect = cohen_kappa(np.diag([3, 4]))
    assert (perfect.value, perfect.note) == (1.0, "perfect agreement: no interval")
    assert math.isnan(perfect.low)
    assert cohen_kappa(np.array([[5, 0], [0, 0]])).note == "one category only: no kappa"
    assert cohen_kappa(np.zeros((2, 2))).n == 0
    assert cohen_kappa(np.array([[0, 5], [5, 0]])).value == pytest.approx(-1)
    one = fleiss_kappa([["x", "x"]] * 5, ["x", "y"], seed=0)
    assert math.isnan(one.value)
    agreed = fleiss_kappa([["x", "x"], ["y", "y"]] * 5, ["x", "y"], seed=0)
    assert (agreed.value, agreed.note) == (1.0, "no interval")
    assert math.isnan(agreed.high)


def test_nonsense_is_refused():
    with pytest.raises(CohortError, match="2 and 1 ratings"):
        cross_table([1, 2], [1], [1, 2])
    with pytest.raises(CohortError, match="rating 7 is no category; expected one of 1, 2"):
        cross_table([1, 7], [1, 2], [1, 2])
    for categories in ([1], [1, 1]):
        with pytest.raises(CohortError, match="two or more, each once"):
            cross_table([1], [1], categories)
    for ratings in ([[1, 2], [1]], [[1], [2]]):
        with pytest.raises(CohortError, match="numbers of raters"):
            fleiss_kappa(ratings, [1, 2], seed=0)
