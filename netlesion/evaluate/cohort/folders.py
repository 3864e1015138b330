"""Two folders of masks, or a folder and readers' marks -> tables, a summary, a page and a reporting record."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from netlesion.errors import CohortError, ConfigError
from netlesion.evaluate.case.lesion_rows import LESION_COLUMNS
from netlesion.evaluate.case.marks import ReaderList, is_reader_table
from netlesion.evaluate.case.result import COLUMNS, columns_of
from netlesion.evaluate.cohort.categories import TABLE, pair_tables, patients_by_case, summarise_categories
from netlesion.evaluate.cohort.evaluation_folder import DETECTIONS
from netlesion.evaluate.cohort.interval import Estimate, Resampling, plain
from netlesion.evaluate.cohort.recalibrate import read_recalibration
from netlesion.evaluate.cohort.regions import region_detection
from netlesion.evaluate.cohort.reliability import DETECTION_COLUMNS, detections_of
from netlesion.evaluate.cohort.reporting import reporting_record
from netlesion.evaluate.cohort.score import ALL_TASKS, EvaluationSettings, Scored, partial_remark, score
from netlesion.evaluate.cohort.strata import Stratum, strata
from netlesion.evaluate.cohort.summary import summarise
from netlesion.evaluate.cohort.summary_text import SUMMARY_DICTIONARY
from netlesion.io.bids.cohort import REFERENCE_DESC
from netlesion.output.atomic import write_json
from netlesion.output.provenance import Stopwatch, hash_file, provenance
from netlesion.output.tables import write_table
from netlesion.report.evaluation import write_page
from netlesion.report.worst import worst_cases


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
    if settings.tasks == ("categories",):
        return _categories_alone(reference, prediction, out, seed, settings)
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


def _categories_alone(
    reference: str | Path, prediction: str | Path | ReaderList, out: Path, seed: int, settings: EvaluationSettings
) -> dict[str, Any]:
    """Two tables without any mask: summary.json and the page, of the cases that both tables hold."""
    if isinstance(prediction, ReaderList) or is_reader_table(reference):
        raise ConfigError("a list of points holds no categories; give folders, or other tasks")
    tables = [Path(folder) / TABLE for folder in (reference, prediction)]
    if tables[0].resolve() == tables[1].resolve():
        raise CohortError(f"{reference}: given as reference and as prediction; a table agrees with itself")
    of_reference, of_prediction = map(patients_by_case, tables)
    missing = sorted(set(of_reference) - set(of_prediction))
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
        "complete": not missing,
        "cases_without_prediction": missing,
        "unfinished_visits": [],
        "remarks": [],
        "data_dictionary": {"summary": SUMMARY_DICTIONARY},
    }
    hashes = {f"{side}/{TABLE}": hash_file(t) for side, t in zip(("reference", "prediction"), tables, strict=True)}
    summary["provenance"] = provenance(config=_plain_settings(settings), seed=seed, inputs=hashes)
    write_page(out / "evaluation.html", summary, (), ())
    write_json(out / "summary.json", summary)
    return summary


def _copies(scored: Scored) -> list[str]:
    """What must be said of predictions that are their reference, as files or voxel by voxel."""
    ill = [r for r in scored.results if r.num_lesions_reference]
    pairs = [[scored.hashes.get(f"{side}/{r.case}") for side in ("reference", "prediction")] for r in ill]
    if pairs and all(one == other for one, other in pairs):
        return ["every prediction with a lesion is the file of its reference: such a test is right by construction"]
    if ill and all(r.num_voxels_reference == r.num_voxels_prediction == r.num_voxels_shared for r in ill):
        return ["every prediction with a lesion is its reference voxel by voxel: was the reference given twice?"]
    return []


def _categories(
    reference: str | Path, prediction: str | Path | ReaderList, settings: EvaluationSettings, resampling: Resampling
) -> dict[str, Any]:
    """The paired categories; where no side has a table and all tasks were meant, a reason instead."""
    if isinstance(prediction, ReaderList) or is_reader_table(reference):
        return {"not_run": "a list of points holds no categories"}
    paths = [Path(folder) / TABLE for folder in (reference, prediction)]
    if not any(path.is_file() for path in paths) and settings.tasks == ALL_TASKS and not settings.category_orders:
        return {"not_run": f"neither folder holds {TABLE}"}
    return summarise_categories(pair_tables(*paths, settings.category_orders), resampling)


def _plain_settings(settings: EvaluationSettings) -> dict[str, Any]:
    return json.loads(json.dumps(asdict(settings), default=str))


def _plain_stratum(part: Stratum) -> dict[str, Any]:
    return {k: plain(v) if isinstance(v, Estimate) else v for k, v in vars(part).items()}
