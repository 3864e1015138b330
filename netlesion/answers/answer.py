"""The one type that every question answers with, and what a question is.

An answer says what was found (status, category, alternatives, values), why (reasons in words, each with the lesions it
rests on), what it needed, what was missing, what a reader must still decide, and the settings that were project
choices. A question names its answer's columns; `answers.tables` and `answers.document` write both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from netlesion.answers.patient import Fact, Lesion, Patient

Status = Literal["answered", "not_assessable"]
NOTICE = "Research software, not a medical device. Every finding is to be confirmed by a physician."


@dataclass(frozen=True)
class Reason:
    """One whole sentence, and the keys of the lesions it rests on (none for a sentence about the scan)."""

    text: str
    lesions: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One question's answer for one patient, at one visit or over all (visit None).

    Attributes:
        question: Name in the registry.
        patient: Research id.
        visit: Name of the visit; None for the whole patient.
        status: answered or not_assessable.
        category: The one word that can be scored; None where there is none.
        alternatives: The other categories that are reachable, the category itself left out.
        values: Column -> value, exactly those that the question's `columns` name, units in the names.
        rows: One mapping for each lesion, finding or candidate, exactly the question's `row_columns`.
        reasons: Why.
        needed: What the question asks of the data, in words.
        missing: What of it was not there, in words.
        reader_decides: What images cannot tell.
        settings: Project choices that the answer depends on, name -> value.
    """

    question: str
    patient: str
    visit: str | None
    status: Status
    category: str | None = None
    alternatives: tuple[str, ...] = ()
    values: Mapping[str, Fact] = field(default_factory=dict)
    rows: tuple[Mapping[str, Fact], ...] = ()
    reasons: tuple[Reason, ...] = ()
    needed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    reader_decides: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """A question that patients are asked.

    Attributes:
        number: As in docs/answers.md.
        name: Of the command line, of the table and of the section of the settings.
        title: The question as a physician asks it.
        answer: Takes a patient and this question's own settings (`Settings.<name>`); one answer for each visit, or one
            for the patient. A question that builds on others calls their functions.
        columns: Data dictionary of `Answer.values`.
        row_columns: Data dictionary of `Answer.rows`; empty where it has none.
        row_name: What a row is: lesion, finding, candidate.
        takes_all: Whether `answer` takes all `Settings`, since it builds on other answers.
        of_disease: Whether it is asked about disease, without candidates that answer 1 explains (`answers.disease`).
        row_key: Columns of a row of which the first that is not empty names it in a table of categories.
    """

    number: int
    name: str
    title: str
    answer: Callable[[Patient, Any], tuple[Answer, ...]]
    columns: Mapping[str, Mapping[str, str]]
    row_columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    row_name: str = "lesion"
    takes_all: bool = False
    of_disease: bool = False
    row_key: tuple[str, ...] = ("lesion",)


def not_assessable(
    question: str,
    patient: str,
    visit: str | None,
    reason: str,
    *,
    needed: Sequence[str],
    missing: Sequence[str] = (),
    settings: object | None = None,
    reader_decides: Sequence[str] = (),
) -> Answer:
    """The answer where something that is needed is not there; `reason` is a whole sentence."""
    return Answer(
        question=question,
        patient=patient,
        visit=visit,
        status="not_assessable",
        reasons=(Reason(reason),),
        needed=tuple(needed),
        missing=tuple(missing) or (reason,),
        reader_decides=tuple(reader_decides),
        settings={} if settings is None else settings_dict(settings),
    )


def settings_dict(settings: object) -> dict[str, Any]:
    """A settings dataclass as JSON values, for `Answer.settings`."""
    return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(settings).items()}  # type: ignore[call-overload]


def keys(lesions: Sequence[Lesion]) -> tuple[str, ...]:
    """Keys of lesions in their order."""
    return tuple(lesion.key for lesion in lesions)
