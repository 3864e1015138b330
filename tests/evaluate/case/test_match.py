from itertools import permutations, product

import numpy as np
import pytest

from netlesion.errors import GeometryError, QuantityError
from netlesion.evaluate.case.match import match_lesions
from netlesion.evaluate.case.outcome import MatchSettings, Outcome
from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume

SHAPE = (13, 11, 3)
BIG = np.diag([10.0, 10.0, 10.0, 1.0])  # a voxel is 1 ml: no lesion can be found by its peak alone


def counts(matching):
    return {
        "TP": matching.num_true_positives,
        "FP": matching.num_false_positives,
        "FN": matching.num_false_negatives,
        "split": matching.num_splits,
        "merge": matching.num_merges,
    }


def only(**found):
    return {"TP": 0, "FP": 0, "FN": 0, "split": 0, "merge": 0, **found}


def test_one_lesion_two_detections_iou_9_of_41_is_one_tp_and_one_split(label):
    reference = label(SHAPE, np.s_[3:8, 3:8, 1], affine=BIG)  # 25 voxels
    prediction = label(SHAPE, np.s_[5:10, 5:10, 1], np.s_[1:4, 1:4, 1], affine=BIG)  # 25 with 9 inside, 9 with 1
    matching = match_lesions(reference, prediction)
    assert counts(matching) == only(TP=1, split=1)
    assert matching.reference[0].iou == pytest.approx(9 / 41)
    assert [(p.outcome, p.iou) for p in matching.prediction] == [
        (Outcome.TRUE_POSITIVE, pytest.approx(9 / 41)),
        (Outcome.SPLIT, pytest.approx(1 / 33)),
    ]
    assert [p.reference_id for p in matching.prediction] == [1, 1]


def test_iou_of_exactly_a_tenth_is_enough_and_a_little_less_is_not(label):
    reference = label(SHAPE, np.s_[0:10, 0, 0], affine=BIG)
    assert counts(match_lesions(reference, label(SHAPE, np.s_[0, 0, 0], affine=BIG))) == only(TP=1)
    reference = label(SHAPE, np.s_[0:11, 0, 0], affine=BIG)
    assert counts(match_lesions(reference, label(SHAPE, np.s_[0, 0, 0], affine=BIG))) == only(FP=1, FN=1)


def test_three_lesions_merged_by_one_prediction_are_one_tp_and_two_missed(label):
    reference = label(SHAPE, np.s_[1:3, 1:4, 1], np.s_[5:7, 1:4, 1], np.s_[9:11, 1:5, 1], affine=BIG)
    prediction = label(SHAPE, np.s_[1:11, 1:4, 1], affine=BIG)
    matching = match_lesions(reference, prediction)
    assert counts(matching) == only(TP=1, FN=2, merge=1)
    assert len(matching.prediction[0].merged_ids) == 2
    assert matching.num_reference == 3


def test_a_touched_neighbour_that_has_its_own_detection_is_no_merge(label):
    reference = label(SHAPE, np.s_[0:4, 0:3, 1], np.s_[5:9, 0:3, 1], affine=BIG)
    prediction = label(SHAPE, {1: np.s_[0:6, 0:2, 1]}, {2: np.s_[6:9, 0:3, 1]}, affine=BIG)
    assert counts(match_lesions(reference, prediction)) == only(TP=2)


def test_assignment_is_not_greedy(label):
    """P1 meets both lesions and G1 better, P2 meets only G1: greedy on IoU finds one lesion, the best sum two."""
    reference = label(SHAPE, {1: np.s_[0:5, 0, 0]}, {2: np.s_[5:9, 0, 0]}, affine=BIG)
    prediction = label(SHAPE, {7: np.s_[2:8, 0, 0]}, {8: np.s_[0:2, 0, 0]}, affine=BIG)  # 3/8, 3/7 and 2/5
    matching = match_lesions(reference, prediction)
    assert counts(matching) == only(TP=2)
    assert [(g.lesion_id, g.prediction_id) for g in matching.reference] == [(1, 8), (2, 7)]
    reference = label(SHAPE, {1: np.s_[0:6, 0, 0]}, {2: np.s_[6:9, 0, 0]}, affine=BIG)
    prediction = label(SHAPE, {7: np.s_[2:8, 0, 0]}, {8: np.s_[0:2, 0, 0]}, affine=BIG)  # 4/8, 2/7 and 2/6
    matching = match_lesions(reference, prediction)
    assert [(g.lesion_id, g.prediction_id) for g in matching.reference] == [(1, 8), (2, 7)]


def test_a_split_belongs_to_the_lesion_it_covers_most(label):
    reference = label(SHAPE, {1: np.s_[0:4, 0:3, 1]}, {2: np.s_[6:10, 0:3, 1]}, affine=BIG)
    prediction = label(SHAPE, {1: np.s_[0:3, 0:3, 1]}, {2: np.s_[8:10, 0:3, 1]}, {3: np.s_[3:8, 1:3, 1]}, affine=BIG)
    split = match_lesions(reference, prediction).prediction[2]
    assert (split.outcome, split.reference_id, split.iou) == (Outcome.SPLIT, 2, pytest.approx(4 / 18))


