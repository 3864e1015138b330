import math

import numpy as np
import pytest

from netlesion.evaluate.cohort.interval import Resampling
from netlesion.statistics.bootstrap import bootstrap


def mean_of(values):
    values = np.asarray(values, dtype=float)

    def statistic(weights):
        total = weights.sum(axis=1)
        return np.divide(weights @ values, total, out=np.full(len(weights), np.nan), where=total > 0)[:, np.newaxis]

    return statistic


def test_curves_have_the_interval_of_statistics():
    values = np.random.default_rng(0).lognormal(size=15)
    (found,) = Resampling(3, 400).statistics(mean_of(values), 15)
    expected = bootstrap(mean_of(values), 15, seed=3, num_resamples=400)
    assert (found.value, found.low, found.high, found.n, found.note) == (
        pytest.approx(values.mean()),
        expected.low[0],
        expected.high[0],
        15,
        "",
    )


def test_the_note_says_what_the_interval_lacks():
    resampling = Resampling(0, 200, remark="partial cohort")
    (perfect,) = resampling.statistics(mean_of([1.0] * 12), 12)
    assert (perfect.value, perfect.note) == (1.0, "partial cohort; all patients agree: no interval")
    assert math.isnan(perfect.low)
    (few,) = resampling.statistics(mean_of([1.0, 2.0, 4.0]), 3, note="two left out")
    assert few.note == "partial cohort; two left out; only 3 patients: the interval is not reliable below 10"
    (one,) = resampling.statistics(mean_of([2.0]), 1)
    assert (one.value, one.note) == (2.0, "partial cohort; one patient only: no interval")
    (none,) = resampling.statistics(mean_of([]), 0)
    assert (none.n, none.note) == (0, "partial cohort; no patient has a value")
    assert math.isnan(none.value)
    only_first = lambda weights: np.where(weights[:, :1] > 0, weights @ np.arange(12.0)[:, None], np.nan)  # noqa: E731
    (seldom,) = resampling.statistics(only_first, 12)
    assert "resamples" in seldom.note
    assert seldom.low < seldom.value < seldom.high


def test_strata_are_drawn_among_themselves():
    values, strata = np.array([0.0] * 9 + [5.0] * 9), [False] * 9 + [True] * 9
    assert math.isnan(Resampling(0, 100).statistics(mean_of(values), 18, strata)[0].low)
    assert Resampling(0, 100).statistics(mean_of(values), 18)[0].low < 2.5
