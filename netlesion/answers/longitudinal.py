"""What became of the lesions from one PET to a later one of the same tracer, and over any number of them.
 Matching is `answers.match` (clinical.md 4.5). Its guards stand here: a lesion has resolved only where the later PET
sees its place and no organ hot in the tracer lies within 10 mm (its own organ aside); one is new only if it is at
least 0.5 ml or above liver and had less than half its uptake before, else the earlier mask had missed it
(newly_segmented). What a complex component leaves over is neither. Tracks are lesions linked over all PETs. Takes PETs
placed in one frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from netlesion.answers.finding import FDG, SSTR, moved_near
from netlesion.answers.match import Link, match
from netlesion.answers.patient import Lesion, Pet
from netlesion.answers.settings import ResponseSettings
from netlesion.answers.uptake import uptake_at, voxels_at

NEW, RESOLVED, PERSISTENT, SPLIT, MERGED, COMPLEX, NOT_ASSESSABLE, NEWLY_SEGMENTED = (
    "new", "resolved", "persistent", "split", "merged", "complex", "not_assessable", "newly_segmented",
)  # fmt: skip
#: Organs beside which a vanished lesion cannot be told from them, by the starts of their names [P]. The liver is none
#: of DOTATATE's: a lesion in it is seen because it is hotter.
GUARD: Mapping[str, tuple[str, ...]] = {
    SSTR: ("spleen", "kidney", "renal_pelvis", "urinary_bladder", "adrenal_gland", "pituitary"),
    FDG: ("brain", "cerebellum", "heart", "kidney", "renal_pelvis", "urinary_bladder"),
}


@dataclass(frozen=True)
class Change:
    """One component: what it was and is, its class and, where the class is not plain, why."""

    before: tuple[Lesion, ...]
    after: tuple[Lesion, ...]
    status: str
    why: str | None = None

    @property
    def volumes_ml(self) -> tuple[float, float]:
        """Sums over the component (clinical.md 4.5)."""
        return sum(x.volume_ml for x in self.before), sum(x.volume_ml for x in self.after)

    @property
    def peaks(self) -> tuple[float | None, float | None]:
        """Highest SUVpeak before and after; None without a lesion."""
        return max((x.suvpeak for x in self.before), default=None), max((x.suvpeak for x in self.after), default=None)

    @property
    def uptakes_g(self) -> tuple[float, float]:
        """Total uptake before and after."""
        return sum(x.total_uptake_g for x in self.before), sum(x.total_uptake_g for x in self.after)

    @property
    def distance_mm(self) -> float | None:
        """Between both centroids; None where one side is empty."""
        if not self.before or not self.after:
            return None
        one, two = (
            np.concatenate([x.placed_mm for x in side if x.placed_mm is not None]).mean(axis=0)
            for side in (self.before, self.after)
        )
        return float(np.linalg.norm(one - two))


@dataclass(frozen=True)
class Track:
    """Lesions linked over PETs. begins: the class of the component by which it began, `first` for those of the first
    PET; keys by the PET's case.
    """

    begins: str
    lesions: Mapping[str, tuple[Lesion, ...]]


def changes(before: Pet, after: Pet, settings: ResponseSettings) -> tuple[Change, ...]:
    """Every component between two PETs of one frame, in order of its lesions."""
    links = match(before.lesions, after.lesions, settings, moved_near(before, settings.near_mm))
    return tuple(_change(link, before, after, settings) for link in links)


def tracks(pets: Sequence[Pet], steps: Sequence[Sequence[Change]]) -> tuple[Track, ...]:
    """Lesions of PETs in order of time, joined by the changes between each two; steps[i] leads from pets[i] on."""
    parent: dict[str, str] = {x.key: x.key for pet in pets for x in pet.lesions}

    def root(key: str) -> str:
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    begins = {x.key: "first" for x in pets[0].lesions} if pets else {}
    for step in steps:
        for change in step:
            every = [x.key for x in (*change.before, *change.after)]
            for key in every[1:]:
                parent[root(key)] = root(every[0])
            if not change.before:
                begins |= {x.key: change.status for x in change.after}
    found: dict[str, dict[str, list[Lesion]]] = {}
    for pet in pets:
        for lesion in pet.lesions:
            found.setdefault(root(lesion.key), {}).setdefault(pet.case, []).append(lesion)
    made = []
    for by_case in found.values():
        first = next(iter(by_case.values()))
        starts = {begins.get(x.key, COMPLEX) for x in first}
        made.append(Track(min(starts), {case: tuple(lesions) for case, lesions in by_case.items()}))
    return tuple(made)


def _change(link: Link, before: Pet, after: Pet, settings: ResponseSettings) -> Change:
    one, two = link.first, link.second
    if link.from_complex:
        return Change(one, two, COMPLEX, "several lesions lie in and beside each other at both visits")
    if one and two:
        status = PERSISTENT if len(one) == len(two) else SPLIT if len(two) > 1 else MERGED
        return Change(one, two, status)
    if one:
        why = _not_resolved(one[0], after, settings)
        return Change(one, (), RESOLVED if why is None else NOT_ASSESSABLE, why)
    return Change((), two, *_newness(two[0], before, after, settings))


def _not_resolved(lesion: Lesion, after: Pet, settings: ResponseSettings) -> str | None:
    """Why a lesion that is not there any more cannot be called resolved; None where it can."""
    assert lesion.placed_mm is not None
    if not after.sees(lesion.placed_mm).all():
        return "its place is outside the later field of view"
    if after.read_organs is None:
        return None
    organs, points = after.read_organs(), after.of_patient(lesion.placed_mm)
    for name in GUARD.get(after.tracer, ()):
        if lesion.region != name and organs.distance_mm(points, (name,)) <= settings.hot_mm:
            return f"its place lies within {settings.hot_mm:g} mm of the {name.replace('_', ' ')}, which is hot anyway"
    return None


def _newness(lesion: Lesion, before: Pet, after: Pet, settings: ResponseSettings) -> tuple[str, str | None]:
    """Class of a lesion without a partner before, and why."""
    assert lesion.placed_mm is not None
    if not before.sees(lesion.placed_mm).all():
        return NOT_ASSESSABLE, "its place is outside the earlier field of view"
    liver = after.references.liver
    if lesion.volume_ml < settings.new_ml and (liver is None or lesion.suvpeak <= liver.mean):
        return NEWLY_SEGMENTED, f"it is below {settings.new_ml:g} ml and not above liver"
    if before.read_suv is None:
        return NOT_ASSESSABLE, "the earlier PET is not there to look at its place"
    there = uptake_at(before.read_suv(), voxels_at(before, lesion.placed_mm))
    if there is not None and there.peak >= settings.new_ratio * lesion.suvpeak:
        return NEWLY_SEGMENTED, f"its place had a SUVpeak of {there.peak:.1f} g/ml before"
    return NEW, None
