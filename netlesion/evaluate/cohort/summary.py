"""All rows of a cohort -> its summary: every number with the patients it rests on and its interval.

Takes `CaseResult`s and returns a plain dict that can be written as JSON; a number that does not exist is None and
says why in its note. Knows nothing about files, or how an interval is made (`interval`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from netlesion.errors import CohortError, ConfigError
from netlesion.evaluate.case.challenge import hecktor_dice_aggregated, hecktor_f1_aggregated
from netlesion.evaluate.case.detection import panoptic_weight
from netlesion.evaluate.case.localise import RANKS, TAUS, hit_at, is_quiet, lroc_areas, reciprocal_rank
from netlesion.evaluate.case.result import COLUMNS, GROUP_OF, TASKS, CaseResult
from netlesion.evaluate.cohort.discrimination import discrimination
from netlesion.evaluate.cohort.froc import BAND_RATES, FROC_RATES, DetectionTable
from netlesion.evaluate.cohort.interval import COUNT, SHARE, Resampling, exact_interval, plain
from netlesion.evaluate.cohort.reliability import score_reliability
from netlesion.evaluate.cohort.volume_agreement import volume_agreement
from netlesion.statistics import NUM_RESAMPLES
from netlesion.statistics.calibration import Recalibration
from netlesion.statistics.estimate import join_notes
from netlesion.statistics.ratios import AGREE, EXACT_OF_PATIENTS, few_patients

Plain = dict[str, Any]


def summarise(
    results: Sequence[CaseResult],
    seed: int,
    *,
    num_resamples: int = NUM_RESAMPLES,
    remark: str = "",
    tasks: Sequence[str] = TASKS,
    recalibration: Recalibration | None = None,
) -> Plain:
    """Means over cases, pooled rates and curves; plain JSON values. remark goes into the note of every number.

    Raises CohortError for no case or a case given twice, ConfigError for cases matched under different settings.
    """
    require_one_cohort(results)
    resampling = Resampling(seed, num_resamples, remark)
    patients = [r.patient for r in results]
    summary: Plain = {
        "num_cases": len(results),
        "num_patients": len(set(patients)),
        "mean": {
            column: plain(resampling.mean([getattr(r, column) for r in results], patients, _range_of(column)))
            for column, group in GROUP_OF.items()
            if group in tasks
        },
        "interval": resampling.facts(),
        "match_settings": asdict(results[0].settings),
    }
    if "segmentation" in tasks:
        summary["segmentation"] = _segmentation(results, patients, resampling)
    if "challenge" in tasks:
        summary["challenge"] = _challenge(results, patients, resampling)
    if "detection" in tasks:
        summary |= _detection(results, patients, resampling)
        summary["froc"] = _froc(results, resampling)
        summary["discrimination"] = discrimination(results, resampling)
        summary |= score_reliability(results, resampling, recalibration)
        summary["localisation"] = _localisation(results, resampling)
    return summary


def _range_of(column: str) -> tuple[float, float]:
    """What a mean of this column can be: shares end at 1; ratios, counts, volumes and distances have no end."""
    return SHARE if COLUMNS[column]["Units"] == "1" and "ratio" not in column and "num" not in column else COUNT


def require_one_cohort(results: Sequence[CaseResult]) -> None:
    """Raises unless there are cases, each once, all matched under the same settings."""
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


def _segmentation(results: Sequence[CaseResult], patients: list[str], resampling: Resampling) -> Plain:
    """Aggregated Dice weighs voxels alike, the mean weighs cases alike; agreement of volumes."""
    tops = [2 * r.volume_shared_ml for r in results]
    bottoms = [r.volume_reference_ml + r.volume_prediction_ml for r in results]
    return {
        "dice_aggregated": plain(resampling.ratio(tops, bottoms, patients)),
        "volume_agreement": _agreement(results, "volume", "ml", patients, resampling),
        "tlsre_agreement": _agreement(results, "tlsre", "g", patients, resampling),
        "empty_masks": {
            "both": sum(r.volume_reference_ml == 0 and r.volume_prediction_ml == 0 for r in results),
            "reference_only": sum(r.volume_reference_ml == 0 and r.volume_prediction_ml > 0 for r in results),
            "prediction_only": sum(r.volume_reference_ml > 0 and r.volume_prediction_ml == 0 for r in results),
        },
    }


def _agreement(results: Sequence[CaseResult], name: str, unit: str, patients: list[str], resampling: Resampling):
    """Agreement of one column pair; SUV times volume of several tracers is said to be so, it is one number for each."""
    reference, prediction = ([getattr(r, f"{name}_{s}_{unit}") for r in results] for s in ("reference", "prediction"))
    tracers = sorted({r.tracer for r in results} - {""})
    mixed = f"tracers {', '.join(tracers)} together" if name == "tlsre" and len(tracers) > 1 else ""
    return volume_agreement(reference, prediction, patients, unit, resampling, mixed)


def _challenge(results: Sequence[CaseResult], patients: list[str], resampling: Resampling) -> Plain:
    """Numbers that a challenge makes of a whole cohort: the value as coded there, the interval this project's."""
    if any(np.isnan(r.num_voxels_shared) for r in results):
        return {"not_run": "points have no extent"}
    shared, of_reference, true, wrong = (
        [getattr(r, f"num_{name}") for r in results]
        for name in ("voxels_shared", "voxels_reference", "true_positives", "false_positives")
    )
    predicted, missed = [r.num_voxels_prediction for r in results], [r.num_false_negatives for r in results]
    dice = resampling.ratio(
        [2 * s for s in shared], [g + p for g, p in zip(of_reference, predicted, strict=True)], patients
    )
    f1 = resampling.ratio(
        [2 * t for t in true], [2 * t + w + m for t, w, m in zip(true, wrong, missed, strict=True)], patients
    )
    return {
        "hecktor_dice_aggregated": plain(dice) | {"value": hecktor_dice_aggregated(shared, of_reference, predicted)},
        "hecktor_f1_aggregated": plain(f1) | {"value": hecktor_f1_aggregated(true, wrong, missed)},
    }


