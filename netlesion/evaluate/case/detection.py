"""Lesion-level rates of one case, read from a matching.

There is no lesion-level true negative, so no specificity. Knows nothing about images or patients.
"""

from __future__ import annotations

from dataclasses import dataclass

from netlesion.evaluate.case.outcome import Matching, PanopticCounts


@dataclass(frozen=True)
class Detection:
    """sensitivity, ppv and f1 run from 0 to 1 and are NaN where they have no meaning."""

    sensitivity: float
    ppv: float
    f1: float
    num_false_positives: int


def detection(matching: Matching) -> Detection:
    """The rates of one case; splits and don't-care lesions enter none of them."""
    return detection_rates(
        num_true_positives=matching.num_true_positives,
        num_false_positives=matching.num_false_positives,
        num_false_negatives=matching.num_false_negatives,
    )


def detection_rates(*, num_true_positives: int, num_false_positives: int, num_false_negatives: int) -> Detection:
    """Sensitivity TP/(TP+FN), PPV TP/(TP+FP) and F1 2TP/(2TP+FP+FN).

    No reference lesion: sensitivity is NaN. No prediction: PPV is NaN. Neither: F1 is NaN as well; with only
    one of the two, F1 is 0.
    """
    tp, fp, fn = num_true_positives, num_false_positives, num_false_negatives
    return Detection(
        sensitivity=_ratio(tp, tp + fn),
        ppv=_ratio(tp, tp + fp),
        f1=_ratio(2 * tp, 2 * tp + fp + fn),
        num_false_positives=fp,
    )


def panoptic_quality(counts: PanopticCounts) -> float:
    """Sum of IoU over TP + FP/2 + FN/2; NaN without any lesion. A split is a false positive here."""
    return _ratio(counts.sum_iou, panoptic_weight(counts))


def panoptic_weight(counts: PanopticCounts) -> float:
    """The denominator of panoptic quality, to pool cases by."""
    return counts.num_true_positives + 0.5 * (counts.num_false_positives + counts.num_false_negatives)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")
