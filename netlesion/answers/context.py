"""What is around a lesion: its uptake beside the reference organs, the other tracer, its mirror image, its shape.

Every function says None where something that it needs is not known. Takes records of `answers.patient`; knows nothing
about what a finding means.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from netlesion.answers.gaps import Place, gap_mm
from netlesion.answers.patient import Lesion, Pet, Visit
from netlesion.quantify.organ_map import OrganMap

#: How far apart voxels of one finding may lie on two PETs (clinical.md 3.6: dilation by 5 mm of each) [P].
COMPANION_MM = 10.0
#: How near a lesion lies to the mirror image of another (clinical.md 6.4), and their largest ratio of uptake.
MIRROR_MM, MIRROR_RATIO = 20.0, 2.0
#: Organs that lie in the middle of the body, by which its plane of symmetry is found.
MIDDLE = ("vertebrae", "sacrum")


@dataclass(frozen=True)
class Companion:
    """What the other tracer shows where a lesion lies: `seen` with its lesions, `not_seen`, or `unknown` and why.

    liver_ratio: of the hottest of its lesions, over the liver on its own PET; None where that is not known.
    """

    status: Literal["seen", "not_seen", "unknown"]
    lesions: tuple[Lesion, ...] = ()
    why: str = ""
    liver_ratio: float | None = None

    @property
    def suvpeak(self) -> float | None:
        """The highest SUVpeak of its lesions; None where none is seen."""
        return max((x.suvpeak for x in self.lesions), default=None)


def uptake_ratio(lesion: Lesion, pet: Pet, organ: str) -> float | None:
    """SUVpeak over the hottest 1 ml sphere in a reference organ, like over like (clinical.md 3.2); None without one."""
    reference = pet.references.found.get(organ)
    return None if reference is None or reference.peak <= 0 else lesion.suvpeak / reference.peak


def uptake_level(lesion: Lesion, pet: Pet) -> int | None:
    """SSTR-RADS' uptake level (clinical.md 3.3): 1 up to blood pool, 2 up to liver, 3 above liver.

    3 does not ask for the blood pool; None where a reference is missing that the level depends on.
    """
    to_liver, to_blood = (uptake_ratio(lesion, pet, organ) for organ in ("liver", "blood_pool"))
    if to_liver is None:
        return None
    if to_liver > 1:
        return 3
    return None if to_blood is None else 1 if to_blood <= 1 else 2


def companion(lesion: Lesion, visit: Visit, tracer: str) -> Companion:
    """What the visit's PET of another tracer shows at a lesion."""
    other = visit.pet(tracer)
    if other is None:
        return Companion("unknown", why=f"there is no PET of the other tracer at {visit.name}")
    own = visit.pet(lesion.tracer)
    if lesion.placed_mm is None or not other.placed or own is None or own.frame != other.frame:
        return Companion("unknown", why="no transform leads from one PET to the other")
    if not other.sees(lesion.placed_mm).any():
        return Companion("unknown", why="it lies outside the field of view of the other tracer's PET")
    here = Place(lesion.placed_mm, lesion.voxel_ml)
    there = [(x, Place(x.placed_mm, x.voxel_ml)) for x in other.lesions if x.placed_mm is not None]
    near = tuple(x for x, place in there if gap_mm(here, place, COMPANION_MM) <= COMPANION_MM)
    ratios = [r for r in (uptake_ratio(x, other, "liver") for x in near) if r is not None]
    return Companion("seen", near, liver_ratio=max(ratios, default=None)) if near else Companion("not_seen")


def mirror_of(lesion: Lesion, others: Sequence[Lesion], middle_x_mm: float | None) -> Lesion | None:
    """Another lesion of the same PET at the mirrored place, of like uptake; None without one, or without a middle.

    One that lies within MIRROR_MM of the middle itself has no mirror image.
    """
    if middle_x_mm is None:
        return None
    x, y, z = lesion.centroid_mm
    if abs(x - middle_x_mm) < MIRROR_MM / 2:
        return None
    place = np.array([2 * middle_x_mm - x, y, z])
    for other in others:
        alike = 1 / MIRROR_RATIO <= other.suvpeak / max(lesion.suvpeak, 1e-6) <= MIRROR_RATIO
        if other is not lesion and alike and np.linalg.norm(other.centroid_mm - place) <= MIRROR_MM:
            return other
    return None


def middle_x_mm(organs: OrganMap | None) -> float | None:
    """RAS+ x of the body's plane of symmetry, by spine and sacrum; None without a map that names them."""
    corners = None if organs is None else organs.corners_mm(MIDDLE)
    return None if corners is None else float(corners[:, 0].mean())


def elongation(points_N3: np.ndarray) -> float:
    """How many times longer than wide: the ratio of the two largest spreads of the voxels; 1 for fewer than 4."""
    if len(points_N3) < 4:
        return 1.0
    spreads = np.sqrt(np.maximum(np.linalg.eigvalsh(np.cov(points_N3.T)), 1e-6))
    return float(spreads[2] / spreads[1])
