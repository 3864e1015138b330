"""Every criterion and assignment, each in a case that can be counted by hand."""

import numpy as np
import pytest

from netlesion.errors import ConfigError
from netlesion.evaluate.case.detection import panoptic_quality
from netlesion.evaluate.case.match import match_lesions, match_points
from netlesion.evaluate.case.outcome import MatchSettings, Outcome
from netlesion.image.volume import Quantity

SHAPE = (13, 11, 3)
BIG = np.diag([10.0, 10.0, 10.0, 1.0])  # a voxel is 1 ml
FINE = np.diag([2.0, 3.0, 4.0, 1.0])


def found(reference, prediction, probability=None, **settings):
    matching = match_lesions(reference, prediction, probability, settings=MatchSettings(**settings))
    return matching.num_true_positives, matching.num_false_positives, matching.num_false_negatives


def with_scores(prediction, scores):
    """A probability map that gives each label its score, half of it on all voxels but the first."""
    values = np.zeros(prediction.array.shape, np.float32)
    for identity, score in scores.items():
        at = np.argwhere(prediction.array == identity)
        values[tuple(at.T)] = score / 2
        values[tuple(at[0])] = score
    return prediction.with_array(values, Quantity.PROBABILITY)


def test_overlap_asks_for_one_voxel_where_iou_asks_for_a_tenth(label):
    reference = label(SHAPE, np.s_[0:11, 0, 0], affine=BIG)
    prediction = label(SHAPE, np.s_[0, 0, 0], affine=BIG)
    assert found(reference, prediction, criterion="iou") == (0, 1, 1)
    assert found(reference, prediction, criterion="overlap") == (1, 0, 0)


def test_iou_alone_knows_no_peak_and_peak_alone_no_size(label):
    small = label(SHAPE, np.s_[4:6, 4:6, 1])
    beside = label(SHAPE, np.s_[6, 6, 1])
    assert found(small, beside, criterion="iou_or_peak") == (1, 0, 0)
    assert found(small, beside, criterion="iou") == (0, 1, 1)
    large = label(SHAPE, np.s_[4:6, 4:6, 1], affine=BIG)  # 4 ml: too large for the default
    assert found(large, label(SHAPE, np.s_[6, 6, 1], affine=BIG), criterion="iou_or_peak") == (0, 1, 1)
    assert found(large, label(SHAPE, np.s_[6, 6, 1], affine=BIG), criterion="peak") == (1, 0, 0)


def test_centre_asks_whether_the_middle_of_the_prediction_is_in_the_lesion(label):
    reference = label(SHAPE, np.s_[5:8, 5, 1], affine=BIG)
    around = label(SHAPE, np.s_[0:13, 0:11, 0:3], affine=BIG)  # middle voxel (6, 5, 1), IoU far below a tenth
    assert found(reference, around, criterion="iou") == (0, 1, 1)
    assert found(reference, around, criterion="centre") == (1, 0, 0)
    aside = label(SHAPE, np.s_[7:12, 5, 1], affine=BIG)  # overlaps by one, its middle is (9, 5, 1)
    assert found(reference, aside, criterion="centre") == (0, 1, 1)


def test_distance_goes_from_middle_to_middle_in_mm(label):
    reference = label(SHAPE, np.s_[2:5, 5, 1], affine=FINE)  # middle at x = 6 mm
    prediction = label(SHAPE, np.s_[7:10, 5, 1], affine=FINE)  # middle at x = 16 mm
    assert found(reference, prediction, criterion="distance", max_distance_mm=10.0) == (1, 0, 0)
    assert found(reference, prediction, criterion="distance", max_distance_mm=9.9) == (0, 1, 1)
    near, far = np.s_[3:6, 5, 1], np.s_[8:11, 5, 1]
    both = match_lesions(
        reference,
        label(SHAPE, {1: far}, {2: near}, affine=FINE),
        settings=MatchSettings(criterion="distance", max_distance_mm=20),
    )
    assert both.reference[0].prediction_id == 2  # the nearer one
    assert [p.outcome for p in both.prediction] == [Outcome.SPLIT, Outcome.TRUE_POSITIVE]
    empty = label(SHAPE, affine=FINE)
    assert found(reference, empty, criterion="distance") == (0, 0, 1)
    assert found(empty, prediction, criterion="distance") == (0, 1, 0)


