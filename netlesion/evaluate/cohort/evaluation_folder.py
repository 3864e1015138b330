"""Opens what `netlesion evaluate` wrote: the table of cases, and lesions and provenance where they are there.

Returns a frozen `Evaluation`. Columns that are absent are simply not there; `n/a` is NaN. Knows nothing about
statistics, nor how the tables were made.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netlesion.errors import CohortError
from netlesion.evaluate.case.detections import CaseDetections
from netlesion.evaluate.case.localise import TopCandidate
from netlesion.evaluate.case.reference_standard import LesionReference, parse_standard
from netlesion.io.bids.masks import patient_of
from netlesion.io.table_file import read_table

CASES, LESIONS, SUMMARY, DETECTIONS = "cases.tsv", "lesions.tsv", "summary.json", "detections.tsv"
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

    scores: highest score of a predicted lesion by case (-inf without one), None when a predicted lesion has no score.
    hashes: sha256 by `reference/<case>` and `prediction/<case>`, empty when not recorded. settings: of the matching.
    missing: reference cases that had no prediction. detections, tops: what curves and LROC need of each case, in the
    order of `cases`; None when not recorded.
    """

    path: Path
    cases: tuple[CaseRow, ...]
    references: tuple[LesionReference, ...] | None
    scores: Mapping[str, float] | None
    hashes: Mapping[str, str]
    settings: Mapping[str, Any] | None
    missing: tuple[str, ...] = ()
    detections: tuple[CaseDetections, ...] | None = None
    tops: tuple[TopCandidate, ...] | None = None


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
    scores = _scores(lesions, rows)
    summary = _json(folder / SUMMARY)
    return Evaluation(
        path=folder,
        cases=tuple(rows),
        references=_references(lesions),
        scores=scores,
        hashes=summary.get("provenance", {}).get("inputs_sha256", {}),
        settings=summary.get("match_settings"),
        missing=tuple(map(str, summary.get("cases_without_prediction", ()))),
        detections=_detections(folder / DETECTIONS, rows) if (folder / DETECTIONS).is_file() else None,
        tops=_tops(rows, scores),
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


def _references(lesions: Sequence[Mapping[str, str]]) -> tuple[LesionReference, ...] | None:
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


def _scores(lesions: Sequence[Mapping[str, str]], rows: list[CaseRow]) -> dict[str, float] | None:
    """`max_score` of cases.tsv, else the rows of lesions.tsv, where a prediction that found a lesion has its score in
    the row of that lesion. A case without prediction has -inf (a rating may be below 0); one with a prediction and no
    score: None for all.
    """
    if all("max_score" in row.numbers for row in rows):
        found = {row.case: row.numbers["max_score"] for row in rows}
        empty = {row.case for row in rows if row.numbers.get("num_lesions_prediction") == 0}
        found |= {case: -math.inf for case in empty if math.isnan(found[case])}
        return None if any(map(math.isnan, found.values())) else found
    predicted = [row for row in lesions if _is_reference(row) is False or row.get("outcome") == "true_positive"]
    scores = dict.fromkeys((row.case for row in rows), -math.inf)
    for row in predicted:
        case, score = row.get("case", ""), number(row.get("score"))
        if case not in scores or math.isnan(score):
            return None
        scores[case] = max(scores[case], score)
    return scores if predicted else None


def _detections(path: Path, rows: list[CaseRow]) -> tuple[CaseDetections, ...] | None:
    """The curves' detections of every case; lesions of cases.tsv that have none were not marked. None where the table
    does not say how many lesions a case has.

    Raises CohortError for a detection of an unknown case, without a score, or for more hits than lesions.
    """
    if not all("num_lesions_reference" in row.numbers for row in rows):
        return None
    found: dict[str, list[tuple[float, bool]]] = {row.case: [] for row in rows}
    for line, row in enumerate(_table(path), start=2):
        case, score, true = row.get("case", ""), number(row.get("score")), row.get("is_true") == "1"
        if case not in found or math.isnan(score):
            raise CohortError(f"{path}, line {line}: case {case!r}, score {row.get('score')!r}; evaluate again")
        found[case].append((score, true))
    made = []
    for row in rows:
        hits = tuple(score for score, true in found[row.case] if true)
        unmarked = int(row.numbers["num_lesions_reference"]) - len(hits)
        if unmarked < 0:
            raise CohortError(f"{path}: case {row.case} has {len(hits)} hits, more than it has lesions; evaluate again")
        scores, true = tuple(s for s, _ in found[row.case]), tuple(t for _, t in found[row.case])
        dont_care = int(row.numbers.get("num_dont_care", 0))
        made.append(CaseDetections(row.case, row.patient, scores, true, (*hits, *[-math.inf] * unmarked), dont_care))
    return tuple(made)


def _tops(rows: list[CaseRow], scores: Mapping[str, float] | None) -> tuple[TopCandidate, ...] | None:
    """None where a case has no score, or the tables are older than these columns."""
    if scores is None or not all("top_candidate_hit" in row.numbers for row in rows):
        return None
    hits = [(row, row.numbers["top_candidate_hit"]) for row in rows]
    return tuple(
        TopCandidate(not math.isnan(hit), scores[row.case], hit, row.numbers["culprit_reciprocal_rank"])
        for row, hit in hits
    )


def _table(path: Path) -> list[Mapping[str, str]]:
    return [row.cells for row in read_table(path).rows]


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise CohortError(f"{path}: is no JSON ({error}); evaluate again") from error
    return found if isinstance(found, dict) else {}
