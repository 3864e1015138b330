import dataclasses

import pytest

from netlesion.errors import ConfigError
from netlesion.evaluate.outcome import Matching, MatchSettings, Outcome, PredictedLesion, ReferenceLesion


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
    )
    assert (matching.num_true_positives, matching.num_false_negatives, matching.num_false_positives) == (1, 2, 3)
    assert (matching.num_splits, matching.num_merges) == (2, 1)
    assert (matching.num_reference, matching.num_prediction) == (3, 6)


def test_the_defaults_are_those_of_the_definition():
    assert dataclasses.asdict(MatchSettings()) == {
        "min_iou": 0.1,
        "peak_max_volume_ml": 1.0,
        "peak_dilation_voxels": 1,
        "min_reference_voxels": 3,
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
    ],
)
def test_impossible_settings_are_refused_by_name(name, value):
    with pytest.raises(ConfigError, match=f"{name} is {value:g}, expected"):
        MatchSettings(**{name: value})