def test_greedy_lets_the_confident_one_choose_where_hungarian_finds_more(label):
    """P1 meets both lesions and G1 better, P2 meets only G1: the confident P1 takes G1, and P2 is left a split."""
    reference = label(SHAPE, {1: np.s_[0:6, 0, 0]}, {2: np.s_[6:9, 0, 0]}, affine=BIG)
    prediction = label(SHAPE, {1: np.s_[2:8, 0, 0]}, {2: np.s_[0:2, 0, 0]}, affine=BIG)
    sure = with_scores(prediction, {1: 0.9, 2: 0.5})
    assert found(reference, prediction, sure) == (2, 0, 0)
    assert found(reference, prediction, sure, assignment="greedy") == (1, 0, 1)
    unsure = with_scores(prediction, {1: 0.5, 2: 0.9})
    assert found(reference, prediction, unsure, assignment="greedy") == (2, 0, 0)
    with pytest.raises(ConfigError, match="greedy assignment goes by confidence, and there is no probability map"):
        found(reference, prediction, assignment="greedy")


def test_one_good_pair_beats_two_poor_ones(label):
    """P1 covers most of G1 (IoU 9/13) and all of G2 (3/12), P2 a tenth of G1: the sum is highest with P1 on G1."""
    reference = label(SHAPE, {1: np.s_[0:10, 0, 0]}, {2: np.s_[10:13, 0, 0]}, affine=BIG)
    prediction = label(SHAPE, {1: np.s_[1:13, 0, 0]}, {2: np.s_[0, 0, 0]}, affine=BIG)
    matching = match_lesions(reference, prediction)
    assert [g.prediction_id for g in matching.reference] == [1, None]
    assert [p.outcome for p in matching.prediction] == [Outcome.TRUE_POSITIVE, Outcome.SPLIT]
    assert matching.prediction[0].merged_ids == (2,)


def test_what_is_judged_first_is_judged_by_what_is_above_it(label):
    """The wide one overlaps the lesion by less than a tenth: invented when it comes first, a split when second."""
    reference = label(SHAPE, np.s_[0:3, 0, 0], affine=BIG)
    prediction = label(SHAPE, {1: np.s_[2, 0:11, 0:3]}, {2: np.s_[0:2, 0, 0]}, affine=BIG)
    first = match_lesions(reference, prediction, with_scores(prediction, {1: 0.9, 2: 0.5}))
    assert [d.outcome for d in first.ranked] == [Outcome.FALSE_POSITIVE, Outcome.TRUE_POSITIVE]
    second = match_lesions(reference, prediction, with_scores(prediction, {1: 0.5, 2: 0.9}))
    assert [d.outcome for d in second.ranked] == [Outcome.TRUE_POSITIVE, Outcome.SPLIT]
    assert [p.outcome for p in second.prediction] == [Outcome.SPLIT, Outcome.TRUE_POSITIVE]


def test_of_equal_scores_the_better_overlap_comes_first(label):
    reference = label(SHAPE, np.s_[0:6, 0, 0], affine=BIG)
    prediction = label(SHAPE, {1: np.s_[0:2, 0, 0]}, {2: np.s_[3:6, 0, 0]}, affine=BIG)
    matching = match_lesions(reference, prediction, with_scores(prediction, {1: 0.5, 2: 0.5}))
    assert [d.prediction_id for d in matching.ranked] == [2, 1]
    assert [d.outcome for d in matching.ranked] == [Outcome.TRUE_POSITIVE, Outcome.SPLIT]


def test_a_ranked_prediction_on_a_speck_is_dont_care_unless_a_lesion_wants_it(label):
    reference = label(SHAPE, {1: np.s_[0:2, 0, 0]}, {2: np.s_[5:9, 0, 0]}, affine=BIG)
    prediction = label(SHAPE, {1: np.s_[0:2, 0, 0]}, {2: np.s_[5:9, 0, 0]}, affine=BIG)
    matching = match_lesions(reference, prediction, with_scores(prediction, {1: 0.9, 2: 0.5}))
    assert [(d.outcome, d.reference_id) for d in matching.ranked] == [
        (Outcome.DONT_CARE, 1),
        (Outcome.TRUE_POSITIVE, 2),
    ]


