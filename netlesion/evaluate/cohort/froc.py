"""FROC, AFROC, JAFROC and average precision of a cohort, swept over the confidence of predicted lesions.

Takes one `CaseDetections` per case, judged by `match` with greedy assignment; every number is a function of the
patients' weights, of all resamples at once (R, P), so that intervals can resample patients and two models share
each resample. Splits and don't-cares enter nothing. Knows nothing about images.

FROC     x = false positives per case (over all cases), y = lesion sensitivity; a step curve without interpolation:
         the sensitivity at x is the best of any threshold with at most x, so a perfect detector scores 1.
score    mean sensitivity at 1/8, 1/4, 1/2, 1, 2, 4 and 8 false positives per case
AFROC    x = share of lesion-free cases with a false positive at or above the threshold, y = lesion sensitivity
JAFROC   chance that a lesion is rated above the highest rating of a lesion-free case, ties 1/2, unmarked is -inf;
         weighted: the lesions of one case weigh 1 together
AP       sum of precision times the step in recall, recall over all reference lesions

Source: clinical.md 8.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from netlesion.evaluate.case.detections import CaseDetections

FROC_RATES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
#: What rounding may add to a number of false positives per case.
RATE_TOLERANCE = 1e-12
#: Detections times resamples held at once.
BLOCK_CELLS = 1 << 20
#: Places on the x axis where the band of a figure is drawn.
BAND_RATES = tuple(float(x) for x in np.geomspace(0.03, 16, 40))


@dataclass(frozen=True, eq=False)
class Curve:
    """Operating points from the strictest threshold to the laxest; the first is "nothing is called"."""

    threshold_T: np.ndarray
    x_T: np.ndarray
    sensitivity_T: np.ndarray


class DetectionTable:
    """All cases of a cohort as arrays; patients in alphabetical order, as `patients` lists them."""

    def __init__(self, cases: Sequence[CaseDetections]) -> None:
        self.patients = tuple(sorted({c.patient for c in cases}))
        owner = {patient: n for n, patient in enumerate(self.patients)}
        case_owner = np.array([owner[c.patient] for c in cases], dtype=int)
        self.case_owner_C = case_owner
        self.lesions_C = np.array([len(c.lesion_scores) for c in cases], dtype=float)
        score = np.array([s for c in cases for s in c.scores], dtype=float)
        order = np.argsort(-score, kind="stable")
        self._score = score[order]
        self._true = np.array([t for c in cases for t in c.is_true], dtype=bool)[order]
        self._owner = np.repeat(case_owner, [len(c.scores) for c in cases])[order]
        # a threshold cuts between different scores only: detections that tie come together
        self._last = np.flatnonzero(np.append(self._score[1:] != self._score[:-1], True)) if len(score) else order
        self.empty_C = np.array([not c.lesion_scores and not c.dont_care for c in cases], dtype=bool)
        normal = np.flatnonzero(self.empty_C)
        highest = np.array([max(cases[n].scores, default=-np.inf) for n in normal.tolist()], dtype=float)
        by_rating = np.argsort(highest, kind="stable")
        self._normal_rating, self._normal_owner = highest[by_rating], case_owner[normal][by_rating]
        self._rating = np.array([s for c in cases for s in c.lesion_scores], dtype=float)
        lesion_case = np.repeat(np.arange(len(cases)), self.lesions_C.astype(int))
        self._lesion_owner = case_owner[lesion_case]
        self._lesion_share = 1.0 / self.lesions_C[lesion_case] if len(lesion_case) else np.zeros(0)
        self._below = np.searchsorted(self._normal_rating, self._rating, side="left")
        self._not_above = np.searchsorted(self._normal_rating, self._rating, side="right")
        self._lesions_P = np.bincount(self._lesion_owner, minlength=len(self.patients)).astype(float)
        self._kept_pairs: dict[bool, tuple[np.ndarray, np.ndarray]] = {}

    @property
    def num_normal_cases(self) -> int:
        """Cases without any reference lesion."""
        return len(self._normal_rating)

    @property
    def num_normal_patients(self) -> int:
        """Patients without any reference lesion in all of their cases."""
        with_lesion = set(self.case_owner_C[~self.empty_C].tolist())
        return len(self.patients) - len(with_lesion)

    @property
    def num_lesions(self) -> int:
        return len(self._rating)

    def froc(self, weights_P: np.ndarray | None = None) -> Curve:
        """False positives per case against lesion sensitivity, NaN without any lesion."""
        weights = np.ones(len(self.patients)) if weights_P is None else weights_P
        each = weights[self._owner]
        found = np.cumsum(np.where(self._true, each, 0.0))[self._last]
        wrong = np.cumsum(np.where(self._true, 0.0, each))[self._last]
        lesions, cases = weights[self._lesion_owner].sum(), weights[self.case_owner_C].sum()
        return Curve(
            threshold_T=np.append(np.inf, self._score[self._last]),
            x_T=_over(np.append(0.0, wrong), cases),
            sensitivity_T=_over(np.append(0.0, found), lesions),
        )

    def sensitivities_at(self, rates: Sequence[float], weights_RP: np.ndarray) -> np.ndarray:
        """(R, K): the best sensitivity with at most each of K numbers of false positives per case, in R samples."""
        cases, lesions = weights_RP[:, self.case_owner_C].sum(axis=1), weights_RP @ self._lesions_P
        found = np.zeros((len(weights_RP), len(rates)))
        limits = np.outer(cases, np.asarray(rates) + RATE_TOLERANCE)
        for rows, true, every in self._cumulated(weights_RP):
            wrong = every - true
            # thresholds passed before one false positive too many, and what was found by then
            place = np.stack([np.searchsorted(w, x, side="right") for w, x in zip(wrong, limits[rows], strict=True)])
            hits = np.concatenate([np.zeros((len(true), 1)), true], axis=1)
            found[rows] = np.take_along_axis(hits, place, axis=1)
        return _over(found, np.where(cases > 0, lesions, 0.0)[:, np.newaxis])

    def sensitivity_at(self, rates: Sequence[float], weights_P: np.ndarray | None = None) -> np.ndarray:
        """The same of one sample, of the cohort itself when no weights are given: (K,)."""
        return self.sensitivities_at(rates, self._sample(weights_P))[0]

    def froc_score(self, weights_P: np.ndarray | None = None) -> float:
        """Mean sensitivity at the seven rates."""
        return float(self.sensitivity_at(FROC_RATES, weights_P).mean())

    def average_precisions(self, weights_RP: np.ndarray) -> np.ndarray:
        """(R,) NaN without any reference lesion, 0 when nothing is found."""
        found = np.zeros(len(weights_RP))
        for rows, true, every in self._cumulated(weights_RP):
            precision = np.divide(true, every, out=np.zeros_like(true), where=every > 0)
            found[rows] = (np.diff(true, axis=1, prepend=0.0) * precision).sum(axis=1)
        return _over(found, weights_RP @ self._lesions_P)

    def average_precision(self, weights_P: np.ndarray | None = None) -> float:
        """The same of one sample."""
        return float(self.average_precisions(self._sample(weights_P))[0])

    def afroc(self) -> Curve:
        """Share of lesion-free cases with a false positive against lesion sensitivity; NaN without such cases."""
        marks = np.concatenate([self._rating, self._normal_rating])
        thresholds = np.unique(marks[np.isfinite(marks)])[::-1]
        above = [(self._normal_rating >= t).sum() for t in thresholds]
        found = [(self._rating >= t).sum() for t in thresholds]
        return Curve(
            threshold_T=np.append(np.inf, thresholds),
            x_T=_over(np.append(0.0, above), self.num_normal_cases),
            sensitivity_T=_over(np.append(0.0, found), self.num_lesions),
        )

    def jafrocs(self, weights_RP: np.ndarray, *, weighted: bool = False) -> np.ndarray:
        """(R,) the figure of merit theta; NaN without a lesion-free case or without a lesion."""
        pairs, lesions_P = self._pairs(weighted)
        normals = weights_RP @ np.bincount(self._normal_owner, minlength=len(self.patients))
        return _over(((weights_RP @ pairs) * weights_RP).sum(axis=1), normals * (weights_RP @ lesions_P))

    def jafroc(self, weights_P: np.ndarray | None = None, *, weighted: bool = False) -> float:
        """The same of one sample."""
        return float(self.jafrocs(self._sample(weights_P), weighted=weighted)[0])

    def _sample(self, weights_P: np.ndarray | None) -> np.ndarray:
        return np.ones((1, len(self.patients))) if weights_P is None else np.asarray(weights_P)[np.newaxis]

    def _cumulated(self, weights_RP: np.ndarray) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Blocks of samples: their rows, and (B, T) true and all detections down to each threshold."""
        size = max(1, BLOCK_CELLS // max(1, len(self._score)))
        for start in range(0, len(weights_RP), size):
            rows = slice(start, min(start + size, len(weights_RP)))
            each = weights_RP[rows][:, self._owner]
            every = np.cumsum(each, axis=1)[:, self._last]
            yield rows, np.cumsum(each * self._true, axis=1)[:, self._last], every

    def _pairs(self, weighted: bool) -> tuple[np.ndarray, np.ndarray]:
        """(P, P) sum of psi of the lesions of one patient and the lesion-free cases of another; (P,) lesions."""
        if weighted not in self._kept_pairs:
            num, share = len(self.patients), self._lesion_share if weighted else np.ones(self.num_lesions)
            # lesion-free cases by rising rating: psi of a lesion is 1 for those below it, 1/2 for those that tie
            passed = np.zeros((self.num_normal_cases + 1, num))
            np.cumsum(np.eye(num)[self._normal_owner], axis=0, out=passed[1:])
            pairs = np.zeros((num, num))
            for patient in np.unique(self._lesion_owner):
                of = np.flatnonzero(self._lesion_owner == patient)
                pairs[patient] = share[of] @ (passed[self._below[of]] + passed[self._not_above[of]]) / 2
            self._kept_pairs[weighted] = pairs, np.bincount(self._lesion_owner, share, minlength=num)
        return self._kept_pairs[weighted]


def _over(values: np.ndarray, totals: float | np.ndarray) -> np.ndarray:
    """NaN where there is nothing to divide by."""
    totals = np.broadcast_to(np.asarray(totals, dtype=float), values.shape)
    return np.divide(values, totals, out=np.full(values.shape, np.nan), where=totals > 0)
