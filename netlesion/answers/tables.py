"""One table for each question over the cohort, `<question>.tsv`, with its data dictionary; a second one,
`<question>_rows.tsv`, where an answer has lesions, findings or candidates of its own.

The first columns are case (patient and visit) and patient, as `netlesion evaluate --tasks categories` reads them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from netlesion.answers.answer import Answer, Question
from netlesion.output.tables import write_table

HEAD: Mapping[str, Mapping[str, str]] = {
    "case": {"Description": "Patient and visit, or the patient alone where the answer is about all visits"},
    "patient": {"Description": "Research id of the patient"},
    "visit": {"Description": "Name of the visit"},
}
ROW_HEAD: Mapping[str, Mapping[str, str]] = {
    "lesion_id": {"Description": "What the row is about: case and lesion_id, or those of its first lesion"},
}
VERDICT: Mapping[str, Mapping[str, str]] = {
    "status": {"Description": "answered or not_assessable"},
    "category": {"Description": "The answer in one word; n/a where not assessable"},
    "alternatives": {"Description": "Other categories that are reachable, separated by commas"},
    "missing": {"Description": "What was needed and not there, separated by semicolons"},
}


def case_of(answer: Answer) -> str:
    """`sub-001_visit-1`, or `sub-001` where the answer is about the whole patient."""
    return f"sub-{answer.patient}" + ("" if answer.visit is None else f"_{answer.visit}")


def write_tables(folder: Path, question: Question, answers: Sequence[Answer]) -> tuple[Path, ...]:
    """Writes the tables of one question over a cohort; returns their paths."""
    ours = [a for a in answers if a.question == question.name]
    path = folder / f"{question.name}.tsv"
    dictionary = {**HEAD, **VERDICT, **question.columns}
    write_table(path, tuple(dictionary), [_row(a, question) for a in ours], dictionary)
    if not question.row_columns:
        return (path,)
    second = folder / f"{question.name}_rows.tsv"
    dictionary = {**HEAD, **ROW_HEAD, **question.row_columns}
    rows = [{**_head(a), "lesion_id": _key(row, question), **row} for a in ours for row in a.rows]
    write_table(second, tuple(dictionary), rows, dictionary)
    return path, second


def _key(row: Mapping[str, object], question: Question) -> object:
    return next((row[name] for name in question.row_key if row.get(name) is not None), None)


def _head(answer: Answer) -> dict[str, str | None]:
    return {"case": case_of(answer), "patient": answer.patient, "visit": answer.visit}


def _row(answer: Answer, question: Question) -> dict[str, object]:
    return {
        **_head(answer),
        "status": answer.status,
        "category": answer.category,
        "alternatives": ",".join(answer.alternatives),
        "missing": "; ".join(answer.missing),
        **dict.fromkeys(question.columns),
        **answer.values,
    }
