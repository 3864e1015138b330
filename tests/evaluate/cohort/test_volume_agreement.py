import math

import numpy as np
import pytest
from scipy import stats

from netlesion.evaluate.cohort.interval import Resampling
from netlesion.evaluate.cohort.volume_agreement import volume_agreement
from netlesion.statistics.agreement import bland_altman_ratio, concordance, icc_2_1

RESAMPLING = Resampling(0, 300)
RATIOS = ("ratio_geometric_mean", "ratio_lower_limit_of_agreement", "ratio_upper_limit_of_agreement")
OF_LOG = (*RATIOS, "icc_2_1_of_log", "concordance_of_log")
WHOLE = ("icc_2_1_of_ml", "concordance_of_ml", "spearman")
PATIENTS = [f"p{n:02d}" for n in range(25)]


def volumes(seed=0, n=25):
    rng = np.random.default_rng(seed)
    g = rng.lognormal(2, 1.2, n)
    return g, g * rng.lognormal(-0.1, 0.3, n)


def test_every_figure_against_the_functions_of_one_case_per_patient():
    g, p = volumes()
    found = volume_agreement(g, p, PATIENTS, "ml", RESAMPLING)
    limits = bland_altman_ratio(p, g)
    expected = {
        **dict(zip(RATIOS, (e.value for e in (limits.bias, limits.lower, limits.upper)), strict=True)),
        "icc_2_1_of_log": icc_2_1(np.log(np.column_stack([g, p]))).value,
        "concordance_of_log": concordance(np.log(g), np.log(p)).value,
        "icc_2_1_of_ml": icc_2_1(np.column_stack([g, p])).value,
        "concordance_of_ml": concordance(g, p).value,
        "spearman": stats.spearmanr(g, p).statistic,
    }
    assert {name: found[name]["value"] for name in expected} == pytest.approx(expected)
    for name in expected:
        assert found[name]["low"] < found[name]["value"] < found[name]["high"]
        assert (found[name]["n"], found[name]["num_cases"], found[name]["note"]) == (25, 25, "")
    # normal logs: resampling is near the exact intervals
    for name, exact in zip(RATIOS, (limits.bias, limits.lower, limits.upper), strict=True):
        assert found[name]["low"] == pytest.approx(exact.low, rel=0.12)
        assert found[name]["high"] == pytest.approx(exact.high, rel=0.12)
    assert found["num_cases_left_out_of_log"] == found["num_cases_without_value"] == 0


def test_a_case_with_a_zero_is_left_out_of_the_log_alone_and_counted():
    g, p = volumes()
    whole = volume_agreement(g, p, PATIENTS, "ml", RESAMPLING)
    more = [*g, 0.0, 0.0, 4.0, 7.0], [*p, 0.0, 3.0, 0.0, math.nan]
    found = volume_agreement(*more, [*PATIENTS, "q0", "q1", "q2", "q3"], "ml", RESAMPLING)
    assert (found["num_cases"], found["num_cases_left_out_of_log"], found["num_cases_without_value"]) == (28, 3, 1)
    unknown = "1 of 29 cases have no value and are left out"
    for name in OF_LOG:
        assert {k: found[name][k] for k in ("value", "low", "high", "n")} == {
            k: whole[name][k] for k in ("value", "low", "high", "n")
        }
        assert found[name]["note"] == f"{unknown}; 3 of 29 cases hold a 0 and are left out of the log"
    for name in WHOLE:
        assert (found[name]["n"], found[name]["num_cases"], found[name]["note"]) == (28, 28, unknown)
    assert found["spearman"]["value"] == pytest.approx(stats.spearmanr(*np.array(more)[:, :28]).statistic)


def test_cases_of_one_patient_are_resampled_together():
    g, p = volumes()
    once = volume_agreement(g, p, PATIENTS, "ml", RESAMPLING)
    twice = volume_agreement(np.repeat(g, 2), np.repeat(p, 2), np.repeat(PATIENTS, 2), "ml", RESAMPLING)
    for name in ("concordance_of_log", "concordance_of_ml", "spearman"):  # moments over n: copies change nothing
        assert {k: v for k, v in twice[name].items() if k != "num_cases"} == pytest.approx(
            {k: v for k, v in once[name].items() if k != "num_cases"}
        )
        assert twice[name]["num_cases"] == 50
    shuffled = np.random.default_rng(1).permutation(25)
    turned = volume_agreement(g[shuffled], p[shuffled], np.array(PATIENTS)[shuffled], "ml", RESAMPLING)
    assert turned["icc_2_1_of_log"]["low"] == pytest.approx(once["icc_2_1_of_log"]["low"])


def test_what_cannot_be_said_is_none_and_says_why():
    assert volume_agreement([1.0, 2.0], [math.nan] * 2, ["a", "b"], "g", RESAMPLING) == {
        "not_run": "no case has both values"
    }
    empty = volume_agreement([0.0, 0.0, 1.0], [0.0, 2.0, 0.0], list("abc"), "g", RESAMPLING, "tracers fdg, ga together")
    for name in OF_LOG:
        assert (empty[name]["value"], empty[name]["n"]) == (None, 0)
        assert "3 of 3 cases hold a 0 and are left out of the log" in empty[name]["note"]
        assert empty[name]["note"].startswith("tracers fdg, ga together; ")
        assert "no patient has a value" in empty[name]["note"]
    alone = volume_agreement([2.0], [1.0], ["a"], "ml", RESAMPLING)
    assert (alone["ratio_geometric_mean"]["value"], alone["ratio_geometric_mean"]["low"]) == (0.5, None)
    assert alone["ratio_upper_limit_of_agreement"]["value"] is alone["spearman"]["value"] is None
    same = volume_agreement(range(1, 12), range(1, 12), list("abcdefghijk"), "ml", RESAMPLING)
    assert same["icc_2_1_of_ml"]["value"] == same["ratio_lower_limit_of_agreement"]["value"] == 1
    assert same["icc_2_1_of_ml"]["note"] == "all patients agree: no interval"
