"""One case -> one row of numbers; all rows -> a summary with intervals over patients.

Takes reference and predicted label volumes on the native PET grid; returns frozen rows and a plain dict that
can be written as JSON. Knows nothing about files, models or how a prediction was made.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from netlesion.errors import CohortError, ConfigError, NetlesionError
from netlesion.evaluate.challenge import autopet_dice, autopet_fnv_ml, autopet_fpv_ml
from netlesion.evaluate.detection import detection
from netlesion.evaluate.match import match_lesions
from netlesion.evaluate.outcome import DEFAULT_SETTINGS, MatchSettings
from netlesion.evaluate.overlap import dice, foreground_box
from netlesion.evaluate.statistics import (
    CONFIDENCE,
    INTERVAL_METHOD,
    NUM_RESAMPLES,
    Estimate,
    bootstrap_mean,
    bootstrap_proportion,
)
from netlesion.volume import Volume


@dataclass(frozen=True)
class CaseResult:
    """What is said of one case; NaN where a number has no meaning. Columns are explained in COLUMNS."""

    case: str
    patient: str
    dice: float
    autopet_dice: float
    autopet_fpv_ml: float
    autopet_fnv_ml: float
    lesion_sensitivity: float
    lesion_ppv: float
    lesion_f1: float
    num_lesions_reference: int
    num_lesions_prediction: int
    num_true_positives: int
    num_false_positives: int
    num_false_negatives: int
    num_splits: int
    num_merges: int
    volume_reference_ml: float
    volume_prediction_ml: float
    settings: MatchSettings

    def row(self) -> dict[str, str | int | float]:
        """Column -> value, in the order of COLUMNS: the row of a table, without the settings."""
        return {column: getattr(self, column) for column in COLUMNS}


#: The data dictionary of a table of cases (BIDS); its keys are the columns, in order.
COLUMNS: Mapping[str, Mapping[str, str]] = {
    "case": {"Description": "The PET evaluated: patient, session and tracer", "Units": "n/a"},
    "patient": {"Description": "Research id; cases of one patient are resampled together", "Units": "n/a"},
    "dice": {"Description": "Voxel-wise Dice; 1 when both masks are empty, 0 when one is", "Units": "1"},
    "autopet_dice": {"Description": "Voxel-wise Dice as in autoPET III; n/a for an empty reference", "Units": "1"},
    "autopet_fpv_ml": {
        "Description": "Volume of predicted 18-connected components with no voxel in the reference, as in autoPET III",
        "Units": "ml",
    },
    "autopet_fnv_ml": {
        "Description": "Volume of reference 18-connected components with no predicted voxel, as in autoPET III; "
        "n/a for an empty reference",
        "Units": "ml",
    },
    "lesion_sensitivity": {"Description": "Found / all reference lesions; n/a without any", "Units": "1"},
    "lesion_ppv": {"Description": "TP / (TP + FP) of predicted lesions; n/a without any", "Units": "1"},
    "lesion_f1": {"Description": "2 TP / (2 TP + FP + FN); n/a without any lesion at all", "Units": "1"},
    "num_lesions_reference": {"Description": "Reference lesions without don't-cares: TP + FN", "Units": "1"},
    "num_lesions_prediction": {
        "Description": "Predicted lesions without don't-cares: TP + FP + splits",
        "Units": "1",
    },
    "num_true_positives": {"Description": "Reference lesions found, one prediction each", "Units": "1"},
    "num_false_positives": {"Description": "Predicted lesions that found nothing and are no split", "Units": "1"},
    "num_false_negatives": {"Description": "Reference lesions not found", "Units": "1"},
    "num_splits": {"Description": "Further predictions on a lesion already found, neither TP nor FP", "Units": "1"},
    "num_merges": {
        "Description": "Predictions that found one lesion and also cover others, which are missed",
        "Units": "1",
    },
    "volume_reference_ml": {"Description": "Volume of the whole reference mask, don't-cares included", "Units": "ml"},
    "volume_prediction_ml": {"Description": "Volume of the whole predicted mask, don't-cares included", "Units": "ml"},
}


#: Columns that lie between 0 and 1; all others are 0 or more.
SHARES = ("dice", "autopet_dice", "lesion_sensitivity", "lesion_ppv", "lesion_f1")


def evaluate_case(
    case_id: str,
    patient_id: str,
    reference: Volume,
    prediction: Volume,
    probability: Volume | None = None,
    suv: Volume | None = None,
    settings: MatchSettings = DEFAULT_SETTINGS,
) -> CaseResult:
    """Compares one predicted mask with its reference, both LABEL on one grid; either may be empty.

    probability (else suv) says where a predicted lesion points. Raises QuantityError for another quantity and
    GeometryError for another grid; the message names the case.
    """
    try:
        matching = match_lesions(reference, prediction, probability=probability, suv=suv, settings=settings)
    except NetlesionError as error:
        raise type(error)(f"case {case_id}: {error}") from error
    box = foreground_box(reference.array, prediction.array)
    voxels_g, voxels_p = reference.array[box] != 0, prediction.array[box] != 0
    voxel_ml = reference.geometry.voxel_volume_ml
    rates = detection(matching)
    return CaseResult(
        case=case_id,
        patient=patient_id,
        dice=dice(voxels_g, voxels_p),
        autopet_dice=autopet_dice(voxels_g, voxels_p),
        autopet_fpv_ml=autopet_fpv_ml(voxels_g, voxels_p, voxel_volume_ml=voxel_ml),
        autopet_fnv_ml=autopet_fnv_ml(voxels_g, voxels_p, voxel_volume_ml=voxel_ml),
        lesion_sensitivity=rates.sensitivity,
        lesion_ppv=rates.ppv,
        lesion_f1=rates.f1,
        num_lesions_reference=matching.num_reference,
        num_lesions_prediction=matching.num_prediction,
        num_true_positives=matching.num_true_positives,
        num_false_positives=matching.num_false_positives,
        num_false_negatives=matching.num_false_negatives,
        num_splits=matching.num_splits,
        num_merges=matching.num_merges,
        volume_reference_ml=float(voxels_g.sum() * voxel_ml),
        volume_prediction_ml=float(voxels_p.sum() * voxel_ml),
        settings=settings,
    )


def summarise(results: Sequence[CaseResult], seed: int, *, num_resamples: int = NUM_RESAMPLES) -> dict[str, object]:
    """Means over cases, pooled sensitivity and false positives per patient, with the settings; plain JSON values.

    A number that does not exist is None. Raises CohortError for no case or a case given twice, ConfigError for
    cases that were matched under different settings.
    """
    _require_one_cohort(results)
    patients = [r.patient for r in results]
    means = {
        column: _plain(
            bootstrap_mean(
                [getattr(r, column) for r in results], patients, seed=seed, num_resamples=num_resamples
            ).within(0, 1 if column in SHARES else math.inf)
        )
        for column in COLUMNS
        if column not in ("case", "patient")
    }
    pooled = bootstrap_proportion(
        [r.num_true_positives for r in results],
        [r.num_lesions_reference for r in results],
        patients,
        seed=seed,
        num_resamples=num_resamples,
    )
    false_positives = Counter(dict.fromkeys(patients, 0))
    for r in results:
        false_positives[r.patient] += r.num_false_positives
    per_patient = bootstrap_mean(
        list(false_positives.values()), list(false_positives), seed=seed, num_resamples=num_resamples
    ).within(0, math.inf)
    return {
        "num_cases": len(results),
        "num_patients": len(set(patients)),
        "mean": means,
        "pooled_lesion_sensitivity": _plain(pooled),
        "false_positives_per_patient": _plain(per_patient),
        "interval": {
            "method": INTERVAL_METHOD,
            "confidence": CONFIDENCE,
            "num_resamples": num_resamples,
            "seed": seed,
        },
        "match_settings": asdict(results[0].settings),
    }


def _require_one_cohort(results: Sequence[CaseResult]) -> None:
    if not results:
        raise CohortError("no case to summarise, expected at least one; check the list of cases")
    case, times = Counter(r.case for r in results).most_common(1)[0]
    if times > 1:
        raise CohortError(f"case {case} was given {times} times, expected once; remove the copies")
    for r in results:
        if r.settings != results[0].settings:
            raise ConfigError(
                f"case {r.case} was matched under {r.settings}, case {results[0].case} under {results[0].settings}; "
                "evaluate all cases with the same settings"
            )


def _plain(estimate: Estimate) -> dict[str, object]:
    """An estimate as JSON has it: n is the number of patients, and a NaN becomes None."""
    return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in asdict(estimate).items()}
