"""Two folders of masks, or a folder and readers' marks -> scored cases and their summary; nothing is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from netlesion.errors import CohortError, ConfigError
from netlesion.evaluate.case.marks import ReaderList, is_reader_table
from netlesion.evaluate.case.result import COLUMNS, columns_of
from netlesion.evaluate.cohort.categories import TABLE, pair_tables, patients_by_case, summarise_categories, table_of
from netlesion.evaluate.cohort.interval import Estimate, Resampling, plain
from netlesion.evaluate.cohort.recalibrate import read_recalibration
from netlesion.evaluate.cohort.regions import region_detection
from netlesion.evaluate.cohort.reliability import Detection, detections_of
from netlesion.evaluate.cohort.score import ALL_TASKS, EvaluationSettings, Scored, partial_remark, score
from netlesion.evaluate.cohort.strata import Stratum, strata
from netlesion.evaluate.cohort.summary import summarise
from netlesion.evaluate.cohort.summary_text import SUMMARY_DICTIONARY
from netlesion.output.provenance import Stopwatch, hash_file


@dataclass(frozen=True, eq=False)
class CohortEvaluation:
    """What an evaluation computed, nothing of it written yet.

    summary: as it will lie in summary.json, but for its provenance. inputs: sha256 of every file by side and case.
    scored: None where only tables of categories were compared. detections: one for each predicted lesion with a score.
    """

    summary: dict[str, Any]
    inputs: Mapping[str, str]
    scored: Scored | None = None
    detections: Sequence[Detection] | None = None


def evaluate_cohort(
    reference: str | Path,
    prediction: str | Path | ReaderList,
    settings: EvaluationSettings,
    seed: int,
    watch: Stopwatch,
) -> CohortEvaluation:
    """Scores every predicted case and summarises the cohort; writes nothing.

    Args:
        reference: a cohort, results, a folder of NIfTI masks, or a table of points.
        prediction: results, a cohort, a folder of masks, or a reader's marks.
        settings: which tasks, which masks, how lesions are matched.
        seed: of the bootstrap.
        watch: gets the seconds of the stages.

    Raises:
        CohortError: where a predicted case has no reference, and for folders that look swapped.
        ConfigError: for settings that the inputs cannot satisfy.
    """
    if settings.tasks == ("categories",):
        return _categories_alone(reference, prediction, seed, settings)
    with watch.stage("cases"):
        scored = score(reference, prediction, settings)
    resampling = Resampling(seed, remark=scored.remark)
    recalibration = None if settings.calibration is None else read_recalibration(settings.calibration)
    detections = detections_of(scored.results, recalibration)
    if recalibration is not None and detections is None:
        raise ConfigError("a calibration was given, and there is no score to recalibrate; leave --calibration out")
    with watch.stage("statistics"):
        summary = summarise(
            scored.results, seed, remark=scored.remark, tasks=settings.tasks, recalibration=recalibration
        )
        parts = strata(scored.results, resampling) if "detection" in settings.tasks else ()
        summary["strata"] = [_plain_stratum(part) for part in parts]
        if "detection" in settings.tasks:
            summary["regions"] = region_detection(scored.results, resampling)
        if "categories" in settings.tasks:
            summary["categories"] = _categories(reference, prediction, settings, resampling)
    summary |= {
        "tasks": list(settings.tasks),
        "desc": scored.desc,
        "part": None if settings.part is None else settings.part.name,
        "complete": not scored.without_prediction,
        "cases_without_prediction": list(scored.without_prediction),
        "unfinished_visits": list(scored.unfinished),
        "partition": dict(scored.partition),
        "remarks": [*_copies(scored), *(f"{r.case}: {line}" for r in scored.results for line in r.remarks)],
        "data_dictionary": {
            "cases": {name: dict(COLUMNS[name]) for name in columns_of(settings.tasks)},
            "summary": SUMMARY_DICTIONARY,
        },
    }
    return CohortEvaluation(summary, scored.hashes, scored, detections if "detection" in settings.tasks else None)


def _categories_alone(
    reference: str | Path, prediction: str | Path | ReaderList, seed: int, settings: EvaluationSettings
) -> CohortEvaluation:
    """Two tables without any mask: the cases that both tables hold."""
    if isinstance(prediction, ReaderList) or Path(reference).suffix.lower() == ".csv":
        raise ConfigError("a list of points holds no categories; give folders, or other tasks")
    tables = [table_of(given) for given in (reference, prediction)]
    if tables[0].resolve() == tables[1].resolve():
        raise CohortError(f"{reference}: given as reference and as prediction; a table agrees with itself")
    of_reference, of_prediction = map(patients_by_case, tables)
    missing = sorted(set(of_reference) - set(of_prediction))
    if settings.part is not None:
        of_reference = {c: p for c, p in of_reference.items() if p in settings.part.patients}
        missing = [case for case in missing if case in of_reference]
    both = [case for case in of_reference if case in of_prediction]
    remark = partial_remark(len(missing), len(both) + len(missing))
    resampling = Resampling(seed, remark=remark)
    summary: dict[str, Any] = {
        "num_cases": len(both),
        "num_patients": len({of_reference[case] for case in both}),
        "mean": {},
        "interval": resampling.facts(),
        "match_settings": asdict(settings.match),
        "categories": _categories(reference, prediction, settings, resampling),
        "strata": [],
        "tasks": list(settings.tasks),
        "desc": None,
        "part": None if settings.part is None else settings.part.name,
        "complete": not missing,
        "cases_without_prediction": missing,
        "unfinished_visits": [],
        "remarks": [],
        "data_dictionary": {"summary": SUMMARY_DICTIONARY},
    }
    hashes = {f"{side}/{t.name}": hash_file(t) for side, t in zip(("reference", "prediction"), tables, strict=True)}
    return CohortEvaluation(summary, hashes)


def _copies(scored: Scored) -> list[str]:
    """What must be said of predictions that are their reference, as files or voxel by voxel."""
    with_lesion = [r for r in scored.results if r.num_lesions_reference]
    pairs = [[scored.hashes.get(f"{side}/{r.case}") for side in ("reference", "prediction")] for r in with_lesion]
    if pairs and all(one == other for one, other in pairs):
        return ["every prediction with a lesion is the file of its reference: such a test is right by construction"]
    if with_lesion and all(
        r.num_voxels_reference == r.num_voxels_prediction == r.num_voxels_shared for r in with_lesion
    ):
        return ["every prediction with a lesion is its reference voxel by voxel: was the reference given twice?"]
    return []


def _categories(
    reference: str | Path, prediction: str | Path | ReaderList, settings: EvaluationSettings, resampling: Resampling
) -> dict[str, Any]:
    """The paired categories; where no side has a table and all tasks were meant, a reason instead."""
    points = is_reader_table(reference) and settings.tasks != ("categories",)
    if isinstance(prediction, ReaderList) or points:
        return {"not_run": "a list of points holds no categories"}
    ours, theirs = table_of(reference), table_of(prediction)
    if not ours.is_file() and not theirs.is_file() and settings.tasks == ALL_TASKS and not settings.category_orders:
        return {"not_run": f"neither folder holds {TABLE}"}
    patients = None if settings.part is None else settings.part.patients
    return summarise_categories(pair_tables(ours, theirs, settings.category_orders, patients), resampling)


def _plain_stratum(part: Stratum) -> dict[str, Any]:
    return {k: plain(v) if isinstance(v, Estimate) else v for k, v in vars(part).items()}