def test_a_small_lesion_is_found_by_a_peak_one_voxel_outside(label):
    reference = label(SHAPE, np.s_[4:6, 4:6, 1])  # 4 voxels of 0.024 ml
    beside = label(SHAPE, np.s_[6, 6, 1])  # an edge away, no overlap
    assert counts(match_lesions(reference, beside)) == only(TP=1)
    assert match_lesions(reference, beside).reference[0].iou == 0.0
    assert counts(match_lesions(reference, label(SHAPE, np.s_[7, 5, 1]))) == only(FP=1, FN=1)
    assert counts(match_lesions(reference, label(SHAPE, np.s_[6, 6, 2]))) == only(FP=1, FN=1)  # a corner away
    assert counts(match_lesions(reference, beside, settings=MatchSettings(peak_dilation_voxels=0))) == only(FP=1, FN=1)
    assert counts(
        match_lesions(reference, label(SHAPE, np.s_[7, 5, 1]), settings=MatchSettings(peak_dilation_voxels=2))
    ) == only(TP=1)


@pytest.mark.parametrize("spacing_mm", [*permutations((5.0, 10.0, 5.0)), *permutations((2.0, 5.0, 25.0))])
def test_a_lesion_of_exactly_one_ml_is_not_found_by_its_peak(label, spacing_mm):
    affine = np.diag([*spacing_mm, 1.0])  # 0.25 ml, but for the last digit
    beside = label(SHAPE, np.s_[6, 6, 1], affine=affine)
    assert counts(match_lesions(label(SHAPE, np.s_[4:6, 4:6, 1], affine=affine), beside)) == only(FP=1, FN=1)
    assert counts(match_lesions(label(SHAPE, np.s_[5, 4:7, 1], affine=affine), beside)) == only(TP=1)


def test_the_peak_is_of_probability_before_suv_before_the_centroid(label):
    reference = label(SHAPE, np.s_[0:3, 5, 1])
    prediction = label(SHAPE, np.s_[2:13, 4:7, 0:3])  # 99 voxels, one shared: IoU 1/101
    start, far = np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.float32)
    start[3, 5, 1] = 0.4
    far[12, 5, 1] = 0.7
    suv_start, suv_far = (prediction.with_array(a, Quantity.SUVBW) for a in (start, far))
    probability_start, probability_far = (prediction.with_array(a, Quantity.PROBABILITY) for a in (start, far))
    assert counts(match_lesions(reference, prediction)) == only(FP=1, FN=1)
    assert counts(match_lesions(reference, prediction, suv=suv_start)) == only(TP=1)
    assert counts(match_lesions(reference, prediction, probability_far, suv_start)) == only(FP=1, FN=1)
    assert counts(match_lesions(reference, prediction, probability_start, suv_far)) == only(TP=1)


def test_the_score_is_the_highest_probability_and_none_without_one(label):
    prediction = label(SHAPE, np.s_[2:4, 4, 1], np.s_[8, 4, 1])
    values = np.full(SHAPE, 0.25, np.float32)
    values[3, 4, 1] = 0.75
    probability = prediction.with_array(values, Quantity.PROBABILITY)
    assert [p.score for p in match_lesions(prediction, prediction, probability).prediction] == [0.75, 0.25]
    suv = prediction.with_array(values, Quantity.SUVBW)
    assert [p.score for p in match_lesions(prediction, prediction, suv=suv).prediction] == [None, None]


def test_a_lesion_of_two_voxels_is_dont_care_found_or_not(label):
    tiny = label(SHAPE, np.s_[0, 0, 0:2])
    missed = match_lesions(tiny, label(SHAPE))
    assert (counts(missed), missed.num_reference) == (only(), 0)
    found = match_lesions(tiny, tiny)
    assert (counts(found), found.num_reference, found.num_prediction) == (only(), 0, 0)
    assert [g.outcome for g in found.reference] == [p.outcome for p in found.prediction] == [Outcome.DONT_CARE]
    assert counts(match_lesions(tiny, tiny, settings=MatchSettings(min_reference_voxels=2))) == only(TP=1)


def test_a_large_prediction_is_not_excused_by_a_dont_care_at_its_rim(label):
    tiny = label(SHAPE, np.s_[0, 0, 0:2])
    prediction = label(SHAPE, np.s_[0:9, 0:9, 0:2])
    assert counts(match_lesions(tiny, prediction)) == only(FP=1)


def test_a_dont_care_does_not_take_the_prediction_of_a_real_lesion(label):
    reference = label(SHAPE, np.s_[0, 0, 0:2], np.s_[2:5, 0, 0])
    prediction = label(SHAPE, np.s_[0:3, 0, 0:2])
    assert counts(match_lesions(reference, prediction)) == only(TP=1)


