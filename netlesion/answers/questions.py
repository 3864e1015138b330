"""Every question by its name, in the order of docs/answers.md. A new one is a module with a QUESTION, listed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from netlesion.answers import (
    biopsy,
    culprit,
    differential,
    discordance,
    expression,
    modality,
    primary,
    response,
    staging,
    treatment,
)
from netlesion.answers.answer import Question
from netlesion.errors import ConfigError

_ALL = (
    differential.QUESTION,
    primary.QUESTION,
    staging.QUESTION,
    expression.QUESTION,
    discordance.QUESTION,
    response.QUESTION,
    biopsy.QUESTION,
    treatment.QUESTION,
    culprit.QUESTION,
    modality.QUESTION,
)
QUESTIONS: Mapping[str, Question] = MappingProxyType({q.name: q for q in sorted(_ALL, key=lambda q: q.number)})


def chosen(names: Sequence[str]) -> tuple[Question, ...]:
    """The questions of these names, in order; `all` or nothing means every one. Raises ConfigError for another name."""
    if not names or "all" in names:
        return tuple(QUESTIONS.values())
    unknown = [name for name in names if name not in QUESTIONS]
    if unknown:
        raise ConfigError(f"question {unknown[0]!r} is not known; expected all or some of {', '.join(QUESTIONS)}")
    return tuple(q for q in QUESTIONS.values() if q.name in names)
