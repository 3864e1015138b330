"""Which image of a channel is read where a session holds several: a stated rule, or none and a refusal.

CT and MR only; each step keeps the images that do best in it, and the rule has decided once one is left:

1. nearest to the session's PET by the side-car: in its frame of reference, of its study, near in time
   (the CT or MR of attenuation correction, not one of another table position);
2. without `acq-`, else for MR the water image of a Dixon (`acq-water`, `acq-dixonwater`);
3. without any other entity (`ce-`, `chunk-`: a station is a part of a body);
4. without `rec-`, else the lowest; 5. without `run-`, else the lowest.

A PET is never chosen: what is measured is for its user to name. Takes names and side-car facts, opens no image.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

#: `IntendedForBy` of a side-car, nearest first.
RELATIONS = ("frame of reference", "study", "time")
#: Entities that place an image, or that the rule has a step of its own for.
NAMED = frozenset({"sub", "ses", "acq", "rec", "run"})


@dataclass(frozen=True)
class ImageChoice:
    """The path that is read, those that are not, and the steps of the rule that told them apart."""

    chosen: Path
    others: tuple[Path, ...]
    because: str

    @property
    def line(self) -> str:
        """One line for whoever talks to the user."""
        return f"{self.chosen.name} is read, not {', '.join(p.name for p in self.others)} ({self.because})"


def choose_image(
    paths: Sequence[Path], facts: Mapping[Path, Mapping], pet_frames: Collection[str], is_mr: bool
) -> ImageChoice | None:
    """The one image of a channel, or None where the rule leaves several.

    facts: side-car by path. pet_frames: hashes of the frames of reference of the session's PETs.
    """
    steps: tuple[tuple[str, Callable[[Path], float]], ...] = (
        ("nearest to the PET by its side-car", lambda p: _relation(facts.get(p, {}), pet_frames)),
        ("the acquisition its name tells", lambda p: _acquisition(_entities(p).get("acq"), is_mr)),
        ("no further entity in its name", lambda p: float(not _entities(p).keys() <= NAMED)),
        ("lowest rec-", lambda p: _number(_entities(p).get("rec"))),
        ("lowest run-", lambda p: _number(_entities(p).get("run"))),
    )
    left, because = list(paths), []
    for name, rank in steps:
        best = min(rank(p) for p in left)
        kept = [p for p in left if rank(p) == best]
        if len(kept) < len(left):
            because.append(name)
        left = kept
    if len(left) > 1:
        return None
    return ImageChoice(left[0], tuple(p for p in paths if p != left[0]), ", ".join(because))


def _relation(sidecar: Mapping, pet_frames: Collection[str]) -> int:
    if sidecar.get("FrameOfReferenceHash") in pet_frames:
        return 0
    by = sidecar.get("IntendedForBy")
    return RELATIONS.index(by) if by in RELATIONS else len(RELATIONS)


def _acquisition(label: str | None, is_mr: bool) -> int:
    if label is None:
        return 0
    return 1 if is_mr and label.lower().endswith("water") else 2


def _number(label: str | None) -> float:
    if label is None:
        return 0.0
    return float(label) if label.isdecimal() else float("inf")


def _entities(path: Path) -> dict[str, str]:
    parts = path.name.partition(".")[0].split("_")[:-1]
    return {key: value for key, _, value in (part.partition("-") for part in parts)}
