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


def test_the_record_has_the_curve_sensitivity_by_size_and_the_worst_case_first():
    """Lesions of 8 voxels of 80 mm3 (0.64 ml); one of two is found; a PET found whole is not among the worst."""
    score = DetectionScore(CARD, LABELS)
    label = boxes(((1, 1, 1), 1), ((6, 5, 8), 1)).astype(np.uint8)
    score.add("a", "fdg", boxes(((1, 1, 1), 0.9)), label, np.full(SHAPE, 2.0))
    score.add("b", "fdg", boxes(((4, 4, 4), 0.6)), np.zeros(SHAPE, dtype=np.uint8))
    score.add("c", "fdg", boxes(((1, 1, 1), 0.9)), boxes(((1, 1, 1), 1)).astype(np.uint8))
    record = score.record()
    assert record.tables["froc"].rows[0] == ("fdg", None, 0.0, 0.0)
    assert record.tables["froc"].rows[1][2:] == (0.0, 2 / 3)
    rows = {row[1]: row[2:] for row in record.tables["sensitivity"].rows}
    assert rows["all"] == rows["0.5-1"] == (3, 2, 2 / 3)
    assert rows["<0.5"] == (0, 0, None)
    worst = [record.pictures[f"worst_{n}"] for n in (1, 2)]
    assert [p.facts["visit"] for p in worst] == ["b", "a"]
    assert worst[1].facts["dice"] == 2 / 3
    assert set(record.pictures) == {"froc", "worst_1", "worst_2"}
    assert all("a" not in p.caption.split(",")[0].split() for p in worst)
