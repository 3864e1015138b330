import math

import numpy as np
import pytest

from netlesion.evaluate.case.detection import detection, detection_rates
from netlesion.evaluate.case.match import match_lesions


def rates(tp, fp, fn):
    found = detection_rates(num_true_positives=tp, num_false_positives=fp, num_false_negatives=fn)
    return found.sensitivity, found.ppv, found.f1, found.num_false_positives


def test_three_found_one_invented_two_missed():
    assert rates(3, 1, 2) == (3 / 5, 3 / 4, pytest.approx(6 / 9), 1)


@pytest.mark.parametrize(
    ("tp", "fp", "fn", "expected"),
    [
        (0, 0, 0, (math.nan, math.nan, math.nan, 0)),
        (0, 0, 4, (0.0, math.nan, 0.0, 0)),
        (0, 4, 0, (math.nan, 0.0, 0.0, 4)),
        (0, 1, 1, (0.0, 0.0, 0.0, 1)),
        (2, 0, 0, (1.0, 1.0, 1.0, 0)),
    ],
)
def test_rates_where_something_is_empty(tp, fp, fn, expected):
    assert rates(tp, fp, fn) == pytest.approx(expected, nan_ok=True)


def test_f1_is_the_harmonic_mean():
    sensitivity, ppv, f1, _ = rates(5, 2, 7)
    assert f1 == pytest.approx(2 / (1 / sensitivity + 1 / ppv))


def test_a_split_is_neither_true_nor_false(label):
    reference = label((11, 7, 3), np.s_[0:9, 0:2, 0])
    prediction = label((11, 7, 3), np.s_[0:5, 0:2, 0], np.s_[7:9, 0, 0], np.s_[9:11, 5, 2])
    found = detection(match_lesions(reference, prediction))
    assert (found.sensitivity, found.ppv, found.num_false_positives) == (1.0, 1 / 2, 1)
