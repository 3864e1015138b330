import itertools
import math

import numpy as np
import pytest
from scipy import stats

from netlesion.errors import CohortError
from netlesion.statistics.sign_flip import MAX_EXACT, sign_flip_p


def by_every_swap(tops, bottoms):
    """The naive twin: swap the columns of each subset of patients and recompute the ratios."""
    gaps = []
    for swaps in itertools.product((False, True), repeat=len(tops)):
        t, b = (
            np.array([row[::-1] if swap else row for row, swap in zip(x, swaps, strict=True)]) for x in (tops, bottoms)
        )
        sums = b.sum(axis=0)
        gaps.append(abs(np.subtract(*(t.sum(axis=0) / sums))) if (sums > 0).all() else math.inf)
    return np.mean(np.array(gaps) >= gaps[0] - 1e-12)


def test_few_patients_are_swapped_in_every_way():
    rng = np.random.default_rng(1)
    bottoms = rng.integers(1, 6, (7, 2))
    tops = rng.binomial(bottoms, [[0.9, 0.4]] * 7)
    assert sign_flip_p(tops, bottoms, seed=0) == pytest.approx(by_every_swap(tops, bottoms))


def test_ratios_of_unequal_denominators_in_any_unit():
    rng = np.random.default_rng(5)
    for _ in range(6):
        bottoms = rng.integers(0, 5, (8, 2))
        tops = rng.binomial(bottoms, [[0.8, 0.4]] * 8)
        expected = by_every_swap(tops, bottoms)
        assert sign_flip_p(tops, bottoms, seed=0) == pytest.approx(expected)
        assert sign_flip_p(0.01 * tops, 0.01 * bottoms, seed=0) == pytest.approx(expected)
        assert sign_flip_p(100 * tops, bottoms, seed=0) == pytest.approx(expected)
    assert sign_flip_p([[1, 0]], [[1, 1]], seed=0) == 1.0


def test_a_swap_that_leaves_no_denominator_counts_as_extreme():
    tops, bottoms = np.array([[1, 0], [1, 1]]), np.array([[2, 0], [0, 1]])
    assert sign_flip_p(tops, bottoms, seed=0) == pytest.approx(by_every_swap(tops, bottoms)) == 1.0


def test_means_agree_with_scipys_permutations():
    rng = np.random.default_rng(2)
    a, b = rng.normal(0.6, 1, 11), rng.normal(0, 1, 11)
    ones = np.ones((11, 2))
    oracle = stats.permutation_test(
        (a, b), lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=np.inf
    ).pvalue
    assert sign_flip_p(np.column_stack([a, b]), ones, seed=0) == pytest.approx(oracle)


def test_many_patients_are_sampled_and_the_sample_agrees_with_the_exact_sum():
    differences = np.array([1, 1, 1, -1, 1, 1, -1, 1, 1, 1, 1, -1, 1, 1, 1, 1, 1, -1])
    tops = np.column_stack([differences > 0, differences < 0]).astype(float)
    found = sign_flip_p(tops, np.ones_like(tops), seed=0)
    exact = stats.binomtest(4, 18).pvalue
    assert len(differences) > MAX_EXACT
    assert found == pytest.approx(exact, abs=4 * math.sqrt(exact / 9999))
    assert found != sign_flip_p(tops, np.ones_like(tops), seed=1)
    # never below one in the number of swaps, even when nothing is as extreme
    sure = np.column_stack([np.ones(60), np.zeros(60)])
    assert sign_flip_p(sure, np.ones_like(sure), seed=0, num_swaps=99) == pytest.approx(1 / 100)


def test_a_patient_in_whom_the_models_agree_changes_the_ratio_but_gives_no_swaps():
    tops, bottoms = np.array([[3, 1], [2, 1], [4, 4]]), np.array([[4, 4], [2, 2], [9, 9]])
    assert sign_flip_p(tops, bottoms, seed=0) == pytest.approx(by_every_swap(tops, bottoms)) == 0.5


def test_nobody_differs_and_nobody_has_a_value():
    same = np.array([[1, 1], [2, 2]])
    assert sign_flip_p(same, same + 1, seed=0) == 1.0
    assert math.isnan(sign_flip_p(same, np.array([[0, 1], [0, 2]]), seed=0))
    assert math.isnan(sign_flip_p(np.empty((0, 2)), np.empty((0, 2)), seed=0))
    with pytest.raises(CohortError, match="expected two of"):
        sign_flip_p(same, np.ones((3, 2)), seed=0)
    with pytest.raises(CohortError, match="expected two of"):
        sign_flip_p(np.ones((3, 3)), np.ones((3, 3)), seed=0)
