"""Two folders of masks, or a folder and readers' marks -> tables, a summary, a page and a reporting record.

Cases are paired by name. A prediction without a reference is an error; a reference without a prediction (a
model run on its test part, a visit that failed) is not scored: it is counted and named in the summary, and the note
of every number says that the cohort is partial. Cases run in processes of their own (`jobs`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from netlesion.atomic import write_json
from netlesion.errors import CohortError, ConfigError
from netlesion.evaluate.case_result import COLUMNS, TASKS, CaseFacts, CaseResult, columns_of
from netlesion.evaluate.categories import TABLE, pair_tables, summarise_categories
from netlesion.evaluate.cohort_facts import CohortFacts, read_cohort_facts
from netlesion.evaluate.interval import Estimate, Resampling, plain
from netlesion.evaluate.jobs import Job, run_jobs
from netlesion.evaluate.lesion_rows import LESION_COLUMNS
from netlesion.evaluate.lesion_table import LesionFacts, read_lesion_facts
from netlesion.evaluate.outcome import DEFAULT_SETTINGS, MatchSettings
from netlesion.evaluate.page import write_page
from netlesion.evaluate.point_reference import read_reference_points
from netlesion.evaluate.readers import Marks, ReaderList, is_reader_table
from netlesion.evaluate.recalibrate import DETECTIONS, read_recalibration
from netlesion.evaluate.reference_standard import (
    LesionReference,
    ReferenceStandard,
    parse_standard,
    require_independent,
)
from netlesion.evaluate.reliability import DETECTION_COLUMNS, detections_of
from netlesion.evaluate.reporting import reporting_record
from netlesion.evaluate.strata import Stratum, strata
from netlesion.evaluate.summary import summarise
from netlesion.evaluate.summary_text import SUMMARY_DICTIONARY
from netlesion.evaluate.tables import write_table
from netlesion.evaluate.worst import worst_cases
from netlesion.io.cohort import REFERENCE_DESC
from netlesion.io.masks import MaskFile, MaskFolder, open_masks, patient_of
from netlesion.provenance import Stopwatch, provenance

ALL_TASKS = (*TASKS, "categories")


@dataclass(frozen=True)
class EvaluationSettings:
    """What is evaluated and how; written into the summary.

    reference_standard: of the lesions for which the table names none. category_orders: classes, lowest first.
    calibration: file of `netlesion calibrate`. workers: processes, None for one per core.
    """

    tasks: tuple[str, ...] = ALL_TASKS
    desc: str = REFERENCE_DESC
    prediction_desc: str = REFERENCE_DESC
    match: MatchSettings = DEFAULT_SETTINGS
    cohort: Path | None = None
    lesion_table: Path | None = None
    reference_standard: ReferenceStandard = ReferenceStandard.UNKNOWN
    category_orders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    calibration: Path | None = None
    workers: int | None = None

    def __post_init__(self) -> None:
        unknown = [task for task in self.tasks if task not in ALL_TASKS]
        if unknown or not self.tasks:
            raise ConfigError(f"tasks are {', '.join(self.tasks) or 'none'}; expected some of {', '.join(ALL_TASKS)}")
        if self.workers is not None and self.workers < 1:
            raise ConfigError(f"workers is {self.workers}, expected at least 1")


@dataclass(frozen=True)
class Scored:
    """The rows of a cohort, the jobs they came from, and what was left out and why."""

    results: tuple[CaseResult, ...]
    jobs: tuple[Job, ...]
    hashes: Mapping[str, str]
    without_prediction: tuple[str, ...]
    unfinished: tuple[str, ...]
    desc: str | None
    cohort: CohortFacts = field(default_factory=CohortFacts)
    checkpoints: tuple[str, ...] = ()

    @property
    def remark(self) -> str:
        """What every number of a partial cohort must say; empty for a whole one."""
        missing, total = len(self.without_prediction), len(self.results) + len(self.without_prediction)
        if not missing:
            return ""
        return f"partial cohort: {missing} of {total} reference cases have no prediction and are not scored"


def evaluate_folders(
    reference: str | Path,
    prediction: str | Path | ReaderList,
    out: str | Path,
    desc: str = REFERENCE_DESC,
    seed: int = 0,
    *,
    workers: int | None = None,
    settings: EvaluationSettings | None = None,
) -> dict[str, Any]:
    """Scores every predicted case and writes everything into `out`; returns the summary.

    desc chooses the mask of a reference cohort (settings, if given, hold it instead). Raises CohortError when a
    predicted case has no reference, and for folders that look swapped.
    """
    settings = EvaluationSettings(desc=desc, workers=workers) if settings is None else settings
    out, watch = Path(out), Stopwatch()
    for folder in (reference, prediction):
        if not isinstance(folder, ReaderList) and out.resolve() == Path(folder).resolve():
            raise ConfigError(
                f"{out}: is the output and an input; results hold a lesions.tsv of their own, give another"
            )
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
        if "categories" in settings.tasks:
            summary["categories"] = _categories(reference, prediction, settings, resampling)
    summary |= {
        "tasks": list(settings.tasks),
        "desc": scored.desc,
        "complete": not scored.without_prediction,
        "cases_without_prediction": list(scored.without_prediction),
        "unfinished_visits": list(scored.unfinished),
        "remarks": [*_copies(scored), *(f"{r.case}: {line}" for r in scored.results for line in r.remarks)],
        "data_dictionary": {
            "cases": {name: dict(COLUMNS[name]) for name in columns_of(settings.tasks)},
            "summary": SUMMARY_DICTIONARY,
        },
    }
    with watch.stage("figures"):
        worst = worst_cases(scored.results, scored.jobs)
    summary["provenance"] = provenance(
        config=_plain_settings(settings), seed=seed, inputs=dict(scored.hashes), stopwatch=watch
    )
    write_table(out / "cases.tsv", columns_of(settings.tasks), (r.row(settings.tasks) for r in scored.results), COLUMNS)
    if detections is not None and "detection" in settings.tasks:
        write_table(out / DETECTIONS, tuple(DETECTION_COLUMNS), map(vars, detections), DETECTION_COLUMNS)
    else:
        # those of an earlier run would be learned from
        for stale in (out / DETECTIONS, (out / DETECTIONS).with_suffix(".json")):
            stale.unlink(missing_ok=True)
    rows = (row for r in scored.results for row in r.lesions)
    write_table(out / "lesions.tsv", tuple(LESION_COLUMNS), (vars(row) for row in rows), LESION_COLUMNS)
    write_json(out / "reporting.json", reporting_record(scored.results, summary, scored.cohort, scored.checkpoints))
    write_page(out / "evaluation.html", summary, scored.results, worst)
    write_json(out / "summary.json", summary)
    return summary


def _copies(scored: Scored) -> list[str]:
    """What must be said of predictions that are the files of their reference."""
    ill = [r.case for r in scored.results if r.num_lesions_reference]
    pairs = [[scored.hashes.get(f"{side}/{case}") for side in ("reference", "prediction")] for case in ill]
    if pairs and all(one == other for one, other in pairs):
        return [
            "every prediction with a lesion is the file of its reference: a test that is its own reference is right"
        ]
    return []


def score_folders(
    reference: str | Path, prediction: str | Path, desc: str = REFERENCE_DESC
) -> tuple[list[CaseResult], list[Job], list[str]]:
    """One result per predicted case, the jobs they came from, and the reference cases not predicted."""
    scored = score(reference, prediction, EvaluationSettings(desc=desc))
    return list(scored.results), list(scored.jobs), list(scored.without_prediction)


def score(reference: str | Path, prediction: str | Path | ReaderList, settings: EvaluationSettings) -> Scored:
    """Pairs and scores every predicted case, in processes; nothing is written."""
    points = read_reference_points(reference) if is_reader_table(reference) else None
    references = open_masks(reference, settings.desc) if points is None else _point_folder(Path(reference), points)
    if isinstance(prediction, ReaderList):
        predicted: Mapping[str, MaskFile | Marks] = prediction.cases
        name, unfinished, checkpoints = f"reader {prediction.reader}", (), ()
    else:
        folder = open_masks(prediction, settings.prediction_desc)
        _require_not_swapped(references, folder)
        predicted, name, unfinished, checkpoints = folder.masks, str(prediction), folder.unfinished, folder.checkpoints
    strangers = sorted(set(predicted) - set(references.masks))
    if strangers:
        raise CohortError(
            f"{name}: case {strangers[0]} has no reference in {reference} "
            f"({len(strangers)} such cases); file names or case ids must agree"
        )
    if not predicted:
        raise CohortError(f"{name}: predicts no case of {reference}")
    cohort = read_cohort_facts(settings.cohort, references)
    tables = _lesion_facts(settings, _name_of(prediction))
    jobs = tuple(
        _job(
            case,
            references.masks[case],
            None if points is None else points[case],
            predicted[case],
            cohort,
            tables,
            settings,
        )
        for case in sorted(predicted)
    )
    if settings.calibration is not None:
        read_recalibration(settings.calibration).require_unseen(job.patient for job in jobs)
    results, hashes = [], {}
    for job, (result, found) in zip(jobs, run_jobs(jobs, settings.workers), strict=True):
        results.append(result)
        hashes |= {f"{side}/{job.case}": value for side, value in found.items()}
    _require_lesions(tables, results)
    return Scored(
        results=tuple(results),
        jobs=jobs,
        hashes=hashes,
        without_prediction=tuple(sorted(set(references.masks) - set(predicted))),
        unfinished=unfinished,
        desc=references.desc,
        cohort=cohort,
        checkpoints=checkpoints,
    )


def _point_folder(path: Path, cases: Iterable[str]) -> MaskFolder:
    """A table of points as a folder whose cases all lie in one file."""
    return MaskFolder(path, "points", None, {case: MaskFile(case, patient_of(case), path) for case in cases})


def _name_of(prediction: str | Path | ReaderList) -> str:
    return prediction.reader if isinstance(prediction, ReaderList) else Path(prediction).resolve().name


def _declared(settings: EvaluationSettings) -> str:
    standard = settings.reference_standard
    return "" if standard is ReferenceStandard.UNKNOWN else standard.value


def _lesion_facts(settings: EvaluationSettings, name: str) -> Mapping[str, Mapping[int, LesionFacts]]:
    """Case -> lesion id -> facts; raises CohortError where the truth of a lesion comes from the test `name` itself."""
    if settings.lesion_table is None:
        return {}
    tables = {
        case: {n: replace(f, reference_standard=f.reference_standard or _declared(settings)) for n, f in rows.items()}
        for case, rows in read_lesion_facts(settings.lesion_table).items()
    }
    require_independent(
        [name],
        (
            LesionReference(case, str(lesion), parse_standard(facts.reference_standard), facts.reference_source)
            for case, rows in tables.items()
            for lesion, facts in rows.items()
        ),
    )
    return tables


def _require_lesions(tables: Mapping[str, Mapping[int, LesionFacts]], results: Sequence[CaseResult]) -> None:
    """Raises CohortError for a lesion in the table that its reference does not have: its facts are another's."""
    for result in results:
        there = {row.lesion_id for row in result.lesions if row.source == "reference"}
        if strangers := sorted(set(tables.get(result.case, ())) - there):
            raise CohortError(
                f"case {result.case}: the table of lesions names lesion {strangers[0]}, the reference has "
                f"{', '.join(map(str, sorted(there))) or 'none'}; an id is a label of the mask, or of a 0/1 mask the "
                "lesion's rank in size"
            )


