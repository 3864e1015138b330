"""Pairs the cases of a reference and a prediction by name, and scores them; nothing is written.

A prediction without a reference is an error; a reference without a prediction (a model run on its test part, a visit
that failed) is not scored: it is counted and named, and the note of every number says that the cohort is partial.
Cases run in processes of their own (`jobs`). Knows nothing about summaries.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from netlesion.errors import CohortError, ConfigError
from netlesion.evaluate.case.facts import CaseFacts
from netlesion.evaluate.case.lesion_table import LesionFacts, read_lesion_facts
from netlesion.evaluate.case.marks import Marks, ReaderList, is_reader_table
from netlesion.evaluate.case.outcome import DEFAULT_SETTINGS, MatchSettings
from netlesion.evaluate.case.point_reference import read_reference_points
from netlesion.evaluate.case.reference_standard import (
    LesionReference,
    ReferenceStandard,
    parse_standard,
    require_independent,
)
from netlesion.evaluate.case.result import TASKS, CaseResult
from netlesion.evaluate.cohort.facts import CohortFacts, read_cohort_facts
from netlesion.evaluate.cohort.jobs import Job, run_jobs
from netlesion.evaluate.cohort.partition import part_of, partition
from netlesion.evaluate.cohort.recalibrate import read_recalibration
from netlesion.image.split import read_split
from netlesion.io.bids.masks import MaskFile, MaskFolder, open_masks, patient_of
from netlesion.io.bids.visit_files import REFERENCE_DESC

ALL_TASKS = (*TASKS, "categories")


@dataclass(frozen=True)
class Part:
    """The patients that are evaluated, and what they are called: `test` of a split."""

    name: str
    patients: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Part:
        """`FILE:test` -> the patients of that part; raises ConfigError or CohortError for anything else."""
        path, colon, name = text.rpartition(":")
        if not colon or not path:
            raise ConfigError(f"split is {text!r}, expected FILE:PART, as splits/net.json:test")
        patients = read_split(path).part(name)
        if not patients:
            raise ConfigError(f"{path}: its part {name} holds no patient; evaluate another")
        return cls(name, patients)


@dataclass(frozen=True)
class EvaluationSettings:
    """What is evaluated and how; written into the summary.

    reference_standard: of the lesions for which the table names none. category_orders: classes, lowest first.
    calibration: file of `netlesion calibrate`. workers: processes, None for one per core. part: patients, None for all.
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
    part: Part | None = None

    def __post_init__(self) -> None:
        unknown = [task for task in self.tasks if task not in ALL_TASKS]
        if unknown or not self.tasks:
            raise ConfigError(f"tasks are {', '.join(self.tasks) or 'none'}; expected some of {', '.join(ALL_TASKS)}")
        for name, given, task in (
            ("a calibration", self.calibration is not None, "detection"),
            ("the order of a category", bool(self.category_orders), "categories"),
        ):
            if given and task not in self.tasks:
                raise ConfigError(
                    f"{name} is given, and {task} is not among the tasks ({', '.join(self.tasks)}); add it"
                )
        if self.workers is not None and self.workers < 1:
            raise ConfigError(f"workers is {self.workers}, expected at least 1")


@dataclass(frozen=True)
class Scored:
    """The rows of a cohort, the jobs they came from, and what was left out and why.

    partition: train, val, test or unknown -> the patients scored that belong there.
    """

    results: tuple[CaseResult, ...]
    jobs: tuple[Job, ...]
    hashes: Mapping[str, str]
    without_prediction: tuple[str, ...]
    unfinished: tuple[str, ...]
    desc: str | None
    cohort: CohortFacts = field(default_factory=CohortFacts)
    checkpoints: tuple[str, ...] = ()
    partition: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def remark(self) -> str:
        """What every number of a partial cohort must say; empty for a whole one."""
        missing = len(self.without_prediction)
        return partial_remark(missing, len(self.results) + missing)


def partial_remark(missing: int, total: int) -> str:
    """Empty for a whole cohort."""
    if not missing:
        return ""
    return f"partial cohort: {missing} of {total} reference cases have no prediction and are not scored"


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
        configs: Mapping[str, Mapping[str, Any]] = {}
    else:
        folder = open_masks(prediction, settings.prediction_desc)
        _require_not_swapped(references, folder)
        predicted, name, unfinished, checkpoints = folder.masks, str(prediction), folder.unfinished, folder.checkpoints
        configs = folder.configs
    if settings.part is not None:
        references, predicted = _of_part(settings.part, references, predicted)
    unknown = sorted(set(predicted) - set(references.masks))
    if unknown:
        raise CohortError(
            f"{name}: case {unknown[0]} has no reference in {reference} "
            f"({len(unknown)} such cases); file names or case ids must agree"
        )
    if not predicted:
        of = "" if settings.part is None else f" in its part {settings.part.name}"
        raise CohortError(f"{name}: predicts no case of {reference}{of}")
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
        partition=partition((job.patient, part_of(configs.get(job.case, {}), job.patient)) for job in jobs),
    )


def _of_part(
    part: Part, references: MaskFolder, predicted: Mapping[str, MaskFile | Marks]
) -> tuple[MaskFolder, dict[str, MaskFile | Marks]]:
    """Both sides without the cases of other patients."""
    wanted = set(part.patients)
    masks = {case: mask for case, mask in references.masks.items() if mask.patient in wanted}
    patients = {case: mask.patient for case, mask in references.masks.items()}
    kept = {case: found for case, found in predicted.items() if patients.get(case, patient_of(case)) in wanted}
    return replace(references, masks=masks), kept


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
        if unknown := sorted(set(tables.get(result.case, ())) - there):
            raise CohortError(
                f"case {result.case}: the table of lesions names lesion {unknown[0]}, the reference has "
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
        extraction=prediction.extraction if is_mask else None,
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
        organs=known.organs,
        unknown=reference.unknown,
        unknown_label=reference.unknown_label,
    )
