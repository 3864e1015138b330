import dataclasses

import pytest

from netlesion.errors import ConfigError
from netlesion.evaluate.case.outcome import (
    Matching,
    MatchSettings,
    Outcome,
    PanopticCounts,
    PredictedLesion,
    ReferenceLesion,
)


def test_counts_are_read_from_the_rows():
    def g(outcome):
        return ReferenceLesion(1, 5, 0.1, outcome, None, None)

    def p(outcome, merged_ids=()):
        return PredictedLesion(1, 5, 0.1, outcome, None, None, merged_ids, None)

    matching = Matching(
        reference=(g(Outcome.TRUE_POSITIVE), *[g(Outcome.FALSE_NEGATIVE)] * 2, g(Outcome.DONT_CARE)),
        prediction=(
            p(Outcome.TRUE_POSITIVE, (2, 3)),
            *[p(Outcome.SPLIT)] * 2,
            *[p(Outcome.FALSE_POSITIVE)] * 3,
            *[p(Outcome.DONT_CARE)] * 4,
        ),
        settings=MatchSettings(),
        ranked=None,
        panoptic=PanopticCounts(0.0, 0, 0, 0),
    )
    assert (matching.num_true_positives, matching.num_false_negatives, matching.num_false_positives) == (1, 2, 3)
    assert (matching.num_splits, matching.num_merges) == (2, 1)
    assert (matching.num_reference, matching.num_prediction) == (3, 6)


def test_the_defaults_are_those_of_the_definition():
    assert dataclasses.asdict(MatchSettings()) == {
        "criterion": "iou_or_peak",
        "assignment": "hungarian",
        "confidence": "max",
        "min_iou": 0.1,
        "peak_max_volume_ml": 1.0,
        "peak_dilation_voxels": 1,
        "min_reference_voxels": 3,
        "max_distance_mm": 10.0,
        "point_tolerance_mm": 10.0,
        "connectivity": 18,
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("min_iou", 0.0),
        ("min_iou", 1.1),
        ("min_iou", float("nan")),
        ("connectivity", 8),
        ("peak_max_volume_ml", -0.1),
        ("peak_dilation_voxels", -1),
        ("min_reference_voxels", -1),
        ("max_distance_mm", -1),
        ("point_tolerance_mm", float("nan")),
    ],
)
def test_impossible_settings_are_refused_by_name(name, value):
    with pytest.raises(ConfigError, match=f"{name} is {value:g}, expected"):
        MatchSettings(**{name: value})


def test_a_policy_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(ConfigError, match="criterion is 'dice', expected one of iou_or_peak, iou, overlap"):
        MatchSettings(criterion="dice")
    with pytest.raises(ConfigError, match="assignment is 'best', expected one of hungarian, greedy"):
        MatchSettings(assignment="best")
    assert MatchSettings(criterion="iou") == MatchSettings(criterion=MatchSettings(criterion="iou").criterion)
