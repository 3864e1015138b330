import math

import numpy as np
import pytest
from scipy import stats

from netlesion.errors import CohortError
from netlesion.statistics.bootstrap import bootstrap
from netlesion.statistics.categories import Weights, cross_table, fleiss_of_patients

#: Ten subjects by fourteen raters in five categories, kappa 0.210: the common worked example of Fleiss' kappa.
FOURTEEN = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip


def fleiss(counts):
    """Value and interval; counts (N, C) of raters."""
    ratings = [[category for category, n in enumerate(row) for _ in range(n)] for row in counts]
    patients = [f"{n:04d}" for n in range(len(ratings))]
    with np.errstate(invalid="ignore"):
        found = bootstrap(fleiss_of_patients(ratings, range(len(counts[0])), patients), len(patients), seed=0)
    return found.value[0], found.low[0], found.high[0]


def test_what_a_disagreement_costs():
    assert Weights.NONE.agreement(3).tolist() == np.eye(3).tolist()
    assert Weights.LINEAR.agreement(3)[0].tolist() == [1, 0.5, 0]
    assert Weights.QUADRATIC.agreement(3)[0].tolist() == [1, 0.75, 0]


def test_rows_are_counted_first_by_second():
    assert cross_table([0, 0, 2], [0, 1, 2], [0, 1, 2]).tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 1]]


def test_the_worked_example_of_fleiss():
    value, low, high = fleiss(FOURTEEN)
    assert value == pytest.approx(0.210, abs=5e-4)
    assert low < value < high


def test_fleiss_agrees_with_statsmodels():
    oracle = pytest.importorskip("statsmodels.stats.inter_rater").fleiss_kappa
    counts = np.random.default_rng(1).multinomial(5, [0.2, 0.3, 0.5], size=13)
    assert fleiss(counts)[0] == pytest.approx(oracle(counts))


def test_the_bootstrap_of_fleiss_agrees_with_fleiss_own_error():
    """Many patients who agree by chance: the variance under no agreement of Fleiss, Nee & Landis 1979."""
    rng = np.random.default_rng(2)
    shares, k, n = np.array([0.2, 0.3, 0.5]), 4, 400
    counts = rng.multinomial(k, shares, size=n)
    _, low, high = fleiss(counts)
    p = counts.sum(0) / (k * n)
    b = (p * (1 - p)).sum()
    variance = 2 / (b**2 * n * k * (k - 1)) * (b**2 - (p * (1 - p) * (1 - 2 * p)).sum())
    assert (high - low) / (2 * stats.norm.ppf(0.975)) == pytest.approx(math.sqrt(variance), rel=0.12)


def test_one_answer_for_all_has_no_kappa():
    assert math.isnan(fleiss([[2, 0]] * 5)[0])
    value, low, _ = fleiss([[2, 0], [0, 2]] * 5)
    assert value == 1.0
    assert math.isnan(low)


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
            fleiss_of_patients(ratings, [1, 2], ["a", "b"])
