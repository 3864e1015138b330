"""Split files: is every patient in one part, and are copies of a patient in the same one?

Read as they are, without the checks of training, for those would end at the first fault: this project's files (train,
val and test lists), and nnU-Net's splits_final.json (a list of folds with train and val; every fold is a split of its
own, its entries are cases). Knows nothing about images.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from netlesion.errors import CohortError
from netlesion.io.files import visible

PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class SplitFile:
    """One split: a name to show, and the ids of each part in the order of the file."""

    name: str
    parts: Mapping[str, tuple[str, ...]]

    def parts_of(self, patient: str) -> tuple[str, ...]:
        """The parts in which a patient is, by id, `sub-` id, or a case that begins with it."""
        return tuple(part for part, ids in self.parts.items() if any(_is_of(entry, patient) for entry in ids))


def read_split_files(paths: Iterable[str | Path]) -> tuple[SplitFile, ...]:
    """Files, or folders of them; raises CohortError for one that is missing or no split."""
    files: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            found = visible(path, "*.json")
            if not found:
                raise CohortError(f"{path}: holds no split file (*.json)")
            files += found
        else:
            files.append(path)
    return tuple(split for path in files for split in _read(path))


def duplicated(split: SplitFile, patients: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Patients that are in more than one part, or twice in one."""
    found = {}
    for patient in sorted(set(patients)):
        parts = split.parts_of(patient)
        if len(parts) > 1:
            found[patient] = parts
    return found


def unknown_and_missing(split: SplitFile, patients: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Entries of the split that are no patient of the cohort, and patients of the cohort that are in no part."""
    entries = [entry for ids in split.parts.values() for entry in ids]
    unknown = tuple(sorted({e for e in entries if not any(_is_of(e, p) for p in patients)}))
    missing = tuple(sorted(p for p in set(patients) if not split.parts_of(p)))
    return unknown, missing


def _is_of(entry: str, patient: str) -> bool:
    plain = entry.removeprefix("sub-")
    return plain == patient or plain.startswith(f"{patient}_")


def _read(path: Path) -> list[SplitFile]:
    if not path.is_file():
        raise CohortError(f"{path}: no such split file")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        folds = content if isinstance(content, list) else [content]
        names = [path.name] if len(folds) == 1 else [f"{path.name} fold {n}" for n in range(len(folds))]
        splits = [
            SplitFile(name, {part: tuple(str(p) for p in fold[part]) for part in PARTS if part in fold})
            for name, fold in zip(names, folds, strict=True)
        ]
    except (ValueError, TypeError, KeyError) as error:
        raise CohortError(f"{path}: not a split file; expected lists of patients under {', '.join(PARTS)}") from error
    if not splits or any("train" not in split.parts for split in splits):
        raise CohortError(f"{path}: not a split file; expected lists of patients under {', '.join(PARTS)}")
    return splits
