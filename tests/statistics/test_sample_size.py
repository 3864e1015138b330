"""Sample size of a paired comparison: textbook numbers where lesions are alone, simulation where they are clustered."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from netlesion.errors import CohortError, ConfigError, QuantityError
from netlesion.statistics.sample_size import (
    PairedPilot,
    plan_paired_sensitivity,
    simulated_power,
    succeeds,
)


def pilot_of(rows):
    """Rows of (lesions, both, only A, only B), one for each patient."""
    return PairedPilot(*np.array(rows).T)


def population(rng, num_patients, *, shares, together, mean_extra):
    """Clustered patients: 1 + Poisson lesions; each patient has shares of his own (Dirichlet, fewer `together` is
    more alike within a patient); shares: both, only A, only B, neither."""
    sizes = 1 + rng.poisson(mean_extra, num_patients)
    own = rng.dirichlet(np.array(shares) * together, num_patients)
    counts = np.array([rng.multinomial(m, p) for m, p in zip(sizes, own, strict=True)])
    return PairedPilot(sizes, counts[:, 0], counts[:, 1], counts[:, 2])


def test_of_patients_with_one_lesion_each_it_is_a_paired_t_test():
    """100 patients, 10 found by A alone and 10 by B alone: variance 0.2 * 100/99; statsmodels names the same n."""
    pilot = pilot_of([(1, 1, 0, 0)] * 70 + [(1, 0, 1, 0)] * 10 + [(1, 0, 0, 1)] * 10 + [(1, 0, 0, 0)] * 10)
    plan = plan_paired_sensitivity(pilot, margin=0.1, difference=0.0)
    assert plan.variance == pytest.approx(0.2 * 100 / 99)
    wanted = TTestPower().solve_power(
        effect_size=0.1 / plan.variance**0.5, alpha=0.025, power=0.8, alternative="larger"
    )
    assert plan.patients == int(np.ceil(wanted))
    assert plan.design_effect == pytest.approx(100 / 99)
    assert plan.lesions == plan.patients


def test_lesions_that_fall_together_need_as_many_patients_as_if_each_had_one():
    """Four lesions in each patient, all alike: four times the variance of independent lesions."""
    one = pilot_of([(1, 1, 0, 0)] * 16 + [(1, 0, 1, 0)] * 2 + [(1, 0, 0, 1)] * 2)
    four = pilot_of([(4, 4, 0, 0)] * 16 + [(4, 0, 4, 0)] * 2 + [(4, 0, 0, 4)] * 2)
    plans = [plan_paired_sensitivity(p, margin=0.1, difference=0.0) for p in (one, four)]
    assert plans[0].patients == plans[1].patients
    assert plans[1].design_effect == pytest.approx(4 * plans[0].design_effect)
    assert plans[1].lesions == 4 * plans[0].lesions


def test_half_of_the_patients_without_a_lesion_double_the_patients():
    rows = [(2, 2, 0, 0)] * 30 + [(2, 0, 1, 0)] * 10 + [(2, 1, 0, 1)] * 10
    full, half = pilot_of(rows), pilot_of(rows + [(0, 0, 0, 0)] * 50)
    a, b = (plan_paired_sensitivity(p, margin=0.1, difference=0.0) for p in (full, half))
    assert b.patients == pytest.approx(2 * a.patients, rel=0.05)
    assert b.lesions == pytest.approx(a.lesions, rel=0.05)


@pytest.mark.parametrize(("together", "extra"), [(1.0, 6.0), (20.0, 3.0)])
def test_the_planned_number_has_the_planned_power_and_keeps_alpha(together, extra):
    """Studies drawn anew from the population, not from the pilot: 0.8 succeed; at the margin itself 0.025 do."""
    rng = np.random.default_rng(3)
    alike = {"shares": (0.75, 0.1, 0.1, 0.05), "together": together, "mean_extra": extra}
    plan = plan_paired_sensitivity(population(rng, 4000, **alike), margin=0.1, difference=0.0)
    worse = {**alike, "shares": (0.75, 0.05, 0.15, 0.05)}  # A - B is -0.1, the margin
    shares = []
    for settings in (alike, worse):
        studies = [population(rng, plan.patients, **settings) for _ in range(600)]
        won = [succeeds(s.only_a - s.only_b, s.sizes, margin=0.1) for s in studies]
        shares.append(np.mean(won))
    low, high = stats.binom.interval(0.998, 600, 0.8)
    assert low / 600 - 0.02 <= shares[0] <= high / 600 + 0.02
    assert shares[1] <= stats.binom.ppf(0.999, 600, 0.025) / 600 + 0.01


def test_simulated_power_is_near_the_planned_one():
    pilot = population(np.random.default_rng(4), 40, shares=(0.8, 0.1, 0.05, 0.05), together=2.0, mean_extra=4.0)
    plan = plan_paired_sensitivity(pilot, margin=0.05)
    assert plan.difference == pytest.approx(pilot.difference)
    assert simulated_power(pilot, plan, seed=1, studies=500) == pytest.approx(0.8, abs=0.06)
    assert simulated_power(pilot, plan, seed=1, studies=50) == simulated_power(pilot, plan, seed=1, studies=50)


def test_a_small_pilot_says_how_much_larger_the_study_may_have_to_be():
    rows = [(3, 3, 0, 0)] * 6 + [(3, 1, 1, 1), (3, 1, 2, 0), (3, 2, 0, 1), (3, 3, 0, 0)]
    few = plan_paired_sensitivity(pilot_of(rows), margin=0.1, difference=0.0)
    many = plan_paired_sensitivity(pilot_of(rows * 20), margin=0.1, difference=0.0)
    assert few.patients_at_upper_variance / few.patients > 1.5
    assert 1 < many.patients_at_upper_variance / many.patients < 1.2


PILOT = pilot_of([(2, 1, 1, 0), (2, 1, 0, 1), (1, 1, 0, 0)])


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"margin": -0.1}, "a margin of -0.1"),
        ({"margin": 0.1, "alpha": 0.5}, "alpha is 0.5"),
        ({"margin": 0.1, "power": 0.01}, "power is 0.01"),
        ({"margin": 0.0, "difference": 0.0}, "no number of patients shows it"),
        ({"margin": 0.1, "difference": -0.2}, "not above -0.1"),
        ({"margin": 0.1, "difference": 1.5}, "true difference of 1.5"),
        ({"margin": 0.00001}, "more than 100000 patients"),
    ],
)
def test_what_cannot_be_planned_is_refused_in_one_line(settings, line):
    with pytest.raises(ConfigError, match=line):
        plan_paired_sensitivity(PILOT, **settings)


def test_a_pilot_that_tells_nothing_is_refused():
    with pytest.raises(CohortError, match="all pilot patients agree"):
        plan_paired_sensitivity(pilot_of([(2, 2, 0, 0), (1, 1, 0, 0)]), margin=0.1)
    with pytest.raises(CohortError, match="1 pilot patients with a lesion"):
        plan_paired_sensitivity(pilot_of([(2, 1, 1, 0), (0, 0, 0, 0)]), margin=0.1)
    with pytest.raises(QuantityError, match="more found lesions than lesions"):
        pilot_of([(1, 1, 1, 0)])


def test_a_study_without_lesions_does_not_succeed():
    assert not succeeds(np.zeros(5), np.zeros(5), margin=0.5)