def test_confidence_is_the_maximum_or_the_95th_percentile(label):
    prediction = label((31, 11, 3), {1: np.s_[0:21, 0, 0]}, {4: np.s_[0:2, 5, 0]}, {6: np.s_[0:30, 8, 0]})
    values = np.zeros(prediction.array.shape, np.float32)
    values[0:21, 0, 0] = np.arange(21) / 32
    values[0:2, 5, 0] = 0.25, 0.75
    values[0:30, 8, 0] = np.arange(30) ** 2 / 1024
    probability = prediction.with_array(values, Quantity.PROBABILITY)
    highest = match_lesions(prediction, prediction, probability)
    assert [p.score for p in highest.prediction] == [20 / 32, 0.75, 29**2 / 1024]
    percentile = match_lesions(prediction, prediction, probability, settings=MatchSettings(confidence="p95"))
    squares = np.percentile(np.arange(30) ** 2 / 1024, 95)  # between two voxels
    assert [p.score for p in percentile.prediction] == pytest.approx([19 / 32, 0.25 + 0.95 * 0.5, squares])


def test_rows_carry_the_volume_of_their_lesion(label):
    lesion = label(SHAPE, np.s_[0:5, 0, 0])  # 5 voxels of 0.024 ml
    matching = match_lesions(lesion, label(SHAPE, np.s_[0:4, 0, 0]))
    assert matching.reference[0].volume_ml == pytest.approx(5 * 0.024)
    assert matching.prediction[0].volume_ml == pytest.approx(4 * 0.024)


def test_panoptic_quality_counted_by_hand(label):
    """IoU 4/5 and 2/3 found, one of 1/2 not enough, one speck ignored with its prediction, one invented."""
    reference = label(
        SHAPE, {1: np.s_[0:5, 0, 0]}, {2: np.s_[0:3, 2, 0]}, {3: np.s_[0:4, 4, 0]}, {4: np.s_[0:2, 6, 0]}, affine=BIG
    )
    prediction = label(
        SHAPE,
        {1: np.s_[0:4, 0, 0]},
        {2: np.s_[0:2, 2, 0]},
        {3: np.s_[0:2, 4, 0]},
        {4: np.s_[0:2, 6, 0]},
        {5: np.s_[0:5, 8, 0]},
        affine=BIG,
    )
    counts = match_lesions(reference, prediction).panoptic
    assert (counts.num_true_positives, counts.num_false_positives, counts.num_false_negatives) == (2, 2, 1)
    assert panoptic_quality(counts) == pytest.approx((4 / 5 + 2 / 3) / (2 + 1 + 0.5))


