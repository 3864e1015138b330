"""The figures of a comparison: two models' rows of the same cases -> one line for each figure, with its test.

Each figure has the test that fits it: means and pooled ratios a permutation of the models within patients, lesion
detection an exact McNemar by patients, patients found an exact McNemar, areas of patients DeLong, curves of lesions
(`paired_curves`) a bootstrap of patients; Holm over the whole table. Takes rows; knows nothing about files.
Source: clinical.md 8.3, 8.4.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from netlesion.errors import CohortError
from netlesion.evaluate.case.detections import CaseDetections
from netlesion.evaluate.case.localise import TopCandidate
from netlesion.evaluate.cohort.evaluation_folder import CaseRow, Evaluation
from netlesion.evaluate.compare.paired_curves import (
    CULPRIT_FIGURES,
    FROC_FIGURES,
    compare_culprits,
    compare_froc,
)
from netlesion.statistics.auc import compare_auc
from netlesion.statistics.bootstrap import NUM_RESAMPLES
from netlesion.statistics.estimate import Comparison, join_notes
from netlesion.statistics.multiplicity import holm
from netlesion.statistics.paired_proportions import (
    CLUSTERED_MCNEMAR,
    clustered_mcnemar,
    compare_proportions,
    durkalski_mcnemar,
    obuchowski_mcnemar,
)
from netlesion.statistics.ratios import compare_means, compare_ratios, few_patients

#: Mean over cases; each needs the column of the same name.
MEANS: Mapping[str, str] = {
    "dice": "Dice, mean over cases",
    "autopet_dice": "Dice as in autoPET III, mean over cases",
    "autopet_fpv_ml": "False positive volume as in autoPET III, ml, mean over cases",
    "autopet_fnv_ml": "False negative volume as in autoPET III, ml, mean over cases",
}


#: Figures that lie between 0 and 1; the other means are 0 or more.
SHARES = ("dice", "autopet_dice")


@dataclass(frozen=True)
class Paired:
    """Columns of both models for the same cases (N,), the patient of each, and what each says of scores, if it does.

    scores: the highest of each case. detections, tops: what curves and LROC need of each case.
    """

    patients: tuple[str, ...]
    a: Mapping[str, np.ndarray]
    b: Mapping[str, np.ndarray]
    scores_a: np.ndarray | None = None
    scores_b: np.ndarray | None = None
    detections_a: tuple[CaseDetections, ...] | None = None
    detections_b: tuple[CaseDetections, ...] | None = None
    tops_a: tuple[TopCandidate, ...] | None = None
    tops_b: tuple[TopCandidate, ...] | None = None

    def has(self, *columns: str) -> bool:
        return all(column in self.a and column in self.b for column in columns)

    def by_patient(self, values: np.ndarray, combine: np.ufunc = np.add) -> np.ndarray:
        """One value for each patient, by sorted id: the sum of its cases, or another ufunc's."""
        ids, owner = np.unique(self.patients, return_inverse=True)
        out = np.full(len(ids), -np.inf if combine is np.maximum else 0.0)
        combine.at(out, owner, values)
        return out


@dataclass(frozen=True)
class FigureRow:
    """One line of the table. p_holm: p corrected for all lines. other_p: further tests by name, outside of Holm."""

    figure: str
    description: str
    comparison: Comparison
    p_holm: float = math.nan
    other_p: Mapping[str, float] = field(default_factory=dict)


def pair(a: Evaluation, b: Evaluation) -> Paired:
    """Columns of the same cases in the same order; raises CohortError when cases or their patients differ."""
    if [(r.case, r.patient) for r in a.cases] != [(r.case, r.patient) for r in b.cases]:
        raise CohortError("the rows are of different cases or patients, expected the same in the same order")
    scores_a, scores_b = (
        None if x.scores is None else np.array([x.scores[row.case] for row in x.cases]) for x in (a, b)
    )
    return Paired(
        tuple(row.patient for row in a.cases),
        _columns(a.cases),
        _columns(b.cases),
        scores_a,
        scores_b,
        a.detections,
        b.detections,
        a.tops,
        b.tops,
    )


