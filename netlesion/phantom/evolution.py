"""What becomes of the lesions until the next visit: the same, growth, shrinkage, new, resolved, split, merged.

Takes a generator and the foci of one time point; returns the foci of the next and the true links between both. A
lesion that goes on keeps its id, its place in the reference body and its shape; fragments, merged and new ones get
ids never used before. Sizes are [P]. Knows nothing about images or postures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from netlesion.phantom.focus import LESION_KINDS, Focus

if TYPE_CHECKING:
    from collections.abc import Callable

Course = Literal["response", "stable", "progression", "mixed"]
COURSES: tuple[Course, ...] = ("response", "stable", "progression", "mixed")
#: Below this size a shrinking lesion has resolved.
RESOLVED_MM = 3.0


@dataclass(frozen=True)
class EvolutionSettings:
    """All [P]. growth: median and sigma of the lognormal factor on volume, by course; shares are per lesion.

    split_share, merge_share: of lesions that could. new_mean: Poisson mean of new lesions in progression, a third of it
    when mixed.
    """

    response_growth: tuple[float, float] = (0.45, 0.5)
    stable_growth: tuple[float, float] = (1.0, 0.12)
    progression_growth: tuple[float, float] = (1.7, 0.35)
    mixed_growth: tuple[float, float] = (1.0, 0.7)
    resolve_share_response: float = 0.25
    split_share: float = 0.08
    split_min_diameter_mm: float = 14.0
    merge_share: float = 0.25
    merge_reach_mm: float = 12.0
    new_mean: float = 2.5
    uptake_sigma: float = 0.2


@dataclass(frozen=True)
class Link:
    """One true correspondence. from_id 0: a new lesion; to_id 0: resolved. split and merge have one row per pair."""

    from_id: int
    to_id: int
    relation: Literal["same", "split", "merge", "new", "resolved"]


@dataclass(frozen=True)
class Evolved:
    """The next time point: foci with ids, the links to the one before, and the course that was drawn."""

    foci: tuple[Focus, ...]
    links: tuple[Link, ...]
    course: Course


def evolve(
    rng: np.random.Generator,
    foci: tuple[Focus, ...],
    settings: EvolutionSettings,
    draw_new: Callable[[int, tuple[Focus, ...]], tuple[Focus, ...]],
    first_free_id: int,
) -> Evolved:
    """The lesions one visit later. draw_new(count, there) places `count` lesions clear of those there."""
    course = COURSES[int(rng.integers(len(COURSES)))]
    median, sigma = getattr(settings, f"{course}_growth")
    next_id = first_free_id
    there: list[Focus] = []
    links: list[Link] = []
    for focus in (f for f in foci if f.kind in LESION_KINDS):
        factor = median * math.exp(sigma * float(rng.normal()))
        uptake = math.exp(settings.uptake_sigma * float(rng.normal()))
        chances, direction = rng.random(2), rng.normal(size=3)
        grown = replace(focus, volume_ml=focus.volume_ml * factor, suv={c: v * uptake for c, v in focus.suv.items()})
        gone = course == "response" and chances[0] < settings.resolve_share_response
        if gone or grown.diameter_mm < RESOLVED_MM:
            links.append(Link(focus.lesion_id, 0, "resolved"))
        elif (
            chances[1] < settings.split_share and focus.diameter_mm >= settings.split_min_diameter_mm and factor <= 1.2
        ):
            for piece in _split(grown, direction, next_id):
                there.append(piece)
                links.append(Link(focus.lesion_id, piece.lesion_id, "split"))
                next_id += 1
        else:
            there.append(grown)
            links.append(Link(focus.lesion_id, focus.lesion_id, "same"))
    there, links, next_id = _merge(rng, there, links, settings, next_id)
    count = int(rng.poisson({"progression": settings.new_mean, "mixed": settings.new_mean / 3.0}.get(course, 0.0)))
    if foci:
        for new in draw_new(count, tuple(there)):
            there.append(replace(new, lesion_id=next_id))
            links.append(Link(0, next_id, "new"))
            next_id += 1
    return Evolved(tuple(there), tuple(links), course)


def _split(focus: Focus, direction: np.ndarray, next_id: int) -> tuple[Focus, Focus]:
    """Two fragments of 0.35 and 0.45 of the volume, side by side inside what was one lesion."""
    direction = direction / np.linalg.norm(direction)
    reach = 0.32 * focus.diameter_mm
    pieces = []
    for n, (share, sign) in enumerate(((0.35, 1.0), (0.45, -1.0))):
        centre = tuple((np.array(focus.centre_mm) + sign * reach * direction).tolist())
        pieces.append(
            replace(focus, lesion_id=next_id + n, centre_mm=centre, volume_ml=share * focus.volume_ml, core_ratio=1.0)
        )
    return pieces[0], pieces[1]


def _merge(
    rng: np.random.Generator, there: list[Focus], links: list[Link], settings: EvolutionSettings, next_id: int
) -> tuple[list[Focus], list[Link], int]:
    """Lesions that go on, of one region and near each other, grow into one of one and a half times both volumes."""
    merged: set[int] = set()
    plain = {link.to_id for link in links if link.relation == "same"}
    for n, a in enumerate(list(there)):
        for b in list(there)[n + 1 :]:
            near = math.dist(a.centre_mm, b.centre_mm) - 0.5 * (a.diameter_mm + b.diameter_mm) < settings.merge_reach_mm
            fit = a.region == b.region and a.segment == b.segment and {a.lesion_id, b.lesion_id} <= plain - merged
            if near and fit and rng.random() < settings.merge_share:
                volume = a.volume_ml + b.volume_ml
                centre = (a.volume_ml * np.array(a.centre_mm) + b.volume_ml * np.array(b.centre_mm)) / volume
                large = a if a.volume_ml >= b.volume_ml else b
                kind = "primary" if "primary" in (a.kind, b.kind) else "metastasis"
                joined = replace(
                    large, lesion_id=next_id, kind=kind, centre_mm=tuple(centre.tolist()), volume_ml=1.5 * volume
                )
                there = [f for f in there if f not in (a, b)] + [joined]
                links = [k for k in links if k.to_id not in (a.lesion_id, b.lesion_id)]
                links += [Link(a.lesion_id, next_id, "merge"), Link(b.lesion_id, next_id, "merge")]
                merged |= {a.lesion_id, b.lesion_id, next_id}
                next_id += 1
    return there, links, next_id