def test_one_voxel_on_the_border(label):
    voxel = label(SHAPE, np.s_[12, 10, 2], affine=BIG)
    settings = MatchSettings(min_reference_voxels=1)
    assert counts(match_lesions(voxel, voxel, settings=settings)) == only(TP=1)
    assert counts(match_lesions(label(SHAPE), label(SHAPE, np.s_[12, 10, 2]))) == only(FP=1)


def test_empty_masks(label):
    empty, lesion = label(SHAPE), label(SHAPE, np.s_[3:5, 3:5, 1])
    assert counts(match_lesions(empty, empty)) == only()
    assert counts(match_lesions(lesion, empty)) == only(FN=1)
    assert counts(match_lesions(empty, lesion)) == only(FP=1)


def test_a_mask_is_split_and_instances_are_kept(label):
    prediction = label(SHAPE, np.s_[0:6, 0:3, 0])
    touching = label(SHAPE, {1: np.s_[0:3, 0:3, 0]}, {5: np.s_[3:6, 0:3, 0]})
    assert [g.lesion_id for g in match_lesions(touching, prediction).reference] == [1, 5]
    apart = label(SHAPE, {2: np.s_[0:3, 0, 0]}, {2: np.s_[8:11, 0, 0]})
    assert [(g.lesion_id, g.num_voxels) for g in match_lesions(apart, prediction).reference] == [(2, 6)]
    mask = label(SHAPE, np.s_[0:3, 0, 0], np.s_[8:12, 0, 0])
    assert [(g.lesion_id, g.num_voxels) for g in match_lesions(mask, prediction).reference] == [(1, 4), (2, 3)]


def test_components_follow_the_connectivity_asked(label):
    corner = label(SHAPE, np.s_[0:3, 0, 0], np.s_[3:6, 1, 1])
    for connectivity, expected in ((6, 2), (18, 2), (26, 1)):
        settings = MatchSettings(connectivity=connectivity)
        assert match_lesions(corner, corner, settings=settings).num_reference == expected


def specks(seed, label):
    """About ten small lesions and a shifted, thinned, noisy copy, with a probability of pure noise."""
    rng, shape = np.random.default_rng(seed), (11, 13, 7)
    reference = rng.random(shape) < 0.02
    reference |= np.roll(reference, 1, axis=0) | np.roll(reference, 1, axis=1)
    prediction = np.roll(reference, 1, axis=1) & (rng.random(shape) < 0.7) | (rng.random(shape) < 0.01)
    grid = label(shape)
    return (
        grid.with_array(reference, Quantity.LABEL),
        grid.with_array(prediction, Quantity.LABEL),
        grid.with_array(rng.random(shape), Quantity.PROBABILITY),
    )


@pytest.mark.parametrize("seed", range(20))
def test_every_lesion_has_one_outcome_and_counts_add_up(seed, label):
    matching = match_lesions(*specks(seed, label))
    assert matching.num_true_positives == sum(g.outcome is Outcome.TRUE_POSITIVE for g in matching.reference)
    assert matching.num_reference == matching.num_true_positives + matching.num_false_negatives
    assert matching.num_prediction == (matching.num_true_positives + matching.num_false_positives + matching.num_splits)
    pairs = [(g.prediction_id, g.lesion_id) for g in matching.reference if g.prediction_id is not None]
    assert sorted(pairs) == sorted(
        (p.lesion_id, p.reference_id) for p in matching.prediction if p.outcome is Outcome.TRUE_POSITIVE
    )


@pytest.mark.parametrize("seed", range(3))
def test_permuting_axes_and_flipping_changes_no_count(seed, label, turned):
    volumes = specks(seed, label)
    expected = counts(match_lesions(*volumes))
    assert min(expected["TP"], expected["FP"], expected["split"]) > 0
    for axes, flips in product(permutations(range(3)), product((False, True), repeat=3)):
        assert counts(match_lesions(*(turned(v, list(axes), flips) for v in volumes))) == expected, (axes, flips)


def test_other_quantities_and_grids_are_refused(label):
    mask = label(SHAPE)
    image = mask.with_array(np.ones(SHAPE), Quantity.SUVBW)
    with pytest.raises(QuantityError, match="the prediction holds SUVBW, expected LABEL"):
        match_lesions(mask, image)
    with pytest.raises(QuantityError, match="the probability map holds SUVBW, expected PROBABILITY"):
        match_lesions(mask, mask, image)
    with pytest.raises(QuantityError, match="the PET holds LABEL, expected SUVBW"):
        match_lesions(mask, mask, suv=mask)
    shifted = mask.geometry.affine_ras + np.array([[0, 0, 0, 1.0]] + [[0, 0, 0, 0]] * 3)
    with pytest.raises(GeometryError, match="the reference and the PET are on different grids"):
        match_lesions(mask, mask, suv=Volume(image.array, Geometry(shifted, SHAPE), Quantity.SUVBW))
    with pytest.raises(GeometryError, match="the reference and the prediction are on different grids"):
        match_lesions(mask, label((13, 11, 2)))
