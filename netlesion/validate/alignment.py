"""How far the outline of the body in CT lies from that in PET, by moving one over the other.

The CT's outline is brought to the PET's coarse grid; where the CT does not reach, nothing is compared. The overlap
(Dice) is followed uphill in steps of one coarse voxel to its best place; the way there is the shift. PET blurs the
outline evenly on all sides, so that it costs overlap but does not shift it; arms that moved and breathing cost overlap
as well. Resolution is COARSE_MM per axis. Knows nothing about findings.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from netlesion.image.volume import Quantity, Volume
from netlesion.preprocess.harmonise import resample
from netlesion.validate.body import COARSE_MM, Outline

#: The search goes no further than this, mm.
FARTHEST_MM = 90.0
#: A move along I, J and K, in voxels of the coarse grid.
Shift = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Alignment:
    """dice: overlap as stored, best_dice: after moving the CT by shift_mm (RAS+); body: the CT's on the PET's grid."""

    dice: float
    best_dice: float
    shift_mm: tuple[float, float, float]
    body: np.ndarray

    @property
    def distance_mm(self) -> float:
        return float(np.linalg.norm(self.shift_mm))


def align(pet: Outline, ct: Outline) -> Alignment | None:
    """None where either shows no body, or they share no space."""
    if not pet.inside.any() or not ct.inside.any():
        return None
    body, seen = _on_grid(ct.inside, ct, pet), _on_grid(np.ones_like(ct.inside), ct, pet)
    if not (pet.inside & seen).any() or not body.any():
        return None
    here: Shift = (0, 0, 0)
    found: dict[Shift, float] = {here: _dice(pet.inside, body, seen, here)}
    limit = int(FARTHEST_MM / COARSE_MM)
    while True:
        i, j, k = here
        near: list[Shift] = [(i + a, j + b, k + c) for a, b, c in product((-1, 0, 1), repeat=3)]
        for shift in near:
            if shift not in found and max(map(abs, shift)) <= limit:
                found[shift] = _dice(pet.inside, body, seen, shift)
        best = max((s for s in near if s in found), key=lambda s: (found[s], s == here))
        if found[best] <= found[here]:
            break
        here = best
    return Alignment(
        dice=found[0, 0, 0],
        best_dice=found[here],
        shift_mm=(float(here[0] * COARSE_MM), float(here[1] * COARSE_MM), float(here[2] * COARSE_MM)),
        body=body,
    )


def _on_grid(mask: np.ndarray, source: Outline, target: Outline) -> np.ndarray:
    labels = Volume(mask.astype(np.uint8), source.geometry, Quantity.LABEL)
    return resample(labels, target.geometry).array > 0


def _dice(pet: np.ndarray, body: np.ndarray, seen: np.ndarray, shift: Shift) -> float:
    """Dice of the PET's body and the CT's moved by `shift` voxels, within what the moved CT has seen; 0 if too little.

    Only the part that both arrays share is compared; less than half of the PET's body is no comparison.
    """
    fixed = tuple(slice(max(s, 0), n + min(s, 0)) for s, n in zip(shift, pet.shape, strict=True))
    moved = tuple(slice(max(-s, 0), n + min(-s, 0)) for s, n in zip(shift, pet.shape, strict=True))
    where = seen[moved]
    a, b = pet[fixed] & where, body[moved] & where
    total = np.count_nonzero(a) + np.count_nonzero(b)
    if 2 * np.count_nonzero(a) < np.count_nonzero(pet):
        return 0.0
    return 2.0 * np.count_nonzero(a & b) / total