def _require_not_swapped(reference: MaskFolder, prediction: MaskFolder) -> None:
    if reference.root.resolve() == prediction.root.resolve() and reference.desc == prediction.desc:
        raise CohortError(f"{reference.root}: given as reference and as prediction; a mask agrees with itself")
    if reference.kind == "results" and prediction.kind != "results":
        raise CohortError(
            f"{reference.root}: the reference holds records of a model's run and the prediction ({prediction.root}) "
            "does not; they look swapped, give the model's results as --prediction"
        )


def _job(
    case: str,
    reference: MaskFile,
    points_mm: np.ndarray | None,
    prediction: MaskFile | Marks,
    cohort: CohortFacts,
    tables: Mapping[str, Mapping[int, LesionFacts]],
    settings: EvaluationSettings,
) -> Job:
    is_mask = isinstance(prediction, MaskFile)
    known = cohort.of(case)
    return Job(
        case=case,
        patient=reference.patient,
        reference=reference.path,
        points_mm=points_mm,
        prediction=prediction.path if is_mask else None,
        probability=prediction.probability if is_mask else None,
        marks=None if is_mask else prediction,
        pet=None if settings.cohort is None else known.pet,
        facts=CaseFacts(
            known.tracer,
            known.scanner,
            tables.get(case, {}),
            LesionFacts(reference_standard=_declared(settings)),
        ),
        settings=settings.match,
        tasks=settings.tasks,
    )


def _categories(
    reference: str | Path, prediction: str | Path | ReaderList, settings: EvaluationSettings, resampling: Resampling
) -> dict[str, Any]:
    """The paired categories; where no side has a table and all tasks were meant, a reason instead."""
    if isinstance(prediction, ReaderList) or is_reader_table(reference):
        return {"not_run": "a list of points holds no categories"}
    paths = [Path(folder) / TABLE for folder in (reference, prediction)]
    if not any(path.is_file() for path in paths) and settings.tasks == ALL_TASKS:
        return {"not_run": f"neither folder holds {TABLE}"}
    return summarise_categories(pair_tables(*paths, settings.category_orders), resampling)


def _plain_settings(settings: EvaluationSettings) -> dict[str, Any]:
    return json.loads(json.dumps(asdict(settings), default=str))


def _plain_stratum(part: Stratum) -> dict[str, Any]:
    return {k: plain(v) if isinstance(v, Estimate) else v for k, v in vars(part).items()}
