"""answers.json of one patient (answers.schema.json, versioned), and the same as sentences."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from netlesion.answers.answer import NOTICE, Answer
from netlesion.answers.questions import QUESTIONS
from netlesion.answers.words import listed, meaning, spoken
from netlesion.output.version import __version__

SCHEMA = Path(__file__).with_name("answers.schema.json")
SCHEMA_VERSION = "1.0"


def document_of(patient_id: str, answers: Sequence[Answer]) -> dict[str, Any]:
    """The JSON of one patient; NaN never stands in it."""
    return {
        "schema_version": SCHEMA_VERSION,
        "notice": NOTICE,
        "generated_by": {"name": "netlesion", "version": __version__},
        "patient": patient_id,
        "answers": [_plain(a) for a in answers],
    }


def schema() -> dict[str, Any]:
    """The JSON schema that every answers.json satisfies."""
    return json.loads(SCHEMA.read_text(encoding="utf-8"))


def text_of(patient_id: str, answers: Sequence[Answer]) -> str:
    """One patient's answers as sentences, question by question and visit by visit; what is the same at every visit
    (what is missing, what a reader must decide) is said once.
    """
    lines = [f"Patient {patient_id}", NOTICE, ""]
    for name, question in QUESTIONS.items():
        found = [a for a in answers if a.question == name]
        if not found:
            continue
        lines.append(question.title)
        for one in found:
            lines += [f"  {line}" for line in _sentences(one)]
        given = [a for a in found if a.status == "answered"]
        for words, texts in (
            ("Missing", [t for a in given for t in a.missing]),
            ("A reader must still decide", [t for a in given for t in a.reader_decides]),
        ):
            if texts:
                lines.append(f"  {words}: {'; '.join(dict.fromkeys(texts))}.")
        lines.append("")
    return "\n".join(lines)


def _sentences(answer: Answer) -> list[str]:
    lines = [] if answer.visit is None else [f"{answer.visit}:"]
    if answer.status == "not_assessable":
        lines.append(f"Not assessable: {answer.reasons[0].text}")
        lines += [reason.text for reason in answer.reasons[1:]]
        return lines
    if answer.category is not None:
        others = (
            f" ({listed(list(map(spoken, answer.alternatives)), 'or')} possible, too)" if answer.alternatives else ""
        )
        words = meaning(answer.category)
        lines.append(f"{words[0].upper()}{words[1:]}{others}.")
    return lines + [reason.text for reason in answer.reasons]


def _plain(answer: Answer) -> dict[str, Any]:
    return {
        "question": answer.question,
        "visit": answer.visit,
        "status": answer.status,
        "category": answer.category,
        "alternatives": list(answer.alternatives),
        "values": _finite(answer.values),
        "rows": [_finite(row) for row in answer.rows],
        "reasons": [{"text": r.text, "lesions": list(r.lesions)} for r in answer.reasons],
        "needed": list(answer.needed),
        "missing": list(answer.missing),
        "reader_decides": list(answer.reader_decides),
        "settings": dict(answer.settings),
    }


def _finite(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in values.items()}
