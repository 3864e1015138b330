"""Did the ranking put the culprit on top? Hits at rank k, reciprocal ranks and LROC, case by case.

For tumour-induced osteomalacia one lesion, or none, is the answer: candidates are ranked by confidence within a
case, and a candidate hits when it overlaps the culprit or its centroid lies within 10 mm of it. Knows nothing
about images beyond that; takes candidates with their scores.

Candidates that tie share their mean rank; a top rank that ties counts the fraction of hits among those that tie.
Source: clinical.md 6.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

HIT_TOLERANCE_MM = 10.0
RANKS = (1, 3, 5)
#: Thresholds [P] at which specificity is written.
TAUS = (0.5, 0.7, 0.9)


@dataclass(frozen=True)
class TopCandidate:
    """What LROC and H@k need of a case: whether there is a culprit, the highest score, and how well it was found.

    hit: share of hits at the highest score. reciprocal_rank: of the first hit, NaN without a culprit.
    """

    has_culprit: bool
    score: float
    hit: float
    reciprocal_rank: float


@dataclass(frozen=True)
class CaseCandidates:
    """Every candidate of a case: its score, and whether it hits. has_culprit: the reference is not empty."""

    case: str
    patient: str
    has_culprit: bool
    scores: tuple[float, ...]
    hits: tuple[bool, ...]

    @property
    def first_hit_rank(self) -> float:
        """The (mean) rank of the best candidate that hits, from 1; infinite when none does."""
        if not any(self.hits):
            return float("inf")
        best = max(score for score, hit in zip(self.scores, self.hits, strict=True) if hit)
        return sum(s > best for s in self.scores) + (sum(s == best for s in self.scores) + 1) / 2

    @property
    def top(self) -> TopCandidate:
        return TopCandidate(self.has_culprit, self.top_score, self.top_hit, reciprocal_rank(self))

    @property
    def top_score(self) -> float:
        return max(self.scores, default=float("-inf"))

    @property
    def top_hit(self) -> float:
        """Share of hits among the candidates of the highest score; 0 without any."""
        top = [hit for score, hit in zip(self.scores, self.hits, strict=True) if score == self.top_score]
        return float(np.mean(top)) if top else 0.0


def hit_at(case: CaseCandidates, k: int) -> float:
    """1 when one of the first k candidates hits; NaN for a case without a culprit."""
    return float(case.first_hit_rank <= k) if case.has_culprit else float("nan")


def reciprocal_rank(case: CaseCandidates) -> float:
    """1 / rank of the first hit, 0 without one; NaN for a case without a culprit."""
    return 1.0 / case.first_hit_rank if case.has_culprit else float("nan")


def is_quiet(case: CaseCandidates, tau: float) -> float:
    """For specificity: 1 when every score is below tau; NaN for a case with a culprit."""
    return float("nan") if case.has_culprit else float(case.top_score < tau)


def lroc_areas(cases: Sequence[TopCandidate], weights_RC: np.ndarray) -> np.ndarray:
    """(R,) chance that a case with a culprit is rated above one without (ties 1/2) and its top candidate hits.

    weights_RC: how often each case is in each sample. NaN unless there are cases of both kinds.
    """
    culprit = np.array([c.has_culprit for c in cases], dtype=bool)
    top = np.array([c.score for c in cases], dtype=float)
    credit = np.array([c.hit for c in cases], dtype=float)
    above, below = weights_RC[:, culprit], weights_RC[:, ~culprit]
    with_, without = top[culprit][:, None], top[~culprit][None]
    psi = np.where(with_ > without, 1.0, np.where(with_ == without, 0.5, 0.0)) * credit[culprit][:, None]
    total = above.sum(axis=1) * below.sum(axis=1)
    return np.divide(((above @ psi) * below).sum(axis=1), total, out=np.full(len(total), np.nan), where=total > 0)


def lroc_area(cases: Sequence[CaseCandidates], weights_C: np.ndarray | None = None) -> float:
    """The same of one sample, of the cases themselves when no weights are given."""
    weights = np.ones(len(cases)) if weights_C is None else np.asarray(weights_C, dtype=float)
    return float(lroc_areas([c.top for c in cases], weights[np.newaxis])[0])
