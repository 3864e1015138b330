"""FROC score, JAFROC and LROC of two models on the same patients: figures of the comparison that need scores.

Takes what `evaluation_folder` read of both; returns `Curve`s. Both models share each resample of patients. Scores
of the two need not mean the same: only their order within a model counts. Knows nothing about files.

LROC and the hit at rank 1 are asked where every case has one reference lesion or none (a culprit, clinical.md 6.5).
Source: clinical.md 8.2, 8.4.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from netlesion.evaluate.case.detections import CaseDetections
from netlesion.evaluate.case.localise import TopCandidate, lroc_areas
from netlesion.evaluate.cohort.froc import FROC_RATES, DetectionTable
from netlesion.statistics.bootstrap import NUM_RESAMPLES, Statistic
from netlesion.statistics.estimate import Comparison, join_notes
from netlesion.statistics.paired_bootstrap import compare_statistics
from netlesion.statistics.paired_proportions import CLUSTERED_MCNEMAR, clustered_mcnemar
from netlesion.statistics.ratios import compare_ratios

#: Figure -> what it is.
FROC_FIGURES = {
    "froc_score": "FROC score, mean sensitivity at 1/8 to 8 false positives per case",
    "jafroc": "JAFROC, chance that a lesion is rated above the highest mark of a lesion-free case",
}
CULPRIT_FIGURES = {
    "lroc_area": "LROC area, one culprit or none",
    "hit_at_1": "Culprit hit by the candidate of the highest score / cases with a culprit",
}


@dataclass(frozen=True)
class Curve:
    """One figure of two models."""

    figure: str
    comparison: Comparison


def compare_froc(
    a: Sequence[CaseDetections], b: Sequence[CaseDetections], *, seed: int, num_resamples: int = NUM_RESAMPLES
) -> tuple[Curve, ...]:
    """FROC score, and JAFROC where there are lesion-free cases; nothing without any lesion. Same cases in both."""
    one, other = DetectionTable(a), DetectionTable(b)
    if not one.num_lesions:
        return ()

    def compared(of: Callable[[DetectionTable], Statistic]) -> Comparison:
        return compare_statistics(of(one), of(other), len(one.patients), seed=seed, num_resamples=num_resamples)

    found = [Curve("froc_score", compared(_froc_score))]
    if one.num_normal_cases:
        jafroc = compared(lambda table: table.jafrocs)
        normal = f"{one.num_normal_cases} lesion-free cases, {one.num_normal_patients} lesion-free patients"
        difference = dataclasses.replace(jafroc.difference, note=join_notes(normal, jafroc.difference.note))
        found.append(Curve("jafroc", dataclasses.replace(jafroc, difference=difference)))
    return tuple(found)


def compare_culprits(
    a: Sequence[TopCandidate],
    b: Sequence[TopCandidate],
    patients: Sequence[str],
    *,
    seed: int,
    num_resamples: int = NUM_RESAMPLES,
) -> tuple[Curve, ...]:
    """LROC area and hits at rank 1; patients (C,) of each case. Nothing without a culprit, no LROC without a case
    that has none. Patients are resampled by culprit present or not.
    """
    culprit = np.array([case.has_culprit for case in a], dtype=bool)
    if not culprit.any():
        return ()
    ids, owner = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    found = []
    if not culprit.all():
        strata = np.bincount(owner, culprit, minlength=len(ids)) > 0
        area = compare_statistics(
            lambda weights: lroc_areas(a, weights[:, owner]),
            lambda weights: lroc_areas(b, weights[:, owner]),
            len(ids),
            seed=seed,
            num_resamples=num_resamples,
            strata=strata.tolist(),
        )
        found.append(Curve("lroc_area", area))
    hits_a, hits_b = (np.array([float(case.reciprocal_rank >= 1) for case in x])[culprit] for x in (a, b))
    ones, of_culprit = np.ones(len(hits_a)), owner[culprit]
    hit = compare_ratios(
        hits_a, ones, hits_b, ones, ids[of_culprit], seed=seed, num_resamples=num_resamples, proportion=True
    )
    differences = np.bincount(of_culprit, hits_a - hits_b)
    hit = dataclasses.replace(hit, p=clustered_mcnemar(np.round(differences)), test=CLUSTERED_MCNEMAR)
    return (*found, Curve("hit_at_1", hit))


def _froc_score(table: DetectionTable) -> Statistic:
    return lambda weights: table.sensitivities_at(FROC_RATES, weights).mean(axis=1)
