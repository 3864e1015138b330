"""The name of every series that an import writes: that of the key, or the first one that is free.

Names once given never change. Series of one kind and session are told apart in a fixed order, the one nearest to its
PET first; stations of one MR examination are numbered from head to foot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np

from netlesion.datasets.dicom.planned import Decision, PlannedSeries
from netlesion.datasets.key import Key, KnownSeries
from netlesion.io.bids.files import image_path
from netlesion.io.dicom.index import SPLIT_BY, Series

#: Series of one contrast are stations of one examination when they overlap by less than this fraction [P].
STATION_OVERLAP = 0.5


def relation(one: PlannedSeries, pet: PlannedSeries) -> int:
    """How near a series is to a PET: 0 one frame of reference, 1 one study, 2 neither."""
    frame = one.facts.frame_of_reference
    if frame is not None and frame == pet.facts.frame_of_reference:
        return 0
    return 1 if one.facts.series.study_uid == pet.facts.series.study_uid else 2


def seconds_apart(one: PlannedSeries, other: PlannedSeries) -> float:
    """Between the starts of two acquisitions; infinite where one is not known."""
    if one.facts.acquired is None or other.facts.acquired is None:
        return float("inf")
    return abs((one.facts.acquired - other.facts.acquired).total_seconds())


def with_names(judged: list[PlannedSeries], key: Key, existing: frozenset[str]) -> list[PlannedSeries]:
    """Targets: those of the key where a series has one, else the first free name, best related series first."""
    pets = {p.facts.series.uid: p for p in judged if p.decision is Decision.WRITE and p.facts.series.modality == "PT"}
    chunks = _stations([p for p in judged if p.decision is Decision.WRITE])
    taken = {known.target for known in key.series.values()} | existing
    named: dict[int, PlannedSeries] = {}
    given: dict[tuple, list[PlannedSeries]] = {}

    def rank(pair: tuple[int, PlannedSeries]) -> tuple:
        one = pair[1]
        pet = pets.get(one.pet_uid)
        related = (3, 0.0) if pet is None else (relation(one, pet), seconds_apart(one, pet))
        number = one.facts.series_number
        return (one.facts.series.modality != "PT", *related, str(one.facts.acquired), number or 0, one.facts.series.uid)

    for position, one in sorted(enumerate(judged), key=rank):
        if one.decision is not Decision.WRITE:
            named[position] = one
            continue
        digest = key.digest(identity_of(one.facts.series))
        num_files = len(one.facts.series.files)
        known = key.series.get(digest)
        if known is None:
            same = given.setdefault((one.subject, one.session, one.place), [])
            target = _free_name(one, same, chunks.get(id(one)), taken)
            same.append(one)
            taken.add(target)
            key.series[digest] = KnownSeries(target, num_files)
            named[position] = replace(one, target=PurePosixPath(target), digest=digest)
        else:
            named[position] = _known(one, known, digest, num_files, existing)
            if named[position].decision is Decision.WRITE:
                key.series[digest] = KnownSeries(known.target, num_files)
    targets = {p.facts.series.uid: p.target for p in named.values() if p.facts.series.modality == "PT"}
    return [replace(one, belongs_to=targets.get(one.pet_uid)) for _, one in sorted(named.items())]


def _known(
    one: PlannedSeries, known: KnownSeries, digest: str, num_files: int, existing: frozenset[str]
) -> PlannedSeries:
    target = PurePosixPath(known.target)
    if known.target in existing and known.num_files != num_files:
        where = one.facts.series.slices[0].file
        why = (
            f"{where}: its series has {num_files} files now, but {target} was made of {known.num_files}; "
            "delete that image to import it anew"
        )
        return replace(one, decision=Decision.REFUSE, why=why, target=target, digest=digest)
    decision = Decision.PRESENT if known.target in existing else Decision.WRITE
    return replace(one, decision=decision, target=target, digest=digest)


def identity_of(series: Series) -> str:
    """What the key knows a series by: its UID, and where it is one stack of several, the kind of its images."""
    if not series.part:
        return series.uid
    return f"{series.uid} {[getattr(series.kind, name) for name in SPLIT_BY]}"


def _free_name(one: PlannedSeries, same: Sequence[PlannedSeries], chunk: int | None, taken: set[str]) -> str:
    """The first name not taken: plain, then `rec-2` for another image of one acquisition, or `run-2`."""
    folder, suffix, entities = one.place
    chunks = () if chunk is None else (f"chunk-{chunk}",)
    reconstruction = folder in ("pet", "ct") and any(seconds_apart(one, other) == 0 for other in same)
    number = 1
    while True:
        word = "rec" if reconstruction else "run"
        repeat = () if number == 1 else (f"{word}-{number}",)
        target = str(image_path(PurePosixPath(), one.subject, one.session, folder, suffix, *entities, *repeat, *chunks))
        if target not in taken:
            return target
        number += 1


def _stations(writes: Sequence[PlannedSeries]) -> dict[int, int]:
    """id of a planned MR -> its chunk, numbered from head to foot, where several stations make one examination."""
    groups: dict[tuple, list[PlannedSeries]] = {}
    for one in writes:
        if one.facts.series.modality == "MR":
            plane = one.facts.series.slices[0].plane
            same = (one.subject, one.session, one.place, one.facts.series.study_uid, one.facts.frame_of_reference)
            axes = tuple(round(c, 2) for c in plane.orientation or ())
            groups.setdefault((*same, axes, plane.rows, plane.columns, plane.spacing_mm), []).append(one)
    chunks = {}
    for group in groups.values():
        if len(group) > 1 and not any(_overlap(a, b) for i, a in enumerate(group) for b in group[:i]):
            for number, one in enumerate(sorted(group, key=lambda p: -_centre(p)[2]), start=1):
                chunks[id(one)] = number
    return chunks


def _overlap(one: PlannedSeries, other: PlannedSeries) -> bool:
    """Whether two boxes share so much that they are repetitions, not stations."""
    (low, high), (other_low, other_high) = _box(one), _box(other)
    shared = np.clip(np.minimum(high, other_high) - np.maximum(low, other_low), 0, None)
    return bool((shared > STATION_OVERLAP * np.minimum(high - low, other_high - other_low)).all())


def _box(one: PlannedSeries) -> tuple[np.ndarray, np.ndarray]:
    shape = np.array(one.grid.shape)
    corners = one.grid.to_world(np.array([[-0.5, -0.5, -0.5], shape - 0.5]))
    return corners.min(axis=0), corners.max(axis=0)


def _centre(one: PlannedSeries) -> np.ndarray:
    return one.grid.to_world((np.array(one.grid.shape)[None] - 1) / 2.0)[0]
