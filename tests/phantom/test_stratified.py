"""Deviates that cover their distribution: one in every class, independent of each other, the same for any cohort."""

import numpy as np
import pytest
from scipy.stats import kstest, norm

from netlesion.phantom.stratified import normal_deviates


def columns(seed, indices, number=40):
    return np.array([normal_deviates(seed, i, number) for i in indices])


@pytest.mark.parametrize("power", [0, 1, 3, 6])
def test_any_aligned_run_of_patients_has_one_in_every_class(power):
    number = 2**power
    found = columns(3, range(5 * number, 6 * number))
    classes = np.floor(norm.cdf(found) * number).astype(int)
    np.testing.assert_array_equal(np.sort(classes, axis=0), np.arange(number)[:, None].repeat(40, axis=1))


def test_the_mean_of_a_cohort_is_nearer_than_chance_would_have_it():
    found = columns(7, range(100))
    assert np.abs(found.mean(axis=0)).max() < 0.5 / np.sqrt(100)
    assert found.std(axis=0) == pytest.approx(1.0, abs=0.06)


def test_deviates_of_different_tissues_are_independent():
    together = np.corrcoef(columns(7, range(256)).T)[np.triu_indices(40, 1)]
    assert np.sqrt((together**2).mean() * 256) < 1.4
    assert np.abs(together).max() < 5.5 / np.sqrt(256)


def test_one_patient_over_many_cohorts_is_normal():
    found = np.array([normal_deviates(seed, 3, 1)[0] for seed in range(300)])
    assert kstest(found, "norm").pvalue > 0.01


def test_a_patient_is_the_same_again_and_unlike_any_other():
    same = normal_deviates(7, 5, 40)
    np.testing.assert_array_equal(same, normal_deviates(7, 5, 40))
    for other in (normal_deviates(8, 5, 40), normal_deviates(7, 6, 40), normal_deviates(7, 5 + 1024, 40)):
        assert not np.isclose(same, other).any()