def compare_figures(
    paired: Paired, *, seed: int, num_resamples: int = NUM_RESAMPLES, also: Sequence[str] = (), note: str = ""
) -> tuple[FigureRow, ...]:
    """Every figure whose columns both models have, and the mean over cases of the columns in `also`.

    note: what every row must say (a partial cohort); a row of few patients says so as well. Raises CohortError for a
    column of `also` that one of them lacks.
    """
    rows = []
    for column in (*MEANS, *(c for c in dict.fromkeys(also) if c not in MEANS)):
        if paired.has(column):
            found = compare_means(
                paired.a[column], paired.b[column], paired.patients, seed=seed, num_resamples=num_resamples
            )
            found = _cut(found, 1 if column in SHARES else math.inf) if column in MEANS else found
            rows.append(FigureRow(column, MEANS.get(column, f"{column}, mean over cases"), found))
        elif column in also:
            raise CohortError(f"column {column} is not in both tables; there are {', '.join(_shared(paired))}")
    for figure in (_aggregated_dice, _sensitivity, _ppv, _f1, _false_positives, *_PATIENTS):
        row = figure(paired, seed, num_resamples)
        if row is not None:
            rows.append(row)
    rows += _curves(paired, seed, num_resamples)
    adjusted = holm([row.comparison.p for row in rows])
    return tuple(_noted(row, p, note) for row, p in zip(rows, adjusted, strict=True))


def _noted(row: FigureRow, p_holm: float, note: str) -> FigureRow:
    gap = row.comparison.difference
    told = gap.note if few_patients(gap.n) in gap.note else join_notes(gap.note, few_patients(gap.n))
    difference = dataclasses.replace(gap, note=join_notes(note, told))
    return dataclasses.replace(
        row, p_holm=p_holm, comparison=dataclasses.replace(row.comparison, difference=difference)
    )


def _ratio(paired: Paired, top: Callable, bottom: Callable, seed: int, num_resamples: int, proportion: bool):
    sums = (top(paired.a), bottom(paired.a), top(paired.b), bottom(paired.b))
    return compare_ratios(*sums, paired.patients, seed=seed, num_resamples=num_resamples, proportion=proportion)


def _aggregated_dice(paired: Paired, seed: int, num_resamples: int) -> FigureRow | None:
    if not paired.has("dice", "volume_reference_ml", "volume_prediction_ml"):
        return None

    def volume(table):
        return table["volume_reference_ml"] + table["volume_prediction_ml"]

    found = _ratio(paired, lambda t: t["dice"] * volume(t), volume, seed, num_resamples, True)
    return FigureRow("dice_aggregated", "Dice of all cases taken together, by volume", found)


def _sensitivity(paired: Paired, seed: int, num_resamples: int) -> FigureRow | None:
    if not paired.has("num_true_positives", "num_lesions_reference"):
        return None
    hits, total = "num_true_positives", "num_lesions_reference"
    found = _ratio(paired, lambda t: t[hits], lambda t: t[total], seed, num_resamples, True)
    sizes = paired.by_patient(paired.a[total])
    differences = paired.by_patient(paired.a[hits] - paired.b[hits])[sizes > 0]
    found = dataclasses.replace(
        found, p=clustered_mcnemar(differences) if found.a.n else math.nan, test=CLUSTERED_MCNEMAR
    )
    others = {
        "Obuchowski 1998": obuchowski_mcnemar(differences),
        "Durkalski 2003": durkalski_mcnemar(differences, sizes[sizes > 0]),
    }
    return FigureRow("lesion_sensitivity", "Lesions found / all reference lesions, pooled", found, other_p=others)


def _ppv(paired: Paired, seed: int, num_resamples: int) -> FigureRow | None:
    if not paired.has("num_true_positives", "num_false_positives"):
        return None
    hits, false = "num_true_positives", "num_false_positives"
    found = _ratio(paired, lambda t: t[hits], lambda t: t[hits] + t[false], seed, num_resamples, True)
    return FigureRow("lesion_ppv", "TP / (TP + FP) of predicted lesions, pooled", found)


def _f1(paired: Paired, seed: int, num_resamples: int) -> FigureRow | None:
    hits, false, missed = "num_true_positives", "num_false_positives", "num_false_negatives"
    if not paired.has(hits, false, missed):
        return None
    found = _ratio(
        paired, lambda t: 2 * t[hits], lambda t: 2 * t[hits] + t[false] + t[missed], seed, num_resamples, True
    )
    return FigureRow("lesion_f1", "2 TP / (2 TP + FP + FN), pooled", found)


