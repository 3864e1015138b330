"""The folder of an evaluation: tables, summary, page and reporting record of what `evaluate.cohort` computed."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from netlesion.errors import ConfigError
from netlesion.evaluate.case.lesion_rows import LESION_COLUMNS
from netlesion.evaluate.case.marks import ReaderList
from netlesion.evaluate.case.result import COLUMNS, columns_of
from netlesion.evaluate.cohort.evaluation import CohortEvaluation, evaluate_cohort
from netlesion.evaluate.cohort.evaluation_folder import DETECTIONS
from netlesion.evaluate.cohort.reliability import DETECTION_COLUMNS
from netlesion.evaluate.cohort.reporting import reporting_record
from netlesion.evaluate.cohort.score import EvaluationSettings, Scored
from netlesion.io.bids.visit_files import REFERENCE_DESC
from netlesion.output.atomic import write_json
from netlesion.output.lock import alone
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
    found = evaluate_cohort(reference, prediction, settings, seed, watch)
    summary, scored = found.summary, found.scored
    with watch.stage("figures"):
        worst = () if scored is None else worst_cases(scored.results, scored.jobs)
    summary["provenance"] = provenance(
        config=_settings_record(settings),
        seed=seed,
        inputs=dict(found.inputs),
        stopwatch=None if scored is None else watch,
    )
    with alone(out, depth=0):
        (out / "summary.json").unlink(missing_ok=True)  # written last: a killed run leaves no summary of other tables
        if scored is not None:
            _write_tables(out, found, scored, settings)
        write_page(out / "evaluation.html", summary, () if scored is None else scored.results, worst)
        write_json(out / "summary.json", summary)
    return summary


def _settings_record(settings: EvaluationSettings) -> dict[str, Any]:
    """The settings for a record: a file by its sha256, a folder as given or not; either may bear a patient's name."""
    record = json.loads(json.dumps(asdict(settings), default=str))
    for name in ("lesion_table", "calibration"):
        path = getattr(settings, name)
        record[name] = None if path is None else {"sha256": hash_file(path)}
    part = None if settings.part is None else {"name": settings.part.name, "patients": list(settings.part.patients)}
    return record | {"cohort": None if settings.cohort is None else "given", "part": part}


def _write_tables(out: Path, found: CohortEvaluation, scored: Scored, settings: EvaluationSettings) -> None:
    """cases.tsv, lesions.tsv, detections.tsv and the reporting record."""
    results = scored.results
    columns = columns_of(settings.tasks)
    write_table(out / "cases.tsv", columns, (r.row(settings.tasks) for r in results), COLUMNS)
    if found.detections is not None:
        write_table(out / DETECTIONS, tuple(DETECTION_COLUMNS), map(vars, found.detections), DETECTION_COLUMNS)
    else:
        # those of an earlier run would be learned from
        for stale in (out / DETECTIONS, (out / DETECTIONS).with_suffix(".json")):
            stale.unlink(missing_ok=True)
    rows = (row for r in results for row in r.lesions)
    write_table(out / "lesions.tsv", tuple(LESION_COLUMNS), (vars(row) for row in rows), LESION_COLUMNS)
    record = reporting_record(results, found.summary, scored.cohort, scored.checkpoints)
    write_json(out / "reporting.json", record)
