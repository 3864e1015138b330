import itertools
import math

import numpy as np
import pytest
from scipy import optimize, stats

from netlesion.errors import CohortError, QuantityError
from netlesion.statistics.paired_proportions import (
    PairedCounts,
    clustered_mcnemar,
    compare_proportions,
    durkalski_mcnemar,
    mcnemar,
    newcombe,
    obuchowski_mcnemar,
    tango,
)

TABLES = [(59, 6, 16, 80), (1, 1, 7, 12), (3, 5, 0, 2), (0, 4, 3, 0), (36, 12, 2, 0), (7, 0, 0, 4)]


@pytest.mark.parametrize("table", TABLES)
def test_mcnemar_agrees_with_the_binomial_test(table):
    _, b, c, _ = table
    expected = stats.binomtest(b, b + c).pvalue if b + c else 1.0
    assert mcnemar(b, c) == mcnemar(c, b) == pytest.approx(expected)


def test_mcnemar_agrees_with_statsmodels():
    oracle = pytest.importorskip("statsmodels.stats.contingency_tables").mcnemar
    for a, b, c, d in TABLES[:-1]:
        assert mcnemar(b, c) == pytest.approx(min(1, oracle([[a, b], [c, d]], exact=True).pvalue))


def test_published_tables():
    """Complete response before and after consolidation (Cavo 2012), as computed by R's contingencytables 3.0 and
    printed in Fagerland, Lydersen & Laake, Statistical Analysis of Contingency Tables, 2017, chapter 8."""
    cavo = PairedCounts(59, 6, 16, 80)
    assert mcnemar(6, 16) == pytest.approx(0.052479, abs=5e-7)
    assert newcombe(cavo) == pytest.approx((-0.1186, -0.0046), abs=5e-5)
    assert tango(6, 16, 161) == pytest.approx((-0.1240, -0.0054), abs=5e-5)


def test_newcombes_own_example():
    """Newcombe, Stat Med 1998;17:2635, method 10, for 36, 12, 2, 0."""
    assert newcombe(PairedCounts(36, 12, 2, 0)) == pytest.approx((0.0569, 0.3404), abs=5e-5)


@pytest.mark.parametrize("table", TABLES)
def test_newcombe_agrees_with_its_formula_written_out(table):
    a, b, c, d = table
    n = a + b + c + d
    (l1, u1), (l2, u2) = (stats.binomtest(k, n).proportion_ci(method="wilson") for k in (a + b, a + c))
    p1, p2 = (a + b) / n, (a + c) / n
    below = (a + b) * (c + d) * (a + c) * (b + d)
    cross = a * d - b * c
    corrected = max(cross - n / 2, 0) if cross > 0 else cross
    phi = 0 if below == 0 else corrected / np.sqrt(below)
    low = p1 - p2 - np.sqrt((p1 - l1) ** 2 - 2 * phi * (p1 - l1) * (u2 - p2) + (u2 - p2) ** 2)
    high = p1 - p2 + np.sqrt((u1 - p1) ** 2 - 2 * phi * (u1 - p1) * (p2 - l2) + (p2 - l2) ** 2)
    assert newcombe(PairedCounts(*table)) == pytest.approx((low, high))


def score_by_maximisation(b, c, n, difference):
    """The score statistic with the likelihood maximised by search, not by its closed form."""

    def loss(only_b):
        chances = np.array([only_b + difference, only_b, 1 - 2 * only_b - difference])
        return -(np.array([b, c, n - b - c]) * np.log(np.maximum(chances, 1e-300))).sum()

    bounds = (max(0, -difference) + 1e-12, (1 - difference) / 2 - 1e-12)
    q = optimize.minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-13}).x
    return (b - c - n * difference) / np.sqrt(n * (2 * q + difference - difference**2))


@pytest.mark.parametrize(
    "table", [(59, 6, 16, 80), (1, 1, 7, 12), (0, 4, 3, 0), (30, 9, 0, 5), (2, 1, 0, 1), (1, 0, 1, 0)]
)
def test_tango_limits_are_where_the_score_is_z(table):
    _, b, c, _ = table
    n, z = sum(table), stats.norm.ppf(0.95)
    low, high = tango(b, c, n, confidence=0.9)
    assert score_by_maximisation(b, c, n, low) == pytest.approx(z, abs=1e-4)
    assert score_by_maximisation(b, c, n, high) == pytest.approx(-z, abs=1e-4)


def test_tango_without_discordant_pairs_and_with_nothing_else():
    z2 = stats.norm.ppf(0.975) ** 2
    assert tango(0, 0, 30) == pytest.approx((-z2 / (30 + z2), z2 / (30 + z2)))
    low, high = tango(10, 0, 10)
    assert high == 1.0
    assert low == pytest.approx(tango(0, 10, 10)[1] * -1)
    assert 0 < low < 1


