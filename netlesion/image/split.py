"""Which patient is for training, validation or test: drawn once, kept in a file, never drawn again.

The unit is the patient, so that all scans and both tracers of one person stay together (clinical.md 8.5).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from netlesion.errors import CohortError, ConfigError
from netlesion.output.atomic import write_json

PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class Split:
    """Patient ids of each part; raises CohortError when a patient is in two of them."""

    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]

    def __post_init__(self) -> None:
        seen: dict[str, str] = {}
        for part in PARTS:
            object.__setattr__(self, part, tuple(sorted(getattr(self, part))))
            for patient in getattr(self, part):
                if patient in seen:
                    raise CohortError(f"patient {patient} is in {seen[patient]} and in {part}; one patient, one part")
                seen[patient] = part

    def part(self, name: str) -> tuple[str, ...]:
        """The patients of train, val, test, or `all` of them."""
        if name == "all":
            return tuple(sorted(self.train + self.val + self.test))
        if name not in PARTS:
            raise ConfigError(f"split is {name!r}, expected train, val, test or all")
        return getattr(self, name)


def draw_split(
    patient_ids: Iterable[str],
    val_fraction: float,
    test_fraction: float,
    seed: int,
    always_test: Iterable[str] = (),
    strata: Mapping[str, str] | None = None,
) -> Split:
    """Shuffles the patients with the seed; shares are of all patients, those `always_test` count into the test.

    strata: patient -> stratum (such as having lesions or not); each part gets its fraction of every stratum.
    """
    patients = sorted(set(patient_ids))
    if not 0 <= val_fraction < 1 or not 0 <= test_fraction < 1 or val_fraction + test_fraction >= 1:
        raise ConfigError(
            f"val_fraction {val_fraction} and test_fraction {test_fraction} must leave patients to train on"
        )
    fixed = [p for p in patients if p in set(always_test)]
    free = [p for p in patients if p not in set(always_test)]
    free = _interleaved([free[i] for i in np.random.default_rng(seed).permutation(len(free))], strata or {})
    num_test = max(round(test_fraction * len(patients)) - len(fixed), 0)
    num_val = round(val_fraction * len(patients))
    test, val, train = free[:num_test], free[num_test : num_test + num_val], free[num_test + num_val :]
    if not train:
        raise ConfigError(f"{len(patients)} patients leave none to train on; use smaller shares or a larger cohort")
    return Split(tuple(train), tuple(val), tuple(test + fixed))


def _interleaved(patients: list[str], strata: Mapping[str, str]) -> list[str]:
    """The patients reordered so that any run of them holds each stratum in proportion; order within one is kept."""
    members: dict[str, list[str]] = {}
    for patient in patients:
        members.setdefault(strata.get(patient, ""), []).append(patient)
    place = {p: (rank + 0.5) / len(group) for group in members.values() for rank, p in enumerate(group)}
    return sorted(patients, key=place.__getitem__)


def split_of(path: str | Path, patient_ids: Iterable[str], **drawing) -> Split:
    """The split in the file, or, where there is none, a new one drawn and written there.

    Raises CohortError when the cohort holds a patient whom the file does not name: which part is theirs must
    be said, not guessed.
    """
    path, patients = Path(path), sorted(set(patient_ids))
    if not path.is_file():
        split = draw_split(patients, **drawing)
        write_json(path, asdict(split) | {"seed": drawing["seed"]})
        return split
    split = read_split(path)
    unknown = sorted(set(patients) - set(split.part("all")))
    if unknown:
        raise CohortError(
            f"{path}: does not name {len(unknown)} patients of the cohort (first: {unknown[0]}); "
            "add them to a part, or give another split_file"
        )
    return split


def folds_of(
    path: str | Path, split: Split, folds: int, seed: int, strata: Callable[[], Mapping[str, str]] | None = None
) -> tuple[tuple[str, ...], ...]:
    """The folds in the file, or, where there is none, new ones drawn from training and validation patients together.

    strata: called where folds are drawn, gives patient -> stratum; each fold gets its share of every stratum.

    Raises:
        ConfigError: for a number of folds that the patients cannot fill.
        CohortError: where the file's folds are others' or of another number.
    """
    path, patients = Path(path), tuple(sorted(split.train + split.val))
    if not 2 <= folds <= len(patients):
        raise ConfigError(
            f"splitting.folds is {folds}, expected 2 to {len(patients)}, the patients outside the test part"
        )
    if not path.is_file():
        order = [patients[i] for i in np.random.default_rng(seed).permutation(len(patients))]
        order = _interleaved(order, {} if strata is None else strata())
        runs = np.array_split(np.arange(len(order)), folds)  # any run of them holds each stratum in proportion
        found = tuple(tuple(sorted(order[i] for i in run)) for run in runs)
        write_json(path, {"folds": [list(fold) for fold in found], "seed": seed})
        return found
    try:
        content = json.loads(path.read_text(encoding="utf-8"))["folds"]
        found = tuple(tuple(str(p) for p in fold) for fold in content)
    except (ValueError, KeyError, TypeError) as error:
        raise CohortError(f"{path}: not a file of folds; expected lists of patients under folds") from error
    if len(found) != folds or sorted(p for fold in found for p in fold) != list(patients):
        raise CohortError(
            f"{path}: its {len(found)} folds are not {folds} folds of the {len(patients)} training and validation "
            "patients of the split; remove the file to draw new ones"
        )
    return found


def fold_split(split: Split, folds: Sequence[Sequence[str]], fold: int) -> Split:
    """The split in which one fold validates and the others train; the test part stays."""
    if not 0 <= fold < len(folds):
        raise ConfigError(f"fold is {fold}, expected 0 to {len(folds) - 1} (splitting.folds)")
    train = tuple(p for n, members in enumerate(folds) for p in members if n != fold)
    return Split(train, tuple(folds[fold]), split.test)


def read_split(path: str | Path) -> Split:
    """A split file; raises CohortError when it is missing or not one."""
    path = Path(path)
    if not path.is_file():
        raise CohortError(f"{path}: no such split file; training writes it, or give split=all")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Split(*(tuple(str(p) for p in content[part]) for part in PARTS))
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, CohortError):
            raise
        raise CohortError(f"{path}: not a split file; expected lists of patients under {', '.join(PARTS)}") from error