def _detection(results: Sequence[CaseResult], patients: list[str], resampling: Resampling) -> Plain:
    rows = [(r.num_true_positives, r.num_false_positives, r.num_false_negatives) for r in results]
    ratio: Callable[..., Plain] = lambda tops, bottoms: plain(resampling.ratio(tops, bottoms, patients))  # noqa: E731
    false_positives = Counter(dict.fromkeys(patients, 0))
    lesion_free = [r for r in results if not r.num_lesions_reference and not r.num_dont_care]
    with_lesion = [r for r in results if r.num_lesions_reference]
    for r in results:
        false_positives[r.patient] += r.num_false_positives
    of_masks = [(r.patient, r.panoptic) for r in results if r.panoptic is not None]
    return {
        "pooled_lesion_sensitivity": ratio([tp for tp, _, _ in rows], [r.num_lesions_reference for r in results]),
        "pooled_lesion_ppv": ratio([tp for tp, _, _ in rows], [tp + fp for tp, fp, _ in rows]),
        "pooled_lesion_f1": ratio([2 * tp for tp, _, _ in rows], [2 * tp + fp + fn for tp, fp, fn in rows]),
        "pooled_panoptic_quality": plain(
            resampling.ratio(
                [counts.sum_iou for _, counts in of_masks],
                [panoptic_weight(counts) for _, counts in of_masks],
                [patient for patient, _ in of_masks],
            )
        ),
        "false_positives_per_patient": plain(
            resampling.mean(list(false_positives.values()), list(false_positives), COUNT)
        ),
        "false_positives_per_case": plain(resampling.mean([r.num_false_positives for r in results], patients, COUNT)),
        "case_sensitivity": plain(
            resampling.share([r.num_lesions_prediction > 0 for r in with_lesion], [r.patient for r in with_lesion])
        ),
        "case_specificity": plain(
            resampling.share([r.num_lesions_prediction == 0 for r in lesion_free], [r.patient for r in lesion_free])
        ),
        "counts": {
            name: sum(getattr(r, name) for r in results)
            for name, entry in COLUMNS.items()
            if name.startswith("num_") and GROUP_OF[name] == "detection"
        },
    }


