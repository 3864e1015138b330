"""answers.json as a page shows it: each question with its sentences, reasons, and what it could not assess.

Takes the answers of one patient as read from the file. Knows nothing about how an answer is found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from netlesion.answers.questions import QUESTIONS
from netlesion.report.lesion_table import spoken

#: A lesion's name in answers.json.
KEY = re.compile(r"[^\s,;]+/\d+")


@dataclass(frozen=True)
class AnswerView:
    """One answer at one visit. headline: the category in words.

    reasons: sentences with the keys of their lesions; rows: cells under the header, each as its parts: texts and keys.
    """

    visit: str | None
    assessable: bool
    headline: str | None
    alternatives: tuple[str, ...]
    reasons: tuple[tuple[str, tuple[str, ...]], ...]
    missing: tuple[str, ...]
    reader_decides: tuple[str, ...]
    header: tuple[str, ...]
    rows: tuple[tuple[tuple[str, ...], ...], ...]
    settings: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class QuestionView:
    """A question with its answers, one for each visit or one for the patient."""

    name: str
    title: str
    answers: tuple[AnswerView, ...]


def question_views(answers: Sequence[Mapping[str, Any]]) -> list[QuestionView]:
    """The questions in the order of docs/answers.md; one that this version does not know stands last."""
    names = [*QUESTIONS, *dict.fromkeys(str(a.get("question")) for a in answers if a.get("question") not in QUESTIONS)]
    views = []
    for name in names:
        found = tuple(_view(a) for a in answers if a.get("question") == name)
        title = QUESTIONS[name].title if name in QUESTIONS else (spoken(name) or "").capitalize()
        if found:
            views.append(QuestionView(name, title, found))
    return views


def answered(answers: Sequence[Mapping[str, Any]], question: str) -> list[Mapping[str, Any]]:
    """The assessable answers to a question, in order of visits."""
    return [a for a in answers if a.get("question") == question and a.get("status") == "answered"]


def keys_in(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Every lesion that a row of an answer names."""
    return tuple(key for value in row.values() if isinstance(value, str) for key in KEY.findall(value))


def _view(answer: Mapping[str, Any]) -> AnswerView:
    rows = [r for r in answer.get("rows", ()) if isinstance(r, dict)]
    header = tuple(dict.fromkeys(name for row in rows for name in row))
    category = answer.get("category")
    return AnswerView(
        visit=answer.get("visit"),
        assessable=answer.get("status") == "answered",
        headline=_counts(answer.get("values", {})) if category is None else spoken(str(category)),
        alternatives=tuple(spoken(str(a)) or "" for a in answer.get("alternatives", ())),
        reasons=tuple((str(r["text"]), tuple(map(str, r.get("lesions", ())))) for r in answer.get("reasons", ())),
        missing=tuple(map(str, answer.get("missing", ()))),
        reader_decides=tuple(map(str, answer.get("reader_decides", ()))),
        header=tuple((spoken(name) or "").capitalize() for name in header),
        rows=tuple(tuple(_parts(fact_text(row.get(name))) for name in header) for row in rows),
        settings=tuple((str(k), fact_text(v)) for k, v in dict(answer.get("settings", {})).items()),
    )


def _counts(values: Mapping[str, Any]) -> str | None:
    """`40 lesion, 3 not decidable` of an answer without a category; None where it counts nothing."""
    counts = [(v, spoken(name.removeprefix("num_"))) for name, v in values.items() if name.startswith("num_")]
    return ", ".join(f"{number} {what}" for number, what in counts if number) or None


def _parts(text: str) -> tuple[str, ...]:
    """A cell with its lesion keys apart from what stands between them."""
    return tuple(part for part in re.split(f"({KEY.pattern})", text) if part)


def fact_text(value: Any) -> str:
    """A value as a person reads it."""
    if value is None:
        return "n/a"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(fact_text, value))
    return str(value)
