"""Two folders of masks, or a folder and readers' marks -> tables, a summary, a page and a reporting record.

Cases are paired by name. A prediction without a reference is an error; a reference without a prediction (a
model run on its test part, a visit that failed) is not scored: it is counted and named in the summary, and the note
of every number says that the cohort is partial. Cases run in processes of their own (`jobs`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

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
from netlesion.evaluate.readers import Marks, ReaderList
from netlesion.evaluate.reporting import reporting_record
from netlesion.evaluate.strata import Stratum, strata
from netlesion.evaluate.summary import summarise
from netlesion.evaluate.tables import write_table
from netlesion.evaluate.worst import worst_cases
from netlesion.io.cohort import REFERENCE_DESC
from netlesion.io.masks import MaskFile, MaskFolder, open_masks
from netlesion.provenance import Stopwatch, provenance

ALL_TASKS = (*TASKS, "categories")


@dataclass(frozen=True)
class EvaluationSettings:
    """What is evaluated and how; written into the summary. workers: processes, None for one per core."""

    tasks: tuple[str, ...] = ALL_TASKS
    desc: str = REFERENCE_DESC
    prediction_desc: str = REFERENCE_DESC
    match: MatchSettings = DEFAULT_SETTINGS
    cohort: Path | None = None
    lesion_table: Path | None = None
    category_orders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
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
    with watch.stage("statistics"):
        summary = summarise(scored.results, seed, remark=scored.remark, tasks=settings.tasks)
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
        "remarks": [f"{r.case}: {line}" for r in scored.results for line in r.remarks],
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
    rows = (row for r in scored.results for row in r.lesions)
    write_table(out / "lesions.tsv", tuple(LESION_COLUMNS), (vars(row) for row in rows), LESION_COLUMNS)
    write_json(out / "reporting.json", reporting_record(scored.results, summary, scored.cohort, scored.checkpoints))
    write_page(out / "evaluation.html", summary, scored.results, worst)
    write_json(out / "summary.json", summary)
    return summary


#: What the keys of the summary mean; those of "mean" are columns of cases.tsv.
SUMMARY_DICTIONARY = {
    "value, low, high, n, note": "estimate, 95 % interval, number of patients, what a reader of it must know",
    "mean": "mean over cases, each weighing the same; n/a cases are left out and counted in the note",
    "pooled_*": "sums over all cases before dividing, so that a patient with many lesions weighs more",
    "segmentation.dice_aggregated": "2 sum of shared volume / sum of both volumes over all cases",
    "segmentation.*_agreement": "per case, whole-body volume (ml) or SUV times volume (g: TLSRE, or TLG for FDG) of "
    "the prediction against the reference (clinical.md 8.3); num_cases of each figure beside its n (patients)",
    "segmentation.*_agreement.ratio_geometric_mean": "bias: exp of the mean log of prediction over reference; cases "
    "where either is 0 are left out of the log: num_cases_left_out_of_log",
    "segmentation.*_agreement.ratio_*_limit_of_agreement": "exp of that mean -+ 1.96 SD: 95 % of cases lie between",
    "segmentation.*_agreement.icc_2_1_of_*": "ICC(2,1), absolute agreement of single measurements, of the logs and of "
    "the values, where the largest tumours decide",
    "segmentation.*_agreement.concordance_of_*": "Lin's concordance correlation coefficient, of both likewise",
    "segmentation.*_agreement.spearman": "rank correlation of all cases, those with a 0 among them",
    "challenge": "numbers that a challenge makes of a whole cohort, as coded there",
    "froc": "curves over the confidence of predicted lesions, greedy by confidence (clinical.md 8.2)",
    "localisation": "rank of the culprit (clinical.md 6.5)",
    "categories.*": "columns of both categories.tsv, paired by case (and lesion_id): accuracy (equal answers), "
    "sensitivity of each class of the reference, Cohen's kappa; kappa_linear and kappa_quadratic where classes are "
    "ordered (whole numbers, or a stated order); cross_table is reference, then prediction, then rows",
    "strata": "the same rates by lesion size, region, type, tracer and scanner",
}


def score_folders(
    reference: str | Path, prediction: str | Path, desc: str = REFERENCE_DESC
) -> tuple[list[CaseResult], list[Job], list[str]]:
    """One result per predicted case, the jobs they came from, and the reference cases not predicted."""
    scored = score(reference, prediction, EvaluationSettings(desc=desc))
    return list(scored.results), list(scored.jobs), list(scored.without_prediction)


def score(reference: str | Path, prediction: str | Path | ReaderList, settings: EvaluationSettings) -> Scored:
    """Pairs and scores every predicted case, in processes; nothing is written."""
    references = open_masks(reference, settings.desc)
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
    tables = {} if settings.lesion_table is None else read_lesion_facts(settings.lesion_table)
    jobs = tuple(
        _job(case, references.masks[case], predicted[case], cohort, tables, settings) for case in sorted(predicted)
    )
    results, hashes = [], {}
    for job, (result, found) in zip(jobs, run_jobs(jobs, settings.workers), strict=True):
        results.append(result)
        hashes |= {f"{side}/{job.case}": value for side, value in found.items()}
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
        prediction=prediction.path if is_mask else None,
        probability=prediction.probability if is_mask else None,
        marks=None if is_mask else prediction,
        pet=None if settings.cohort is None else known.pet,
        facts=CaseFacts(known.tracer, known.scanner, tables.get(case, {})),
        settings=settings.match,
        tasks=settings.tasks,
    )


def _categories(
    reference: str | Path, prediction: str | Path | ReaderList, settings: EvaluationSettings, resampling: Resampling
) -> dict[str, Any]:
    """The paired categories; where no side has a table and all tasks were meant, a reason instead."""
    if isinstance(prediction, ReaderList):
        return {"not_run": "a list of marks holds no categories"}
    paths = [Path(folder) / TABLE for folder in (reference, prediction)]
    if not any(path.is_file() for path in paths) and settings.tasks == ALL_TASKS:
        return {"not_run": f"neither folder holds {TABLE}"}
    return summarise_categories(pair_tables(*paths, settings.category_orders), resampling)


def _plain_settings(settings: EvaluationSettings) -> dict[str, Any]:
    return json.loads(json.dumps(asdict(settings), default=str))


def _plain_stratum(part: Stratum) -> dict[str, Any]:
    return {k: plain(v) if isinstance(v, Estimate) else v for k, v in vars(part).items()}


def summary_lines(summary: Mapping[str, Any]) -> list[str]:
    """The summary in a few lines of text, each number with its 95 % interval."""
    lines = [
        f"{summary['num_cases']} cases of {summary['num_patients']} patients, "
        f"{len(summary['cases_without_prediction'])} reference cases without a prediction (not scored)"
    ]
    shown: list[tuple[str, Callable[[], Mapping[str, Any]]]] = [
        ("Dice (mean)", lambda: summary["mean"]["dice"]),
        ("lesion sensitivity (pooled)", lambda: summary["pooled_lesion_sensitivity"]),
        ("false positives per patient", lambda: summary["false_positives_per_patient"]),
        ("FROC score", lambda: summary["froc"]["froc_score"]),
    ]
    notes: dict[str, None] = {}
    for name, get in shown:
        try:
            estimate = get()
        except KeyError:
            continue
        lines.append(f"{name:<29}{estimate_text(estimate)}")
        if estimate.get("note"):
            notes[estimate["note"]] = None
    for name, found in summary.get("categories", {}).items():
        if isinstance(found, Mapping) and "accuracy" in found:
            kappa = "kappa_quadratic" if found["ordered"] else "kappa"
            text = ", ".join(f"{key} {estimate_text(found[key])}" for key in ("accuracy", kappa))
            lines.append(f"{name:<29}{text}")
    lines += [f"note: {note}" for note in notes]
    if summary["unfinished_visits"]:
        lines.append(f"note: unfinished visits, not scored: {', '.join(summary['unfinished_visits'])}")
    return [*lines, *(f"note: {line}" for line in summary["remarks"])]


def estimate_text(estimate: Mapping[str, Any]) -> str:
    """0.812 [0.703, 0.901], or n/a."""
    if estimate["value"] is None:
        return "n/a"
    low, high = estimate["low"], estimate["high"]
    interval = "" if low is None or high is None else f" [{low:.3f}, {high:.3f}]"
    return f"{estimate['value']:.3f}{interval}"
