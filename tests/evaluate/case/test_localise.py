import math

import numpy as np
import pytest

from netlesion.evaluate.case.localise import CaseCandidates, hit_at, is_quiet, lroc_area, reciprocal_rank
from netlesion.evaluate.case.score import evaluate_case
from netlesion.image.volume import Quantity


def case(scores=(), hits=(), culprit=True, name="a"):
    return CaseCandidates(name, name, culprit, tuple(scores), tuple(hits))


def test_the_culprit_on_second_place():
    second = case([0.9, 0.8, 0.1], [False, True, True])
    assert [hit_at(second, k) for k in (1, 2, 3)] == [0, 1, 1]
    assert reciprocal_rank(second) == 1 / 2
    assert (second.top_score, second.top_hit) == (0.9, 0.0)


def test_the_order_of_candidates_does_not_matter():
    assert reciprocal_rank(case([0.1, 0.8, 0.9], [True, True, False])) == 1 / 2


def test_ties_share_their_mean_rank():
    tied = case([0.5, 0.5, 0.5], [True, False, False])
    assert tied.first_hit_rank == 2.0
    assert (hit_at(tied, 1), hit_at(tied, 3)) == (0, 1)
    assert tied.top_hit == pytest.approx(1 / 3)


def test_nothing_marked_and_nothing_hit():
    for missed in (case(), case([0.9], [False])):
        assert reciprocal_rank(missed) == hit_at(missed, 5) == 0.0
    assert case().top_score == -math.inf


def test_without_a_culprit_only_specificity_is_asked():
    clean = case([0.4], [False], culprit=False)
    assert math.isnan(hit_at(clean, 1))
    assert math.isnan(reciprocal_rank(clean))
    assert [is_quiet(clean, tau) for tau in (0.4, 0.41)] == [0.0, 1.0]
    assert is_quiet(case(culprit=False), 0.5) == 1.0
    assert math.isnan(is_quiet(case(), 0.5))


def test_lroc_counted_by_hand():
    positives = [case([0.9], [True], name="a"), case([0.6], [True], name="b"), case([0.8], [False], name="c")]
    negatives = [case([0.6], [False], False, "d"), case([], [], False, "e")]
    # a beats both: 2; b ties with one and beats the other: 1.5; c is rated high and wrong: 0
    assert lroc_area([*positives, *negatives]) == pytest.approx(3.5 / 6)
    assert math.isnan(lroc_area(positives))
    assert math.isnan(lroc_area(negatives))
    assert lroc_area([*positives, *negatives], np.array([0, 1, 0, 1, 0])) == 0.5


@pytest.mark.parametrize(("gap_mm", "hit"), [(10.0, True), (12.0, False)])
def test_a_candidate_hits_within_10_mm_of_the_culprit(label, gap_mm, hit):
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    reference = label((31, 11, 5), np.s_[2:5, 5, 2], affine=affine)
    first = 4 + int(gap_mm / 2)
    prediction = label((31, 11, 5), np.s_[first : first + 1, 4:7, 2], affine=affine)
    probability = prediction.with_array(prediction.array * np.float32(0.5), Quantity.PROBABILITY)
    found = evaluate_case("a", "a", reference, prediction, probability).candidates
    assert (found.has_culprit, found.scores, found.hits) == (True, (0.5,), (hit,))


def test_a_candidate_hits_when_it_overlaps_however_far_its_middle(label):
    affine = np.diag([10.0, 10.0, 10.0, 1.0])
    reference = label((31, 11, 5), np.s_[0:2, 5, 2], affine=affine)
    prediction = label((31, 11, 5), np.s_[1:31, 5, 2], affine=affine)
    probability = prediction.with_array(prediction.array * np.float32(0.5), Quantity.PROBABILITY)
    assert evaluate_case("a", "a", reference, prediction, probability).candidates.hits == (True,)
    assert evaluate_case("a", "a", reference, prediction).candidates is None
