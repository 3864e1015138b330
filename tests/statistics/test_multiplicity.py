import math

import numpy as np
import pytest

from netlesion.errors import QuantityError
from netlesion.statistics.multiplicity import holm


def test_by_hand():
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([1.0, 0.0]) == [1.0, 0.0]
    assert holm([]) == []


def test_it_agrees_with_statsmodels():
    oracle = pytest.importorskip("statsmodels.stats.multitest").multipletests
    rng = np.random.default_rng(0)
    for count in (1, 2, 7, 31):
        p = rng.beta(0.3, 2, count)
        p[0] = p[-1]  # a tie
        assert holm(p) == pytest.approx(oracle(p, method="holm")[1])


def test_a_missing_test_is_not_counted():
    found = holm([0.02, math.nan, 0.03])
    assert math.isnan(found[1])
    assert [found[0], found[2]] == pytest.approx(holm([0.02, 0.03]))


def test_nonsense_is_refused():
    for p in (-0.1, 1.1):
        with pytest.raises(QuantityError, match="outside 0 to 1"):
            holm([0.5, p])
