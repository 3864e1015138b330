"""A validation's detection figures on cases that can be counted by hand."""

import numpy as np

from netlesion.data.labels import IGNORE, LabelScheme
from netlesion.models.card import ModelCard
from netlesion.predict.detection_score import DetectionScore

CARD = ModelCard(
    ("fdg",), ("fdg",), {"fdg": ("background", "lesion")}, (4.0, 4.0, 5.0), (8, 8, 8), {"filters": [4, 8, 8]}
)
LABELS = LabelScheme("lesions", {"fdg": {0: ("background",), 1: ("lesion",)}})
SHAPE = (12, 9, 14)


def boxes(*places):
    out = np.zeros(SHAPE, dtype=np.float32)
    for (i, j, k), value in places:
        out[i : i + 2, j : j + 2, k : k + 2] = value
    return out


def test_one_found_one_missed_and_a_false_positive_rated_between():
    """Two PETs: the first has lesions at 0.9 and one not seen, the second has none and a false positive of 0.6."""
    score = DetectionScore(CARD, LABELS)
    label = boxes(((1, 1, 1), 1), ((6, 5, 8), 1)).astype(np.uint8)
    score.add("a", "fdg", boxes(((1, 1, 1), 0.9)), label)
    score.add("b", "fdg", boxes(((4, 4, 4), 0.6)), np.zeros(SHAPE, dtype=np.uint8))
    assert score.result() == {"froc_fdg": 0.5, "sensitivity_1fp_fdg": 0.5, "froc": 0.5}


def test_what_is_not_known_is_no_candidate_and_no_lesion_gives_zero():
    score = DetectionScore(CARD, LABELS)
    score.add("a", "fdg", boxes(((1, 1, 1), 0.9)), np.full(SHAPE, IGNORE, dtype=np.uint8))
    assert score.result() == {"froc": 0.0}
    assert DetectionScore(CARD, LABELS).result() == {"froc": 0.0}


def test_false_positives_rated_above_the_lesion_cost_the_low_rates():
    """One PET, one lesion at 0.5, one false positive at 0.8: nothing is found below 1 false positive a PET."""
    score = DetectionScore(CARD, LABELS)
    label = boxes(((1, 1, 1), 1)).astype(np.uint8)
    score.add("a", "fdg", boxes(((1, 1, 1), 0.5), ((6, 5, 8), 0.8)), label)
    figures = score.result()
    assert figures["sensitivity_1fp_fdg"] == 1.0
    assert figures["froc_fdg"] == 4 / 7
