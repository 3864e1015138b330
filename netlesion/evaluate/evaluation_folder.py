"""Opens what `netlesion evaluate` wrote: the table of cases, and lesions and provenance where they are there.

Returns a frozen `Evaluation`. Columns that are absent are simply not there; `n/a` is NaN. Knows nothing about
statistics, nor how the tables were made.
"""

from __future__ import annotations

import csv
import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netlesion.errors import CohortError
from netlesion.evaluate.reference_standard import LesionReference, parse_standard
from netlesion.io.masks import patient_of

CASES, LESIONS, SUMMARY = "cases.tsv", "lesions.tsv", "summary.json"
#: Columns of cases.tsv that name the row.
KEYS = ("case", "case_id", "patient")
#: Where lesions.tsv may say whether a row is a reference lesion or a prediction.
SIDE_COLUMNS = ("source", "side")


@dataclass(frozen=True)
class CaseRow:
    """One case: its patient and every number of its row, NaN for n/a."""

    case: str
    patient: str
    numbers: Mapping[str, float]


@dataclass(frozen=True)
class Evaluation:
    """One folder. cases: sorted by name. references: lesions of the reference by case, None when not recorded.

    scores: highest score of a predicted lesion by case (0 without one), None when a predicted lesion has no score.
    hashes: sha256 by `reference/<case>` and `prediction/<case>`, empty when not recorded. settings: of the matching.
    """

    path: Path
    cases: tuple[CaseRow, ...]
    references: tuple[LesionReference, ...] | None
    scores: Mapping[str, float] | None
    hashes: Mapping[str, str]
    settings: Mapping[str, Any] | None


def open_evaluation(folder: str | Path) -> Evaluation:
    """Raises CohortError when it is no such folder, or a case is in it twice."""
    folder = Path(folder)
    if not (folder / CASES).is_file():
        raise CohortError(f"{folder}: holds no {CASES}; expected a folder written by `netlesion evaluate --out`")
    rows = sorted((_case(row, folder) for row in _table(folder / CASES)), key=lambda row: row.case)
    if not rows:
        raise CohortError(f"{folder / CASES}: holds no case, expected at least one")
    case, times = Counter(row.case for row in rows).most_common(1)[0]
    if times > 1:
        raise CohortError(f"{folder / CASES}: case {case} is there {times} times, expected once")
    lesions = _table(folder / LESIONS) if (folder / LESIONS).is_file() else []
    summary = _json(folder / SUMMARY)
    return Evaluation(
        path=folder,
        cases=tuple(rows),
        references=_references(lesions),
        scores=_scores(lesions, rows),
        hashes=summary.get("provenance", {}).get("inputs_sha256", {}),
        settings=summary.get("match_settings"),
    )


def number(text: str | None) -> float:
    """A cell as a number; NaN for n/a, nothing, and text."""
    try:
        return float(text) if text not in (None, "", "n/a") else math.nan
    except ValueError:
        return math.nan


def _case(row: Mapping[str, str], folder: Path) -> CaseRow:
    case = row.get("case") or row.get("case_id")
    if not case:
        raise CohortError(f"{folder / CASES}: a row has no case, expected a column `case`")
    patient = row.get("patient") or patient_of(case)
    return CaseRow(case, patient, {c: number(cell) for c, cell in row.items() if c not in (None, *KEYS)})


def _is_reference(row: Mapping[str, str]) -> bool | None:
    """Whether a row of lesions.tsv is a reference lesion; None when the table does not say."""
    for column in SIDE_COLUMNS:
        word = (row.get(column) or "").lower()
        if word in ("reference", "prediction", "predicted"):
            return word == "reference"
    return None


def _references(lesions: list[dict[str, str]]) -> tuple[LesionReference, ...] | None:
    rows = [row for row in lesions if _is_reference(row)]
    if not rows:
        return None
    return tuple(
        LesionReference(
            row.get("case", ""),
            f"{row.get('lesion_id') or row.get('reference_id') or n}",
            parse_standard(row.get("reference_standard") or ""),
            (row.get("reference_source") or "").replace("n/a", ""),
        )
        for n, row in enumerate(rows)
    )


def _scores(lesions: list[dict[str, str]], rows: list[CaseRow]) -> dict[str, float] | None:
    """`max_score` of cases.tsv, else the rows of lesions.tsv, where a prediction that found a lesion has its score in
    the row of that lesion. A case without prediction has 0; one with a prediction and no score: None for all.
    """
    if all("max_score" in row.numbers for row in rows):
        found = {row.case: row.numbers["max_score"] for row in rows}
        empty = {row.case for row in rows if row.numbers.get("num_lesions_prediction") == 0}
        found |= {case: 0.0 for case in empty if math.isnan(found[case])}
        return None if any(map(math.isnan, found.values())) else found
    predicted = [row for row in lesions if _is_reference(row) is False or row.get("outcome") == "true_positive"]
    scores = dict.fromkeys((row.case for row in rows), 0.0)
    for row in predicted:
        case, score = row.get("case", ""), number(row.get("score"))
        if case not in scores or math.isnan(score):
            return None
        scores[case] = max(scores[case], score)
    return scores if predicted else None


def _table(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text, delimiter="\t"))


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise CohortError(f"{path}: is no JSON ({error}); evaluate again") from error
    return found if isinstance(found, dict) else {}
