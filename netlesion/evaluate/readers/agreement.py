"""How well several readers, or a model and readers, agree with each other on the same cases.

Takes the folders that each was evaluated into; returns plain JSON values. Asked are two things: whether anything was
called in a case, and whether each reference lesion was found. Fleiss' kappa over all readers, Cohen's kappa and the
share of equal answers for each two, with intervals over patients. False positives of two readers at one place are not
asked: their marks are compared with the reference, not with each other. Knows nothing about images.

Source: clinical.md 8.4, 8.6; kappa's own in `statistics.categories`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from netlesion.evaluate.cohort.interval import Resampling, plain
from netlesion.io.table_file import read_table
from netlesion.statistics.categories import fleiss_of_patients
from netlesion.statistics.kappa import cohen_kappa

Plain = dict[str, Any]
ANSWERS = ("no", "yes")


@dataclass(frozen=True)
class _Answers:
    """Rows that all readers answered: their patients (N,), yes or no of each reader (N, K). num_left_out: the rest."""

    patients: tuple[str, ...]
    answers: tuple[tuple[str, ...], ...]
    num_left_out: int


def reader_agreement(folders: Mapping[str, Path], resampling: Resampling) -> Plain:
    """folders: name of the reader -> where `evaluate_folders` wrote it, two or more, of one reference."""
    names = list(folders)
    patient = {r["case"]: r["patient"] for f in folders.values() for r in _rows(f / "cases.tsv")}
    cases = [
        {(row["case"],): row["num_lesions_prediction"] != "0" for row in _rows(folder / "cases.tsv")}
        for folder in folders.values()
    ]
    lesions = [
        {
            (row["case"], row["lesion_id"]): row["outcome"] == "true_positive"
            for row in _rows(folder / "lesions.tsv")
            if row["source"] == "reference" and row["outcome"] in ("true_positive", "false_negative")
        }
        for folder in folders.values()
    ]
    return {
        "readers": names,
        "case_called": _agreement(names, _common(cases, patient), resampling, "cases were not read by all"),
        "lesion_found": _agreement(
            names, _common(lesions, patient), resampling, "lesions are of cases not read by all"
        ),
        "rule": "case_called: anything predicted in a case; lesion_found: a counted reference lesion was found",
        "interval": resampling.facts(),
    }


def _agreement(names: Sequence[str], common: _Answers, resampling: Resampling, what: str) -> Plain:
    total = len(common.patients) + common.num_left_out
    left_out = f"{common.num_left_out} of {total} {what} and are left out" if common.num_left_out else ""
    if not common.patients:
        return {"not_run": left_out or "there is nothing to agree on"}
    patients, num_patients = common.patients, len(set(common.patients))
    columns = list(zip(*common.answers, strict=True))
    fleiss = fleiss_of_patients(common.answers, ANSWERS, patients)
    pairs = []
    seed, resamples = resampling.seed, resampling.num_resamples
    for (a, first), (b, second) in combinations(zip(names, columns, strict=True), 2):
        pairs.append(
            {
                "a": a,
                "b": b,
                "equal": plain(resampling.share([x == y for x, y in zip(first, second, strict=True)], patients)),
                "kappa": plain(
                    resampling.noted(cohen_kappa(first, second, ANSWERS, patients, seed=seed, num_resamples=resamples))
                ),
                "only_a": sum(x > y for x, y in zip(first, second, strict=True)),
                "only_b": sum(x < y for x, y in zip(first, second, strict=True)),
            }
        )
    return {
        "fleiss_kappa": plain(resampling.statistics(fleiss, num_patients)[0]),
        "pairs": pairs,
        "num_rows": len(patients),
        "note": left_out,
    }


def _common(answers: Sequence[Mapping[tuple[str, ...], bool]], patient: Mapping[str, str]) -> _Answers:
    keys = sorted(set.intersection(*(set(a) for a in answers)))
    return _Answers(
        patients=tuple(patient[key[0]] for key in keys),
        answers=tuple(tuple(ANSWERS[a[key]] for a in answers) for key in keys),
        num_left_out=len(set.union(*(set(a) for a in answers))) - len(keys),
    )


def _rows(path: Path) -> list[Mapping[str, str]]:
    return [row.cells for row in read_table(path).rows]
