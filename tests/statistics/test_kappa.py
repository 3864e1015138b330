"""Cohen's kappa against other libraries, and an interval that knows of the disagreement it has not seen."""

import math

import numpy as np
import pytest
from scipy import stats

from netlesion.errors import CohortError
from netlesion.statistics.categories import Weights
from netlesion.statistics.kappa import _by_chance, cohen_kappa

#: 200 patients by two psychiatrists: Fleiss, Cohen & Everitt, Psychol Bull 1969;72:323, table 1.
PSYCHIATRISTS = np.array([[106, 10, 4], [22, 28, 10], [2, 12, 6]])


def rows_of(table):
    first, second = (np.repeat(x.ravel(), np.ravel(table)).tolist() for x in np.indices(np.shape(table)))
    return first, second, range(len(table)), [f"{n:04d}" for n in range(len(first))]


def test_the_psychiatrists_of_fleiss_cohen_and_everitt():
    """Published: kappa 0.429."""
    found = cohen_kappa(*rows_of(PSYCHIATRISTS), seed=0)
    assert found.value == pytest.approx(0.429, abs=5e-4)
    assert found.n == 200


@pytest.mark.parametrize("weights", Weights)
def test_values_and_widths_are_those_of_statsmodels_and_scikit_learn(weights):
    """The width of many patients is Fleiss, Cohen & Everitt's, a little wider for the patient who was not seen."""
    inter_rater = pytest.importorskip("statsmodels.stats.inter_rater")
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    for table in (PSYCHIATRISTS, 10 * rng.integers(1, 9, (5, 5)), 20 * np.array([[11, 3], [2, 7]])):
        wt = None if weights is Weights.NONE else weights.value
        oracle = inter_rater.cohens_kappa(table, wt=wt)
        first, second, classes, patients = rows_of(table)
        found = cohen_kappa(first, second, classes, patients, weights, seed=0)
        assert found.value == pytest.approx(oracle.kappa)
        assert found.value == pytest.approx(metrics.cohen_kappa_score(first, second, weights=wt))
        width = 2 * stats.norm.ppf(0.975) * oracle.std_kappa
        assert 0.97 * width < found.high - found.low < 1.12 * width


def test_two_categories_have_one_kappa():
    table = np.array([[11, 3], [2, 7]])
    plain, *weighted = (cohen_kappa(*rows_of(table), weights, seed=0) for weights in Weights)
    for other in weighted:
        assert (other.value, other.low, other.high) == pytest.approx((plain.value, plain.low, plain.high))


def test_a_disagreement_that_was_not_seen_is_counted(monkeypatch):
    """Fifty patients who disagree by one grade at most: a fifty-first who is four grades off must lie inside."""
    rng = np.random.default_rng(4)
    first = rng.integers(0, 6, 50)
    second = np.clip(first + rng.choice([-1, 0, 0, 0, 1], 50), 0, 5)
    patients = [f"{n:02d}" for n in range(51)]
    seen = cohen_kappa(first, second, range(6), patients[:50], Weights.QUADRATIC, seed=0)
    other = cohen_kappa([*first, 1], [*second, 5], range(6), patients, Weights.QUADRATIC, seed=0)
    assert seen.low < other.value < seen.value
    rows = (first, second, range(6), patients[:50], Weights.QUADRATIC)
    monkeypatch.setattr("netlesion.statistics.kappa.CHANCE_PATIENTS", 0.0)
    assert cohen_kappa(*rows, seed=0).low > other.value  # by the patients alone


def test_lesions_of_one_patient_count_as_one_patient():
    """Copies of a patient's row change no interval; taken for independent they would halve it."""
    rng = np.random.default_rng(3)
    first = rng.integers(0, 4, 30)
    second = np.clip(first + rng.integers(-1, 2, 30), 0, 3)
    owner = [f"{n:02d}" for n in range(30)]
    copies = [np.repeat(x, 4).tolist() for x in (first, second, owner)]
    for weights in Weights:
        once = cohen_kappa(first, second, range(4), owner, weights, seed=0)
        found = cohen_kappa(*copies[:2], range(4), copies[2], weights, seed=0)
        assert (found.value, found.low, found.high, found.n) == pytest.approx((once.value, once.low, once.high, 30))
        apart = cohen_kappa(*copies[:2], range(4), [f"{n:03d}" for n in range(120)], weights, seed=0)
        assert once.high - once.low > 1.5 * (apart.high - apart.low)


def test_raters_and_grades_can_change_places():
    first, second, classes, patients = rows_of(PSYCHIATRISTS)
    for weights in Weights:
        found = cohen_kappa(first, second, classes, patients, weights, seed=0)
        turned = cohen_kappa(second, first, list(classes)[::-1], patients, weights, seed=0)
        assert (turned.value, turned.low, turned.high) == pytest.approx((found.value, found.low, found.high), abs=0.01)


def test_a_patient_rated_by_chance_has_the_margins_of_both_raters():
    tables = np.array([[[3, 1], [0, 0]], [[2, 2], [0, 0]]])  # the first rater says one thing, the second two
    assert _by_chance(tables) == pytest.approx(np.array([[5 / 8, 3 / 8], [0, 0]]))


def test_ends_of_the_scale():
    perfect = cohen_kappa(*rows_of(np.diag([30, 40])), seed=0)
    assert (perfect.value, perfect.high) == (1.0, 1.0)
    share = stats.binomtest(70, 70).proportion_ci(0.95, method="exact").low  # of equal answers
    assert perfect.low == pytest.approx(1 - (1 - share) / (1 - (30**2 + 40**2) / 70**2))
    assert perfect.note == "perfect agreement: the limit is exact, patients as trials"
    assert perfect.low < cohen_kappa(*rows_of(np.diag([300, 400])), seed=0).low
    opposite = cohen_kappa(*rows_of(np.array([[0, 25], [25, 0]])), seed=0)
    assert (opposite.value, opposite.low) == pytest.approx((-1, -1))
    assert -1 <= opposite.high < -0.8
    one = cohen_kappa(*rows_of(np.array([[5, 0], [0, 0]])), seed=0)
    assert (math.isnan(one.value), one.note) == (True, "one class only: no kappa")
    assert cohen_kappa([], [], [1, 2], [], seed=0).n == 0
    single = cohen_kappa([1, 2, 1], [1, 2, 2], [1, 2], ["a"] * 3, seed=0)
    assert (single.note, math.isnan(single.low)) == ("one patient only: no interval", True)
    few = cohen_kappa([1, 2, 1], [1, 2, 2], [1, 2], list("abc"), seed=0)
    assert few.note.startswith("only 3 patients")
    assert -1 <= few.low < few.value < few.high <= 1


def test_nonsense_is_refused():
    with pytest.raises(CohortError, match="one patient per pair"):
        cohen_kappa([1], [1], [1, 2], ["a", "b"], seed=0)
    with pytest.raises(CohortError, match="rating 7 is no category; expected one of 1, 2"):
        cohen_kappa([1, 7], [1, 2], [1, 2], ["a", "b"], seed=0)


def test_a_rater_who_says_one_thing_leaves_no_interval():
    found = cohen_kappa(["a", "b"] * 3, ["a"] * 6, ["a", "b"], list("123456"), seed=0)
    assert found.value == pytest.approx(0)
    assert math.isnan(found.low)
    assert "a rater gave one class" in found.note
