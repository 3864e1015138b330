"""Area under the ROC curve of patient scores, or of lesion scores clustered in patients, for one or two models.

The area is the fraction of (positive, negative) pairs ranked rightly, ties half. Its variance comes from placement
values: how each score ranks against the other class (DeLong, DeLong & Clarke-Pearson, Biometrics 1988;44:837). With
clusters the placement values are summed within each patient first, who may hold both classes (Obuchowski,
Biometrics 1997;53:567); with one score per patient and class that is DeLong's. Knows nothing about images.

The interval of one area is on the logit scale, so that it stays within 0 and 1; that of a difference is symmetric.
A perfect ranking has no variance to estimate: no interval is given. Source: clinical.md 8.4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit, ndtr

from netlesion.errors import CohortError, QuantityError
from netlesion.statistics.arrays import Names, Numbers, Truths
from netlesion.statistics.estimate import CONFIDENCE, Comparison, Estimate, join_notes, normal_quantile

DELONG = "DeLong"
DELONG_INTERVAL = "DeLong, symmetric"
NO_VARIANCE = "perfect ranking: no interval"


@dataclass(frozen=True)
class Areas:
    """Areas of M models on the same scores' owners (M,), their covariance (M, M); n patients."""

    values: np.ndarray
    covariance: np.ndarray
    n: int


def areas(positive: Truths, scores: np.ndarray, patients: Names) -> Areas:
    """Areas and covariance; positive (N,), scores (N, M), patients (N,): rows of one patient form a cluster.

    Without any row of one class the areas are NaN. Raises CohortError for unequal lengths, QuantityError for a NaN.
    """
    truth = np.asarray(positive, dtype=bool)
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 2 or not len(truth) == len(scores) == len(patients):
        raise CohortError(f"{len(truth)} classes, {scores.shape} scores, {len(patients)} patients; expected one a row")
    if np.isnan(scores).any():
        raise QuantityError("a score is NaN, expected a number; give a patient without any lesion the lowest score")
    ids, owner = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    num_positive, num_negative, num_models = int(truth.sum()), int((~truth).sum()), scores.shape[1]
    if not num_positive or not num_negative:
        nothing = np.full((num_models, num_models), np.nan)
        return Areas(nothing[0], nothing, len(ids))
    of_positive = np.column_stack([_placements(s[truth], s[~truth]) for s in scores.T])
    of_negative = np.column_stack([1 - _placements(s[~truth], s[truth]) for s in scores.T])
    values = of_positive.mean(axis=0)
    up, num_up = _residuals(of_positive - values, owner[truth], len(ids))
    down, num_down = _residuals(of_negative - values, owner[~truth], len(ids))
    between = len(ids) / (len(ids) - 1) if len(ids) > 1 else np.nan
    covariance = (
        _inflate(num_up) * up.T @ up / num_positive**2
        + _inflate(num_down) * down.T @ down / num_negative**2
        + between * (up.T @ down + down.T @ up) / (num_positive * num_negative)
    )
    return Areas(values, covariance, len(ids))


def auc(positive: Truths, scores: Numbers, patients: Names | None = None, *, confidence=CONFIDENCE) -> Estimate:
    """Area of one model with its interval; patients: owner of each row, every row its own when not given."""
    found = areas(positive, np.asarray(scores, dtype=np.float64)[:, np.newaxis], _owners(positive, patients))
    return _estimate(found, 0, confidence)


def compare_auc(
    positive: Truths,
    scores_a: Numbers,
    scores_b: Numbers,
    patients: Names | None = None,
    *,
    confidence: float = CONFIDENCE,
) -> Comparison:
    """Areas of two models on the same rows, and A - B with the p of DeLong's test; 1 when the rankings are the same."""
    if len(scores_a) != len(scores_b):
        raise CohortError(f"{len(scores_a)} scores of A and {len(scores_b)} of B; expected one each a row")
    found = areas(positive, np.column_stack([scores_a, scores_b]), _owners(positive, patients))
    a, b = _estimate(found, 0, confidence), _estimate(found, 1, confidence)
    gap = float(found.values[0] - found.values[1])
    contrast = np.array([1.0, -1.0])
    variance = float(contrast @ found.covariance @ contrast)
    if not variance > 1e-14:
        p = 1.0 if gap == 0 else math.nan
        note = join_notes(a.note, "" if math.isnan(gap) else "the models rank alike: no interval")
        return Comparison(a, b, Estimate(gap, math.nan, math.nan, found.n, note), p, DELONG, DELONG_INTERVAL)
    half = normal_quantile(confidence) * math.sqrt(variance)
    difference = Estimate(gap, max(gap - half, -1.0), min(gap + half, 1.0), found.n)
    p = float(2 * ndtr(-abs(gap) / math.sqrt(variance)))
    return Comparison(a, b, difference, p, DELONG, DELONG_INTERVAL)


def _placements(scores: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Fraction of the others below each score, ties half."""
    ranked = np.sort(others)
    return (np.searchsorted(ranked, scores, "left") + np.searchsorted(ranked, scores, "right")) / (2 * len(others))


def _residuals(gaps: np.ndarray, owner: np.ndarray, num_patients: int) -> tuple[np.ndarray, int]:
    """(P, M) sums by patient of placement minus area, and how many patients have any such row."""
    sums = np.zeros((num_patients, gaps.shape[1]))
    np.add.at(sums, owner, gaps)
    return sums, len(np.unique(owner))


def _inflate(clusters: int) -> float:
    return clusters / (clusters - 1) if clusters > 1 else math.nan


def _estimate(found: Areas, model: int, confidence: float) -> Estimate:
    value, variance = float(found.values[model]), float(found.covariance[model, model])
    if math.isnan(value):
        return Estimate(math.nan, math.nan, math.nan, found.n, "only one class: no area")
    if math.isnan(variance):
        return Estimate(value, math.nan, math.nan, found.n, "one patient in a class: no interval")
    if variance <= 1e-14 or value in (0.0, 1.0):
        return Estimate(value, math.nan, math.nan, found.n, NO_VARIANCE)
    half = normal_quantile(confidence) * math.sqrt(variance) / (value * (1 - value))
    return Estimate(value, float(expit(logit(value) - half)), float(expit(logit(value) + half)), found.n)


def _owners(positive: Truths, patients: Names | None) -> Names:
    return [f"{n:09d}" for n in range(len(positive))] if patients is None else patients
