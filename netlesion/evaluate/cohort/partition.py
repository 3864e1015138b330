"""Which part of a training's split each patient belongs to: train, val or test, or not known.

Takes what the records of a results folder say (the part that inference was asked for) and split files; returns parts
by patient. What is learned from an evaluation may learn from validation patients only (clinical.md 8.5). Knows
nothing about images or networks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from netlesion.errors import CohortError

PARTS = ("train", "val", "test")
UNKNOWN = "unknown"


def read_parts(split_file: str | Path) -> Mapping[str, str]:
    """Patient -> part, of a split file as training writes it. Raises CohortError for anything else."""
    path = Path(split_file)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {str(patient): part for part in PARTS for patient in content[part]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CohortError(f"{path}: not a split file; expected lists of patients under {', '.join(PARTS)}") from error


def part_of(config: Mapping[str, Any], patient: str) -> str:
    """What the configuration of an inference says of a patient: the part asked for, else what its split file says."""
    part, split_file = config.get("split"), config.get("split_file")
    if part in PARTS:
        return str(part)
    if part == "all" and split_file and Path(split_file).is_file():
        try:
            return read_parts(split_file).get(patient, UNKNOWN)
        except CohortError:
            return UNKNOWN
    return UNKNOWN


def partition(parts: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """(patient, part) pairs -> part -> patients, parts without any left out."""
    found = set(parts)
    each = {part: sorted(p for p, of in found if of == part) for part in (*PARTS, UNKNOWN)}
    return {part: patients for part, patients in each.items() if patients}


def require_validation(parts: Mapping[str, Iterable[str]], what: str) -> tuple[str, ...]:
    """The patients of whom nothing is known; raises CohortError for one of the test or the training part."""
    for part, name in (("test", "test"), ("train", "training")):
        if wrong := sorted(parts.get(part, ())):
            raise CohortError(
                f"{what}: patient {wrong[0]} is of the {name} part ({len(wrong)} such patients); a calibration is "
                "learned on validation patients only, evaluate what `infer.py split=val` predicts and give that"
            )
    return tuple(sorted(parts.get(UNKNOWN, ())))
