"""Two ways to compute a probability, compared by hand-countable masks."""

import numpy as np
import pytest

from netlesion.predict.agreement import HEADER, Agreement


def test_dice_between_and_to_the_truth_are_countable():
    chosen, other, truth = np.zeros((4, 1, 1)), np.zeros((4, 1, 1)), np.zeros((4, 1, 1), bool)
    chosen[:3] = 0.9
    other[0], other[1] = 0.9, 0.45
    truth[:2] = True
    agreement = Agreement.of(("crop", "exact"), chosen, other, 0.5, truth)
    assert agreement.dice == pytest.approx(2 * 1 / (3 + 1))
    assert agreement.max_dp == pytest.approx(0.9)
    assert (agreement.truth_dice_chosen, agreement.truth_dice_other) == (pytest.approx(4 / 5), pytest.approx(2 / 3))
    assert agreement.cells() == ("0.5000", "0.9000", "0.800", "0.667", "+0.133")
    assert len(HEADER) == 1 + len(agreement.cells())


def test_nothing_found_by_either_agrees_and_no_reference_is_not_zero():
    nothing = np.zeros((2, 2, 2))
    agreement = Agreement.of(("crop", "exact"), nothing, nothing, 0.5, None)
    assert agreement.dice == 1.0
    assert agreement.cells() == ("1.0000", "0.0000", "n/a", "n/a", "n/a")
