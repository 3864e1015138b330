"""What detection curves need of one case: its lesions, and the scores of true and false positives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlesion.evaluate.case.outcome import Matching, Outcome


@dataclass(frozen=True)
class CaseDetections:
    """One case: how many lesions count, and (score, whether it is a true positive) of each TP and FP.

    lesion_scores: the rating of each counted lesion, -inf where unmarked. dont_care: lesions too small to count; a
    case that has one is not lesion-free.
    """

    case: str
    patient: str
    scores: tuple[float, ...]
    is_true: tuple[bool, ...]
    lesion_scores: tuple[float, ...]
    dont_care: int = 0


def case_detections(case: str, patient: str, matching: Matching) -> CaseDetections | None:
    """What the curves need of one matching; None when its predictions have no score."""
    if matching.ranked is None:
        return None
    judged = [d for d in matching.ranked if d.outcome in (Outcome.TRUE_POSITIVE, Outcome.FALSE_POSITIVE)]
    rating = {d.reference_id: d.score for d in judged if d.outcome is Outcome.TRUE_POSITIVE}
    return CaseDetections(
        case=case,
        patient=patient,
        scores=tuple(d.score for d in judged),
        is_true=tuple(d.outcome is Outcome.TRUE_POSITIVE for d in judged),
        lesion_scores=tuple(
            rating.get(g.lesion_id, -np.inf) for g in matching.reference if g.outcome is not Outcome.DONT_CARE
        ),
        dont_care=len(matching.reference) - matching.num_reference,
    )
