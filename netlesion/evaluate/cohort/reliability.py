"""Do the scores of predicted lesions mean what they say, as they are and as a recalibration makes them?

Takes `CaseResult`s; returns plain JSON values: share of true positives in ten bins of score, expected calibration
error and Brier score, each with its interval over patients. A row is a true or false positive of the curves
(`froc`): splits and don't-cares are neither. Knows nothing about how a recalibration was learned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from netlesion.evaluate.case.result import CaseResult
from netlesion.evaluate.cohort.interval import SHARE, Resampling, plain
from netlesion.statistics.calibration import NUM_BINS, Recalibration, bins_of, expected_calibration_error

Plain = dict[str, Any]


@dataclass(frozen=True)
class Detection:
    """One predicted lesion of the curves. score_calibrated: NaN without a recalibration."""

    case: str
    patient: str
    tracer: str
    score: float
    is_true: int
    score_calibrated: float = float("nan")


#: The data dictionary of detections.tsv; its keys are the columns, in order.
DETECTION_COLUMNS = {
    "case": {"Description": "The PET: patient, session and tracer", "Units": "n/a"},
    "patient": {"Description": "Research id", "Units": "n/a"},
    "tracer": {"Description": "BIDS trc- label of the PET", "Units": "n/a"},
    "score": {"Description": "Confidence of one predicted lesion; splits and don't-cares are left out", "Units": "1"},
    "is_true": {"Description": "1 true positive, 0 false positive, greedy by confidence as in FROC", "Units": "1"},
    "score_calibrated": {"Description": "The score recalibrated; n/a without --calibration", "Units": "1"},
}


def detections_of(
    results: Sequence[CaseResult], recalibration: Recalibration | None = None
) -> tuple[Detection, ...] | None:
    """Every true and false positive of the curves; None where a case has no scores.

    Raises QuantityError when a score to be recalibrated is no probability, CohortError when its patient is one of
    those learned on.
    """
    found: list[Detection] = []
    for r in results:
        if r.detections is None:
            return None
        for score, true in zip(r.detections.scores, r.detections.is_true, strict=True):
            found.append(Detection(r.case, r.patient, r.tracer, float(score), int(true)))
    if recalibration is None:
        return tuple(found)
    calibrated = recalibration.apply([d.score for d in found], [d.patient for d in found])
    return tuple(replace(d, score_calibrated=float(after)) for d, after in zip(found, calibrated, strict=True))


def score_reliability(
    results: Sequence[CaseResult], resampling: Resampling, recalibration: Recalibration | None = None
) -> Plain:
    """`reliability` (bins, or None) and `calibration` (ECE, Brier, and the same recalibrated), or why not."""
    found = detections_of(results, recalibration)
    if found is None:
        return _not_run("not every case has a score (no probability map or rating)")
    if not found:
        return _not_run("nothing was predicted")
    scores = [d.score for d in found]
    if not all(0 <= score <= 1 for score in scores):
        return _not_run("a score is outside 0 to 1: ratings are no probabilities")
    calibration = _errors(scores, found, resampling)
    if recalibration is not None:
        after = [d.score_calibrated for d in found]
        calibration["recalibrated"] = {
            "method": recalibration.method,
            "temperature": recalibration.temperature,
            "num_patients_learned_on": len(recalibration.learned_on),
            **_errors(after, found, resampling),
            "reliability": _bins(after, found, resampling),
        }
    return {"reliability": _bins(scores, found, resampling), "calibration": calibration}


def _not_run(why: str) -> Plain:
    return {"reliability": None, "calibration": {"not_run": why}}


def _errors(scores: Sequence[float], found: Sequence[Detection], resampling: Resampling) -> Plain:
    real, patients = [bool(d.is_true) for d in found], [d.patient for d in found]
    ece = resampling.statistics(expected_calibration_error(scores, real, patients), len(set(patients)))[0]
    brier = resampling.mean([(s - r) ** 2 for s, r in zip(scores, real, strict=True)], patients, SHARE)
    return {"ece": plain(ece), "brier": plain(brier), "num_detections": len(found), "num_true": sum(real)}


def _bins(scores: Sequence[float], found: Sequence[Detection], resampling: Resampling) -> list[Plain]:
    """Share of true positives in each bin of score that holds any."""
    bins = []
    place = bins_of(np.array(scores))
    for n in np.unique(place).tolist():
        inside = [(score, d) for score, d, at in zip(scores, found, place, strict=True) if at == n]
        share = resampling.mean([float(d.is_true) for _, d in inside], [d.patient for _, d in inside], SHARE)
        bins.append(
            {
                "from": n / NUM_BINS,
                "to": (n + 1) / NUM_BINS,
                "num_detections": len(inside),
                "mean_score": float(np.mean([score for score, _ in inside])),
                "share_true": plain(share),
            }
        )
    return bins
