"""Areas under the ROC curve: patients with a lesion against lesion-free ones, true against false positives.

Takes `CaseResult`s; returns plain JSON values. A patient's score is the highest of any predicted lesion (clinical.md
8.3), with DeLong's interval. Predicted lesions are clustered in patients and have Obuchowski's. A lesion that was
missed has no score and is in no such area: read it beside FROC. Knows nothing about images.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from netlesion.evaluate.case.result import CaseResult
from netlesion.evaluate.cohort.interval import Resampling, plain
from netlesion.evaluate.cohort.reliability import detections_of
from netlesion.statistics.auc import auc

Plain = dict[str, Any]


def discrimination(results: Sequence[CaseResult], resampling: Resampling) -> Plain:
    """patient_auc and detection_auc; a reason instead, where any case has no score.

    A patient whose lesions are all don't-care is neither with lesion nor lesion-free, and counted.
    """
    detections = detections_of(results)
    if detections is None:
        return {"not_run": "not every case has a score (no probability map or rating)"}
    highest: dict[str, float] = {}
    counted: dict[str, int] = {}
    any_lesion: dict[str, bool] = {}
    for r in results:
        score = -np.inf if np.isnan(r.max_score) else r.max_score
        highest[r.patient] = max(highest.get(r.patient, -np.inf), score)
        counted[r.patient] = counted.get(r.patient, 0) + r.num_lesions_reference
        any_lesion[r.patient] = any_lesion.get(r.patient, False) or r.num_lesions_reference + r.num_dont_care > 0
    clear = sorted(p for p in highest if counted[p] > 0 or not any_lesion[p])
    with_lesion = [counted[p] > 0 for p in clear]
    of_patients = resampling.noted(auc(with_lesion, _ranks([highest[p] for p in clear])))
    of_detections = resampling.noted(
        auc([bool(d.is_true) for d in detections], [d.score for d in detections], [d.patient for d in detections])
    )
    return {
        "patient_auc": plain(of_patients)
        | {"num_with_lesion": sum(with_lesion), "num_lesion_free": len(with_lesion) - sum(with_lesion)},
        "num_patients_of_dont_care_lesions_only": len(highest) - len(clear),
        "detection_auc": plain(of_detections)
        | {"num_true": sum(d.is_true for d in detections), "num_false": sum(not d.is_true for d in detections)},
    }


def _ranks(scores: Sequence[float]) -> np.ndarray:
    """(N,) places of the scores among themselves: an area needs no more, and nothing predicted is -inf."""
    return np.unique(np.asarray(scores, dtype=float), return_inverse=True)[1].astype(float)
