"""Differential diagnosis and biopsy ways on a digital cohort's truth (docs/answers.md).

    python -m bench.true_results COHORT OUT
    netlesion answer OUT/results --cohort OUT/cohort
    python -m bench.answer_calls OUT

Calls of true lesions and of drawn mimics, by kind and tracer, with intervals over patients; and a naive second look
at every biopsy way: the straight line is read again in steps of 0.5 mm; where a way crosses a vessel 5000 directions
are tried for one that does not.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from netlesion.answers.gather import Source
from netlesion.answers.needle import VESSELS, sphere
from netlesion.answers.patient import Lesion, Pet
from netlesion.io.table_file import Row, read_table
from netlesion.statistics.ratios import bootstrap_proportion

LESIONS = ("primary", "metastasis")
CALLS = ("physiologic", "pitfall", "lesion", "not_decidable")
STEP_MM, LONGEST_MM, AIR_MM, DIRECTIONS = 0.5, 260.0, 14.0, 5000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    kinds = {f"{r.cells['case']}/{r.cells['lesion_id']}": r.cells["kind"] for r in read_table(out / "kinds.tsv").rows}
    rows = read_table(out / "results" / "answers" / "differential_rows.tsv").rows
    rows = tuple(r for r in rows if r.cells["lesion"] in kinds)
    print("| candidates | n | physiologic or pitfall [95 %] | lesion | not decidable |\n|---|---|---|---|---|")
    for tracer, word in (("dotatate", "DOTATATE"), ("fdg", "FDG")):
        of = [r for r in rows if f"trc-{tracer}" in r.cells["lesion"]]
        print(line(f"{word}: true lesions", [r for r in of if kinds[r.cells["lesion"]] in LESIONS]))
        print(line(f"{word}: drawn mimics", [r for r in of if kinds[r.cells["lesion"]] not in LESIONS]))
        for kind in sorted(set(kinds.values()) - set(LESIONS)):
            print(line(f"{word}: {kind}", [r for r in of if kinds[r.cells["lesion"]] == kind]))
    print(line("all true lesions", [r for r in rows if kinds[r.cells["lesion"]] in LESIONS]))
    print(line("all drawn mimics", [r for r in rows if kinds[r.cells["lesion"]] not in LESIONS]))
    ways(out)


def line(name: str, rows: Sequence[Row]) -> str:
    if not rows:
        return f"| {name} | 0 | | | |"
    calls = [r.cells["call"] for r in rows]
    explained = [float(c in CALLS[:2]) for c in calls]
    found = bootstrap_proportion(explained, [1.0] * len(rows), [r.cells["patient"] for r in rows], seed=0)
    return (
        f"| {name} | {len(rows)} | {found.value:.3f} [{found.low:.3f}, {found.high:.3f}] "
        f"| {calls.count('lesion') / len(rows):.3f} | {calls.count('not_decidable') / len(rows):.3f} |"
    )


def ways(out: Path) -> None:
    """Counts ways by what they cross, ways that cross a vessel at the second look, alternatives missed."""
    rows = read_table(out / "results" / "answers" / "biopsy_rows.tsv").rows
    source = Source.open(out / "results", out / "cohort")
    crossed, missed, none, checked = 0, 0, 0, 0
    for patient in source.patients():
        pets = {pet.case: pet for pet in patient.pets}
        of = [r for r in rows if r.cells["patient"] == patient.patient_id]
        for row in of:
            case, _, number = row.cells["lesion"].rpartition("/")
            pet = pets[case]
            lesion = next(x for x in pet.lesions if x.lesion_id == int(number))
            target = np.array([row.number(f"{axis}_mm") for axis in "xyz"])
            if row.text("path") is None:
                none += 1
                continue
            checked += 1
            entry = np.array([row.number(f"entry_{axis}_mm") for axis in "xyz"])
            if row.cells["path"] != "vessel":
                crossed += _crosses(pet, lesion, target, entry)
            else:
                missed += _has_alternative(pet, lesion, target)
    paths = [r.cells["path"] for r in rows]
    print(
        f"\n{checked} ways: " + ", ".join(f"{p} {paths.count(p)}" for p in dict.fromkeys(paths)) + f"; {none} without"
    )
    print(f"called clear of vessels, but the line crosses one: {crossed}")
    print(f"called without a way clear of vessels, but there is one among {DIRECTIONS}: {missed}")


def _vessel_labels(pet: Pet) -> tuple[np.ndarray, list[int]]:
    organs = pet.read_organs()
    return organs.labels, [n for n, organ in organs.organ_of_label.items() if organ.startswith(VESSELS)]


def _read(pet: Pet, points: np.ndarray) -> np.ndarray:
    organs = pet.read_organs()
    index = np.rint(organs.geometry.to_index(points)).astype(int)
    inside = ((index >= 0) & (index < organs.labels.shape)).all(axis=1)
    found = np.full(len(points), -1)
    found[inside] = organs.labels[tuple(index[inside].T)]
    return found


def _own(pet: Pet, lesion: Lesion) -> set[tuple[int, ...]]:
    return {tuple(v) for v in np.rint(pet.geometry.to_index(lesion.points_mm)).astype(int).tolist()}


def _crosses(pet: Pet, lesion: Lesion, target: np.ndarray, entry: np.ndarray) -> bool:
    length = float(np.linalg.norm(entry - target))
    points = target + np.arange(0.0, length, STEP_MM)[:, None] * (entry - target) / length
    own = _own(pet, lesion)
    outside = [tuple(v) not in own for v in np.rint(pet.geometry.to_index(points)).astype(int).tolist()]
    _, vessels = _vessel_labels(pet)
    return bool(np.isin(_read(pet, points)[outside], vessels).any())


def _has_alternative(pet: Pet, lesion: Lesion, target: np.ndarray) -> bool:
    """Whether any of many directions reaches the skin without a vessel's voxel within 3 mm of its line."""
    _, vessels = _vessel_labels(pet)
    own = _own(pet, lesion)
    steps = np.arange(2.0, LONGEST_MM, 2.0)
    around = np.vstack([np.zeros((1, 3)), 3.0 * np.eye(3), -3.0 * np.eye(3)])
    for direction in sphere(DIRECTIONS):
        points = target + steps[:, None] * direction
        labels = _read(pet, points)
        air = labels == 0
        end = next((n for n in range(len(steps)) if air[n : n + int(AIR_MM / 2)].all() and labels[n] == 0), None)
        if end is None:
            continue
        line = points[:end]
        outside = np.array(
            [tuple(v) not in own for v in np.rint(pet.geometry.to_index(line)).astype(int).tolist()], dtype=bool
        )
        thick = (line[outside][:, None] + around).reshape(-1, 3)
        if not np.isin(_read(pet, thick), vessels).any():
            return True
    return False


if __name__ == "__main__":
    main()
