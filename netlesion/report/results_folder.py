"""A results folder as the reports take it: patients, their visits and PETs, lesion tables, failures, answers.

<results>/<visit>/provenance.json names a finished visit's PETs; its tables are read as they are, so that a column that
is measured one day is there without a change here. The cohort, where it is given, adds the images and says which visits
have no results. Knows nothing about pages.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netlesion.errors import CohortError
from netlesion.io.bids.masks import LABEL_MAP, RECORD
from netlesion.io.bids.pet import entity
from netlesion.io.bids.visit_files import VisitFiles
from netlesion.io.files import visible
from netlesion.io.table_file import Row, read_table

ANSWERS = "answers.json"
REFERENCES = "reference_organs.tsv"


@dataclass(frozen=True)
class PetResult:
    """One PET with results. name: `case` (patient, session, tracer); rows: of its lesion table, in order of ids."""

    case: str
    channel: str
    label_map: Path
    rows: tuple[Row, ...]

    @property
    def tracer(self) -> str:
        """The tracer as a person writes it."""
        return tracer_words(entity(self.case, "trc") or self.channel)

    @property
    def session(self) -> str:
        """`ses-01`, or empty."""
        found = entity(self.case, "ses")
        return "" if found is None else f"ses-{found}"


@dataclass(frozen=True)
class VisitResult:
    """One finished visit. files: its images, None without the cohort; record: its provenance."""

    visit_id: str
    pets: tuple[PetResult, ...]
    record: Mapping[str, Any]
    files: VisitFiles | None = None


@dataclass(frozen=True)
class PatientResult:
    """One patient: visits in order, lines on what failed or is missing, and answers.json where it is there."""

    patient_id: str
    visits: tuple[VisitResult, ...] = ()
    failures: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    answers: tuple[Mapping[str, Any], ...] = ()
    references: tuple[Row, ...] = ()


@dataclass(frozen=True)
class ResultsFolder:
    """Every patient of a run, in order; record: of the whole run, empty where it was broken off."""

    root: Path
    patients: tuple[PatientResult, ...]
    record: Mapping[str, Any] = field(default_factory=dict)


def open_results(root: str | Path, visits: Sequence[VisitFiles] | None = None) -> ResultsFolder:
    """Lists what a run has left.

    Args:
        root: Folder that `infer.py` wrote.
        visits: Visits that were asked for; those without results are listed as missing. None: only what is there.

    Raises:
        CohortError: for a folder that is missing or holds no result, or visits of another cohort.
    """
    root = Path(root)
    if not root.is_dir():
        raise CohortError(f"{root}: no such folder; expected one that infer.py wrote")
    run = _json(root / RECORD) or {}
    files = {v.visit_id: v for v in visits or ()}
    failures = {str(k): str(v) for k, v in dict(run.get("failures") or {}).items()}
    found = [_visit(path.parent, files) for path in visible(root, f"*/{RECORD}")]
    finished = [v for v in found if v is not None and v.visit_id not in failures]
    if files and finished and not any(v.visit_id in files for v in finished):
        raise CohortError(
            f"{root}: has results of {finished[0].visit_id}, which the cohort does not hold; give the cohort of these "
            "results with --cohort"
        )
    if files:
        finished = [v for v in finished if v.visit_id in files]
    if not finished and not failures:
        raise CohortError(f"{root}: holds no finished visit; expected folders with {RECORD} that infer.py wrote")
    names = {v: files[v].patient_id if v in files else patient_of(v) for v in (*files, *failures)}
    names |= {v.visit_id: names.get(v.visit_id, patient_of(v.visit_id)) for v in finished}
    done = {v.visit_id for v in finished}
    asked = [v for v in files if v not in done and v not in failures]
    answers, references = _answers(root), _references(root)
    patients = tuple(
        PatientResult(
            patient,
            tuple(v for v in finished if names[v.visit_id] == patient),
            tuple(line for v, line in failures.items() if names[v] == patient),
            tuple(v for v in asked if names[v] == patient),
            answers.get(patient, ()),
            tuple(r for r in references if names.get(r.cells["case"].partition("_trc-")[0]) == patient),
        )
        for patient in sorted(set(names.values()))
    )
    return ResultsFolder(root, patients, run)


def patient_of(visit_id: str) -> str:
    """`001` of `sub-001_ses-02`; the whole name where it is not one of BIDS."""
    return visit_id.partition("_")[0].removeprefix("sub-") if visit_id.startswith("sub-") else visit_id


def tracer_words(label: str) -> str:
    """`dotatate` as a person writes it."""
    return {"sstr": "SSTR", "fdg": "FDG", "psma": "PSMA"}.get(label, label.upper())


def _visit(folder: Path, files: Mapping[str, VisitFiles]) -> VisitResult | None:
    """A finished visit, None where its record is of something else."""
    record = _json(folder / RECORD)
    if record is None or not isinstance(record.get("cases"), dict):
        return None
    pets = []
    for channel, case in record["cases"].items():
        table = folder / f"{case}_desc-lesions.tsv"
        rows = read_table(table, ("lesion_id", "volume_ml", "case")).rows
        pets.append(PetResult(str(case), str(channel), folder / f"{case}{LABEL_MAP}", rows))
    return VisitResult(folder.name, tuple(pets), record, files.get(folder.name))


def _answers(root: Path) -> dict[str, tuple[Mapping[str, Any], ...]]:
    """Patient -> the answers of its answers.json, wherever below the results it lies."""
    found: dict[str, tuple[Mapping[str, Any], ...]] = {}
    for path in (*visible(root, f"*/{ANSWERS}"), *visible(root, f"*/*/{ANSWERS}"), *visible(root, f"*/*_{ANSWERS}")):
        document = _json(path) or {}
        answers = document.get("answers")
        if isinstance(answers, list) and "patient" in document:
            found[str(document["patient"])] = tuple(a for a in answers if isinstance(a, dict))
    return found


def _references(root: Path) -> Iterable[Row]:
    """Rows of every table of reference organs."""
    tables = (*visible(root, REFERENCES), *visible(root, f"*/*{REFERENCES}"))
    return [row for table in tables for row in read_table(table, ("case", "organ")).rows]


def _json(path: Path) -> dict[str, Any] | None:
    """A JSON object; None where there is none, or one that was cut off."""
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
