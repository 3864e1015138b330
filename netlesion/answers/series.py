"""The PETs of one tracer over a patient's visits, what became of their lesions, and whether two scans can be
compared."""

from __future__ import annotations

from dataclasses import dataclass

from netlesion.answers.finding import FDG
from netlesion.answers.longitudinal import (
    NEW,
    NEWLY_SEGMENTED,
    NOT_ASSESSABLE,
    RESOLVED,
    Change,
    Track,
    changes,
    tracks,
)
from netlesion.answers.patient import Lesion, Patient, Pet
from netlesion.answers.settings import ResponseSettings
from netlesion.answers.words import spoken


@dataclass(frozen=True)
class Series:
    """pets: of one tracer and one frame, in order of visits; steps[i]: changes from pets[i] to pets[i + 1].

    apart: visits whose PET of this tracer lies in another frame, so that nothing can be matched.
    """

    tracer: str
    pets: tuple[Pet, ...]
    steps: tuple[tuple[Change, ...], ...]
    tracks: tuple[Track, ...]
    apart: tuple[str, ...]

    @classmethod
    def of(cls, patient: Patient, tracer: str, settings: ResponseSettings) -> Series:
        """The first PET of a tracer at each visit, matched from each to the next."""
        every = [pet for pet in (visit.pet(tracer) for visit in patient.visits) if pet is not None]
        pets = [p for p in every if p.placed and p.frame == every[0].frame]
        apart = tuple(p.visit for p in every if p not in pets)
        steps = [changes(a, b, settings) for a, b in zip(pets, pets[1:], strict=False)]
        return cls(tracer, tuple(pets), tuple(steps), tracks(pets, steps), apart)

    def index(self, visit: str) -> int | None:
        """Which of the PETs belongs to a visit."""
        return next((n for n, pet in enumerate(self.pets) if pet.visit == visit), None)

    def new_at(self, index: int, since: int = 0) -> tuple[Lesion, ...]:
        """Lesions of a PET whose track began, as new, after an earlier PET."""
        earlier = {pet.case for pet in self.pets[: since + 1]}
        found = [t for t in self.tracks if t.begins == NEW and not earlier & set(t.lesions)]
        return tuple(x for t in found for x in t.lesions.get(self.pets[index].case, ()))

    def not_seen_before_at(self, index: int) -> tuple[Lesion, ...]:
        """Lesions of a PET of which nobody can say whether they were there before: missed then, or out of view."""
        found = [t for t in self.tracks if t.begins in (NEWLY_SEGMENTED, NOT_ASSESSABLE)]
        return tuple(x for t in found for x in t.lesions.get(self.pets[index].case, ()))

    def of_track(self, lesion: Lesion, index: int) -> tuple[Lesion, ...]:
        """What a lesion of an earlier PET is on another one."""
        own = next(t for t in self.tracks if any(x.key == lesion.key for found in t.lesions.values() for x in found))
        return own.lesions.get(self.pets[index].case, ())

    def resolved_at(self, index: int) -> tuple[Lesion, ...]:
        """Lesions of the PET before that have resolved at this one."""
        return tuple(x for c in self.steps[index - 1] if c.status == RESOLVED for x in c.before)


def not_comparable(one: Pet, two: Pet, settings: ResponseSettings) -> tuple[str, ...]:
    """Why two scans cannot be compared (clinical.md 4.1, 4.4), as ends of a sentence; what is not known is one of
    them."""
    found = []
    a, b = one.acquisition, two.acquisition
    times = [None if x is None else x.uptake_s for x in (a, b)]
    if times[0] is None or times[1] is None:
        found.append("an uptake time is not known")
    else:
        if abs(times[1] - times[0]) >= settings.uptake_s:
            found.append(f"the uptake times are {times[0] / 60:.0f} and {times[1] / 60:.0f} min")
        if one.tracer == FDG and min(times[0], times[1]) < settings.least_uptake_s:
            found.append(f"an uptake time is below {settings.least_uptake_s / 60:.0f} min")
    scanners = [None if x is None else (x.manufacturer, x.model) for x in (a, b)]
    if None in scanners or scanners[0] == (None, None):
        found.append("a scanner is not known")
    elif scanners[0] != scanners[1]:
        found.append("the scanners differ")
    if one.reconstruction != two.reconstruction:
        found.append("the reconstructions differ")
    livers = one.references.liver, two.references.liver
    if livers[0] is None or livers[1] is None:
        found.append("the liver is not known on both")
    else:
        mean = livers[0].mean, livers[1].mean
        percent = 100.0 * abs(mean[1] - mean[0]) / mean[0] if mean[0] > 0 else float("inf")
        if percent > settings.liver_percent:
            found.append(f"the liver's SUVmean is {mean[0]:.1f} and {mean[1]:.1f} g/ml")
        lean = one.sul_per_suv, two.sul_per_suv
        if one.tracer == FDG and lean[0] is not None and lean[1] is not None:
            apart = abs(mean[1] * lean[1] - mean[0] * lean[0])
            if apart >= settings.liver_sul:
                found.append(f"the liver's SULmean differs by {apart:.1f} g/ml")
    return tuple(found)


def words_of(change: Change) -> str:
    """`split into 2`, `resolved`, ... of one component."""
    if change.after and change.before and len(change.after) > 1:
        return f"{spoken(change.status)} into {len(change.after)}"
    return spoken(change.status)