def _froc(results: Sequence[CaseResult], resampling: Resampling) -> Plain:
    """FROC, AFROC, JAFROC and AP over the scores; a reason instead, where any case has none."""
    scored = [r.detections for r in results if r.detections is not None]
    if len(scored) < len(results):
        without = len(results) - len(scored)
        return {"not_run": f"{without} of {len(results)} cases have no score (no probability map or rating)"}
    table = DetectionTable(scored)

    def numbers(weights: np.ndarray) -> np.ndarray:
        sensitivities = table.sensitivities_at((*FROC_RATES, *BAND_RATES), weights)
        areas = (table.average_precisions(weights), table.jafrocs(weights), table.jafrocs(weights, weighted=True))
        return np.column_stack([sensitivities[:, : len(FROC_RATES)].mean(axis=1), *areas, sensitivities])

    found = [plain(e) for e in resampling.statistics(numbers, len(table.patients))]
    names = ("froc_score", "average_precision", "jafroc", "weighted_jafroc")
    curve, afroc = table.froc(), table.afroc()
    normal = {"num_normal_cases": table.num_normal_cases, "num_normal_patients": table.num_normal_patients}
    for entry in found[2:4]:
        entry |= normal
        if entry["value"] is None:
            entry["note"] = "; ".join(filter(None, [entry["note"], "needs lesion-free cases and lesions"]))
    start = len(names)
    return {
        **dict(zip(names, found, strict=False)),
        "sensitivity_at": {
            f"{rate:g}": entry for rate, entry in zip(FROC_RATES, found[start : start + len(FROC_RATES)], strict=True)
        },
        "band": [
            {"false_positives_per_case": rate, **{k: entry[k] for k in ("value", "low", "high")}}
            for rate, entry in zip(BAND_RATES, found[start + len(FROC_RATES) :], strict=True)
        ],
        "curve": _points(curve, "false_positives_per_case"),
        "afroc": _points(afroc, "share_of_normal_cases") if table.num_normal_cases else None,
        "num_lesions": table.num_lesions,
        **normal,
        "rule": "step curve without interpolation; x is false positives per case over all cases",
    }


#: More points than this of a curve are thinned before they are written; the numbers use all of them.
_CURVE_POINTS = 400


def _points(curve, x_name: str) -> Plain:
    if np.isnan(curve.x_T).any() or np.isnan(curve.sensitivity_T).any():
        return {x_name: [], "sensitivity": [], "threshold": []}
    kept = np.unique(np.linspace(0, len(curve.x_T) - 1, _CURVE_POINTS).astype(int))
    return {
        x_name: curve.x_T[kept].tolist(),
        "sensitivity": curve.sensitivity_T[kept].tolist(),
        "threshold": [None if np.isinf(t) else float(t) for t in curve.threshold_T[kept]],
    }


def _localisation(results: Sequence[CaseResult], resampling: Resampling) -> Plain:
    """The culprit questions of clinical.md 6.5, over cases; patients are resampled by culprit present or not."""
    found = [r.candidates for r in results if r.candidates is not None]
    if len(found) < len(results):
        return {"not_run": "cases without a score cannot be ranked (no probability map or rating)"}
    patients = sorted({c.patient for c in found})
    owner = np.array([patients.index(c.patient) for c in found])
    culprit = [any(c.has_culprit for c in found if c.patient == p) for p in patients]
    values = {f"hit_at_{k}": [hit_at(c, k) for c in found] for k in RANKS}
    values["mean_reciprocal_rank"] = [reciprocal_rank(c) for c in found]
    values |= {f"specificity_below_{tau:g}": [is_quiet(c, tau) for c in found] for tau in TAUS}
    matrix = np.array(list(values.values()))
    tops = [c.top for c in found]
    there, known = ~np.isnan(matrix), np.nan_to_num(matrix)

    def numbers(weights: np.ndarray) -> np.ndarray:
        each = weights[:, owner]
        total = each @ there.T
        means = np.divide(each @ known.T, total, out=np.full(total.shape, np.nan), where=total > 0)
        return np.column_stack([means, lroc_areas(tops, each)])

    estimates = resampling.statistics(numbers, len(patients), culprit)
    rests_on = [*(len(set(owner[row].tolist())) for row in there), len(patients)]
    summary: Plain = {
        name: plain(replace(e, n=n, note=join_notes(e.note, "" if n == len(patients) else few_patients(n))))
        for name, e, n in zip([*values, "lroc_area"], estimates, rests_on, strict=True)
    }
    with_culprit = [c for c in found if c.has_culprit]
    for name in (f"hit_at_{k}" for k in RANKS):
        hits = [v for v in values[name] if not np.isnan(v)]
        one_each = len({c.patient for c in with_culprit}) == len(with_culprit)
        exact = exact_interval(int(sum(hits)), len(hits)) if one_each else None
        summary[name] |= {"exact_interval": exact, "num_hits": int(sum(hits)), "num_cases": len(hits)}
        if exact is not None and summary[name]["low"] is None:
            kept = [part for part in summary[name]["note"].split("; ") if part not in ("", AGREE, few_patients(1))]
            summary[name] |= {"low": exact[0], "high": exact[1], "note": join_notes(*kept, EXACT_OF_PATIENTS)}
    return summary | {
        "num_cases_with_culprit": len(with_culprit),
        "num_cases_without_culprit": len(found) - len(with_culprit),
        "rule": "hit: a shared voxel, or the centroid within 10 mm; any non-empty reference is a culprit",
    }