@pytest.mark.parametrize("seed", range(3))
def test_panoptic_quality_agrees_with_panoptica(seed, label):
    panoptica = pytest.importorskip("panoptica")
    rng = np.random.default_rng(seed)
    reference, prediction = np.zeros((2, 23, 17, 9), np.uint16)
    for n in range(8):
        at = tuple(int(v) for v in (5 * (n % 4) + 1, 8 * (n // 4) + 1, 2))
        if rng.random() < 0.8:
            reference[at[0] : at[0] + 4, at[1] : at[1] + 4, 2:6] = n + 1
        if rng.random() < 0.8:
            shift = int(rng.integers(0, 2))
            prediction[at[0] + shift : at[0] + 4, at[1] : at[1] + 4, 2:6] = n + 1
    grid = label(reference.shape)
    counts = match_lesions(
        grid.with_array(reference, Quantity.LABEL), grid.with_array(prediction, Quantity.LABEL)
    ).panoptic
    evaluator = panoptica.Panoptica_Evaluator(
        expected_input=panoptica.InputType.UNMATCHED_INSTANCE,
        instance_matcher=panoptica.NaiveThresholdMatching(matching_threshold=0.5),
    )
    theirs = evaluator.evaluate(prediction, reference)["ungrouped"]
    assert counts.num_true_positives == theirs.tp
    assert counts.num_false_positives == theirs.fp
    assert counts.num_false_negatives == theirs.fn
    assert panoptic_quality(counts) == pytest.approx(theirs.pq)


def test_a_readers_point_finds_a_lesion_within_10_mm_of_its_nearest_voxel(label):
    reference = label(SHAPE, np.s_[2:5, 5, 1], affine=FINE)  # x = 4..8 mm, y = 15, z = 4
    for x_mm, tp in ((18.0, 1), (18.1, 0), (6.0, 1)):
        matching = match_points(reference, [(x_mm, 15, 4)], [0.7])
        assert (matching.num_true_positives, matching.num_false_positives) == (tp, 1 - tp)
        assert (matching.num_false_negatives, matching.num_prediction) == (1 - tp, 1)
        strict = match_points(reference, [(6.9, 15, 4)], [0.7], MatchSettings(point_tolerance_mm=0.5))
        assert strict.num_true_positives == 1  # inside its voxel, if 0.9 mm from the centre
        assert (matching.prediction[0].num_voxels, matching.prediction[0].volume_ml) == (0, 0.0)


def test_two_points_on_one_lesion_are_a_find_and_a_split_and_one_between_two_finds_the_nearer(label):
    reference = label(SHAPE, {1: np.s_[0:3, 5, 1]}, {2: np.s_[8:11, 5, 1]}, affine=FINE)
    twice = match_points(reference, [(2, 15, 4), (5.2, 15, 4)], [0.3, 0.9])
    assert [p.outcome for p in twice.prediction] == [Outcome.TRUE_POSITIVE, Outcome.SPLIT]  # the inner one is nearer
    assert [(d.prediction_id, d.outcome) for d in twice.ranked] == [(2, Outcome.TRUE_POSITIVE), (1, Outcome.SPLIT)]
    between = match_points(reference, [(11, 15, 4)], [0.5])  # 7 mm from the first, 5 mm from the second
    assert between.prediction[0].reference_id == 2
    assert between.num_merges == 0
    nothing = match_points(reference, [], [])
    assert (nothing.num_prediction, nothing.num_false_negatives, nothing.ranked) == (0, 2, ())
    assert match_points(label(SHAPE), [(0, 0, 0)], [0.5]).num_false_positives == 1


def test_a_prediction_that_overlaps_goes_before_one_that_only_points(label):
    """Of two that meet a small lesion the overlapping one finds it, whatever the labels; the other is a split."""
    reference = label(SHAPE, np.s_[4:6, 4:6, 1])
    for one, other in ((1, 2), (2, 1)):
        prediction = label(SHAPE, {one: np.s_[4:6, 4, 1]}, {other: np.s_[6, 6, 1]})
        matching = match_lesions(reference, prediction)
        assert (matching.reference[0].prediction_id, matching.reference[0].iou) == (one, 0.5)
        assert {p.lesion_id: (p.outcome, p.iou) for p in matching.prediction} == {
            one: (Outcome.TRUE_POSITIVE, 0.5),
            other: (Outcome.SPLIT, 0.0),
        }


@pytest.mark.parametrize("beside", [np.s_[3, 4, 1], np.s_[6, 4, 1], np.s_[4, 3, 1], np.s_[4, 6, 1], np.s_[4, 4, 0]])
def test_without_dilation_a_peak_must_lie_inside(beside, label):
    reference, prediction = label(SHAPE, np.s_[4:6, 4:6, 1]), label(SHAPE, beside)
    assert found(reference, prediction) == (1, 0, 0)
    assert found(reference, prediction, peak_dilation_voxels=0) == (0, 1, 1)


def test_a_split_belongs_to_the_lesion_it_covers_and_not_to_one_it_points_to(label):
    reference = label(SHAPE, {1: np.s_[0:3, 5, 1]}, {2: np.s_[8:13, 5, 1]}, affine=FINE)
    prediction = label(SHAPE, {1: np.s_[0:3, 5, 1]}, {2: np.s_[9:13, 5, 1]}, {3: np.s_[3:9, 5, 1]}, affine=FINE)
    settings = MatchSettings(criterion="distance", max_distance_mm=9.0)  # the third's middle is 9 mm from the first's
    split = match_lesions(reference, prediction, settings=settings).prediction[2]
    assert (split.outcome, split.reference_id) == (Outcome.SPLIT, 2)


def test_in_the_ranking_a_split_belongs_to_the_lesion_it_covers_most(label):
    reference = label(SHAPE, {1: np.s_[0:4, 0:3, 1]}, {2: np.s_[6:10, 0:3, 1]}, affine=BIG)
    prediction = label(SHAPE, {1: np.s_[0:3, 0:3, 1]}, {2: np.s_[8:10, 0:3, 1]}, {3: np.s_[3:8, 1:3, 1]}, affine=BIG)
    matching = match_lesions(reference, prediction, with_scores(prediction, {1: 0.9, 2: 0.8, 3: 0.5}))
    assert (matching.ranked[2].outcome, matching.ranked[2].reference_id) == (Outcome.SPLIT, 2)


def test_of_equal_scores_one_that_finds_comes_before_one_that_only_touches(label):
    reference = label(SHAPE, np.s_[0:3, 0, 0], affine=BIG)
    prediction = label(SHAPE, {1: np.s_[2, 0:11, 0:3]}, {2: np.s_[0:2, 0, 0]}, affine=BIG)
    matching = match_lesions(reference, prediction, with_scores(prediction, {1: 0.5, 2: 0.5}))
    assert [d.outcome for d in matching.ranked] == [Outcome.TRUE_POSITIVE, Outcome.SPLIT]