def _false_positives(paired: Paired, seed: int, num_resamples: int) -> FigureRow | None:
    if not paired.has("num_false_positives"):
        return None
    a, b = (paired.by_patient(table["num_false_positives"]) for table in (paired.a, paired.b))
    found = compare_means(a, b, np.unique(paired.patients), seed=seed, num_resamples=num_resamples)
    return FigureRow("false_positives_per_patient", "False positive lesions per patient", _cut(found, math.inf))


def _patient_sensitivity(paired: Paired, seed: int, num_resamples: int) -> FigureRow | None:
    if not paired.has("num_true_positives", "num_lesions_reference"):
        return None
    with_lesion = paired.by_patient(paired.a["num_lesions_reference"]) > 0
    a, b = (paired.by_patient(table["num_true_positives"])[with_lesion] > 0 for table in (paired.a, paired.b))
    found = compare_proportions(a, b)
    return FigureRow("patient_sensitivity", "Patients with a lesion found / patients with lesions", found)


def _patient_specificity(paired: Paired, seed: int, num_resamples: int) -> FigureRow | None:
    if not paired.has("num_lesions_prediction", "num_lesions_reference"):
        return None
    lesion_free = _lesion_free(paired)
    a, b = (paired.by_patient(table["num_lesions_prediction"])[lesion_free] == 0 for table in (paired.a, paired.b))
    found = compare_proportions(a, b)
    return FigureRow("patient_specificity", "Patients without a prediction / patients without lesion", found)


def _patient_auc(paired: Paired, seed: int, num_resamples: int) -> FigureRow | None:
    if paired.scores_a is None or paired.scores_b is None or not paired.has("num_lesions_reference"):
        return None
    with_lesion, lesion_free = paired.by_patient(paired.a["num_lesions_reference"]) > 0, _lesion_free(paired)
    clear = with_lesion | lesion_free
    a, b = (paired.by_patient(s, np.maximum)[clear] for s in (paired.scores_a, paired.scores_b))
    return FigureRow(
        "patient_auc", "Area under the ROC curve of a patient's highest score", compare_auc(with_lesion[clear], a, b)
    )


def _curves(paired: Paired, seed: int, num_resamples: int) -> list[FigureRow]:
    found = []
    if paired.detections_a is not None and paired.detections_b is not None:
        found += compare_froc(paired.detections_a, paired.detections_b, seed=seed, num_resamples=num_resamples)
    if paired.tops_a is not None and paired.tops_b is not None and _one_culprit(paired):
        found += compare_culprits(paired.tops_a, paired.tops_b, paired.patients, seed=seed, num_resamples=num_resamples)
    return [FigureRow(x.figure, (FROC_FIGURES | CULPRIT_FIGURES)[x.figure], x.comparison) for x in found]


def _one_culprit(paired: Paired) -> bool:
    """Whether no case has more than one reference lesion, counted or too small to count."""
    columns = [paired.a[name] for name in ("num_lesions_reference", "num_dont_care") if name in paired.a]
    return len(columns) == 2 and bool((np.sum(columns, axis=0) <= 1).all())


_PATIENTS = (_patient_sensitivity, _patient_specificity, _patient_auc)


def _lesion_free(paired: Paired) -> np.ndarray:
    """Patients without any reference lesion, also none too small to count, where volumes are known."""
    empty = paired.by_patient(paired.a["num_lesions_reference"]) == 0
    if "volume_reference_ml" in paired.a:
        empty &= paired.by_patient(paired.a["volume_reference_ml"]) == 0
    return empty


def _cut(found: Comparison, highest: float) -> Comparison:
    """Intervals of a figure from 0 to `highest`, and of its difference, cut to what they can be."""
    a, b = (estimate.within(0, highest) for estimate in (found.a, found.b))
    return dataclasses.replace(found, a=a, b=b, difference=found.difference.within(-highest, highest))


def _columns(rows: Sequence[CaseRow]) -> dict[str, np.ndarray]:
    names = dict.fromkeys(name for row in rows for name in row.numbers)
    columns = {name: np.array([row.numbers.get(name, math.nan) for row in rows]) for name in names}
    return {name: values for name, values in columns.items() if not np.isnan(values).all()}


def _shared(paired: Paired) -> list[str]:
    return [name for name in paired.a if name in paired.b]
