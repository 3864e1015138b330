"""Every question to every patient of a folder of results: answers.json for each, one table a question for all.

    <out>/sub-X/answers.json                    everything of one patient (answers.schema.json)
    <out>/<question>.tsv (.json)                one row for each visit, or patient
    <out>/<question>_rows.tsv (.json)           lesions, findings or candidates, where a question has them
    <out>/provenance.json                       settings and what went wrong

Patients are read one at a time. One whose files contradict each other is kept for the end and does not stop the rest.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from netlesion.answers.answer import Answer, Question
from netlesion.answers.disease import disease_of, with_left_out
from netlesion.answers.document import document_of
from netlesion.answers.gather import Source
from netlesion.answers.patient import Patient
from netlesion.answers.questions import chosen
from netlesion.answers.settings import Settings
from netlesion.answers.tables import write_tables
from netlesion.errors import ConfigError, NetlesionError
from netlesion.output.atomic import write_json
from netlesion.output.interrupt import worker_processes
from netlesion.output.provenance import Stopwatch, provenance, without_folders

FOLDER = "answers"
RECORD = "provenance.json"
Work = Callable[[str], "tuple[Answer, ...] | str"]


@dataclass(frozen=True)
class AnsweredCohort:
    """Answers by patient, and one line for each patient that could not be read."""

    answers: Mapping[str, tuple[Answer, ...]]
    failures: Mapping[str, str]
    folder: Path


def answer_cohort(
    results: str | Path,
    cohort: str | Path | None = None,
    out: str | Path | None = None,
    questions: Sequence[str] = ("all",),
    settings: Settings | None = None,
    workers: int = 1,
) -> AnsweredCohort:
    """Answers and writes them.

    Args:
        results: Of `infer.py`; or a cohort, whose reference masks are then measured.
        cohort: What the results were made of: PETs, organ maps, transforms, tables.
        out: Where to write; None: `answers` in the folder of results.
        questions: Names, or all.
        settings: Project choices of every question.
        workers: Processes; the answers are the same for any number.

    Raises:
        ConfigError: for a question that is not known, or less than one worker.
        CohortError: for a folder without results, or tables that are broken.
    """
    from tqdm import tqdm

    if workers < 1:
        raise ConfigError(f"workers is {workers}, expected at least 1")
    asked, settings = chosen(questions), settings or Settings()
    source = Source.open(results, cohort)
    folder = Path(results) / FOLDER if out is None else Path(out)
    answers: dict[str, tuple[Answer, ...]] = {}
    failures: dict[str, str] = {}
    watch = Stopwatch()
    with watch.stage("answers"):
        ids = source.patient_ids
        found = _each(partial(_one, source, [q.name for q in asked], settings), ids, workers)
        for patient_id, one in tqdm(found, total=len(ids), desc="answers", unit="patient", file=sys.stderr):
            path = folder / f"sub-{patient_id}" / "answers.json"
            if isinstance(one, str):
                failures[patient_id] = one
                path.unlink(missing_ok=True)
            else:
                answers[patient_id] = one
                write_json(path, document_of(patient_id, one))
    for question in asked:
        write_tables(folder, question, [a for found in answers.values() for a in found])
    paths = [mask.path for mask in source.masks.values()]
    said = {name: without_folders(line, paths) for name, line in failures.items()}
    record = provenance(config=asdict(settings), stopwatch=watch, questions=[q.name for q in asked], failures=said)
    write_json(folder / RECORD, record)
    return AnsweredCohort(answers, failures, folder)


def _each(work: Work, ids: Sequence[str], workers: int) -> Iterator[tuple[str, tuple[Answer, ...] | str]]:
    """(patient, answers or what went wrong) in order of the patients."""
    if min(workers, len(ids)) <= 1:
        yield from ((name, work(name)) for name in ids)
        return
    with worker_processes(min(workers, len(ids))) as pool:
        yield from zip(ids, pool.map(work, ids), strict=True)


def _one(source: Source, names: Sequence[str], settings: Settings, patient_id: str) -> tuple[Answer, ...] | str:
    """One patient's answers, or the line that says what is wrong with his files; runs in a worker."""
    try:
        return answer_patient(source.patient(patient_id), chosen(names), settings)
    except NetlesionError as error:
        return str(error)


def answer_patient(patient: Patient, questions: Sequence[Question], settings: Settings) -> tuple[Answer, ...]:
    """One patient's answers, question by question."""
    answers: list[Answer] = []
    disease, left_out = disease_of(patient, settings.differential)
    for question in questions:
        own = settings if question.takes_all else getattr(settings, question.name)
        found = question.answer(disease if question.of_disease else patient, own)
        answers += [with_left_out(one, left_out) for one in found] if question.of_disease else found
    return tuple(answers)