@pytest.mark.parametrize("table", TABLES)
def test_swapping_the_tests_turns_the_interval_round(table):
    a, b, c, d = table
    low, high = newcombe(PairedCounts(a, b, c, d))
    assert newcombe(PairedCounts(a, c, b, d)) == pytest.approx((-high, -low))
    low, high = tango(b, c, sum(table))
    assert tango(c, b, sum(table)) == pytest.approx((-high, -low))


def test_one_pair_per_patient_is_mcnemar():
    for b, c in ((6, 16), (0, 4), (3, 3), (0, 0)):
        differences = [1] * b + [-1] * c + [0] * 5
        assert clustered_mcnemar(differences) == pytest.approx(mcnemar(b, c))


def test_the_clustered_test_counts_every_pattern_of_signs():
    differences = [3, -1, 2, 2, 0, -4, 1]
    patterns = [abs(np.dot(signs, differences)) for signs in itertools.product((1, -1), repeat=7)]
    expected = np.mean(np.array(patterns) >= abs(sum(differences)))
    assert clustered_mcnemar(differences) == pytest.approx(expected)
    with pytest.raises(QuantityError, match="fraction"):
        clustered_mcnemar([0.5])


def test_lesions_that_go_together_are_no_more_evidence_than_their_patients():
    """Four patients, all lesions by A alone: 2 of the 16 sign patterns, however many lesions they have."""
    assert clustered_mcnemar([1, 1, 1, 1]) == clustered_mcnemar([9, 9, 9, 9]) == pytest.approx(2 / 16)
    assert mcnemar(36, 0) < 1e-9


def test_the_approximate_clustered_tests_without_clusters_are_mcnemars_chi_squared():
    oracle = pytest.importorskip("statsmodels.stats.contingency_tables").mcnemar
    differences = np.array([1] * 6 + [-1] * 16 + [0] * 139)
    chi2 = oracle([[59, 6], [16, 80]], exact=False, correction=False).statistic
    assert durkalski_mcnemar(differences, np.ones(161)) == pytest.approx(stats.chi2.sf(chi2, 1))
    assert obuchowski_mcnemar(differences) == pytest.approx(stats.chi2.sf(chi2 * 160 / 161, 1))


def test_the_approximate_clustered_tests_by_hand():
    """Two lesions of three by A alone in one patient, one of one in the next, one of two by B alone."""
    differences, sizes = [2, 1, -1, 0], [3, 1, 2, 5]
    d = stats.chi2.sf((2 / 3 + 1 - 1 / 2) ** 2 / (4 / 9 + 1 + 1 / 4), 1)
    o = stats.chi2.sf(3 / 4 * 2**2 / 6, 1)
    assert durkalski_mcnemar(differences, sizes) == pytest.approx(d)
    assert obuchowski_mcnemar(differences) == pytest.approx(o)
    assert durkalski_mcnemar([0, 0], [1, 4]) == obuchowski_mcnemar([0, 0]) == 1.0
    for wrong in ([0, 1, 2, 5], [1, 1, 2, 5], [3, 1, 2]):
        with pytest.raises(QuantityError, match="discordant"):
            durkalski_mcnemar(differences, wrong)


def test_a_comparison_of_patients():
    a = [1] * 8 + [1] * 5 + [0] * 1 + [0] * 3
    b = [1] * 8 + [0] * 5 + [1] * 1 + [0] * 3
    found = compare_proportions(a, b)
    assert (found.a.value, found.b.value, found.difference.value) == pytest.approx((13 / 17, 9 / 17, 4 / 17))
    assert found.p == pytest.approx(stats.binomtest(1, 6).pvalue)
    assert (found.difference.low, found.difference.high) == tango(5, 1, 17)
    assert found.difference.n == 17
    assert PairedCounts.of(a, b) == PairedCounts(8, 5, 1, 3)
    nobody = compare_proportions([], [])
    assert math.isnan(nobody.p)
    assert math.isnan(nobody.difference.value)


def test_nonsense_is_refused():
    with pytest.raises(CohortError, match="2 results of A and 1 of B"):
        PairedCounts.of([True, False], [True])
    with pytest.raises(QuantityError, match="negative"):
        PairedCounts(1, -1, 0, 0)
    with pytest.raises(QuantityError, match="no pair"):
        newcombe(PairedCounts(0, 0, 0, 0))
    for counts in ((3, 2, 4), (-1, 0, 4), (0, -1, 4), (0, 0, 0)):
        with pytest.raises(QuantityError, match="discordant"):
            tango(*counts)
