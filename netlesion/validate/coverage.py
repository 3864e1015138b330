"""What the fields of view hold: how far the CT reaches beside the PET, and whether the body ends within the PET.

A PET voxel without CT was attenuated by a guess: arms outside a 50 cm CT, a CT that starts below the skull. A
tumour-induced osteomalacia needs the body from vertex to toe (clinical.md 6.3), other studies from skull base to
mid-thigh. Takes outlines on the coarse grid; knows nothing about findings.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlesion.image.volume import Quantity, Volume
from netlesion.preprocess.harmonise import resample
from netlesion.validate.body import Outline

#: Values below this are padding, no measurement.
PADDING_HU = -1100.0
#: A body that ends has less than this share of its largest cross-section in the last slice [P].
END_SHARE = 0.02


@dataclass(frozen=True)
class CtCoverage:
    """Head-foot length of PET body beyond the CT at each end, and the share of the PET's body beside the CT's field."""

    beyond_foot_mm: float
    beyond_head_mm: float
    beside_share: float


@dataclass(frozen=True)
class BodyEnds:
    """Length of the body seen, and whether the field of view ends before the body does."""

    length_mm: float
    cut_at_foot: bool
    cut_at_head: bool


def ct_coverage(pet: Outline, ct: Outline) -> CtCoverage | None:
    """None where they share no slice."""
    measured = Volume((ct.values > PADDING_HU).astype(np.uint8), ct.geometry, Quantity.LABEL)
    seen = resample(measured, pet.geometry).array > 0
    shared = np.flatnonzero(seen.any(axis=(0, 1)))
    body = np.flatnonzero(pet.inside.any(axis=(0, 1)))
    if not len(shared) or not len(body):
        return None
    step_mm = pet.geometry.spacing_mm[2]
    here = pet.inside[:, :, shared[0] : shared[-1] + 1]
    beside = here & ~seen[:, :, shared[0] : shared[-1] + 1]
    return CtCoverage(
        beyond_foot_mm=max(0, int(shared[0] - body[0])) * step_mm,
        beyond_head_mm=max(0, int(body[-1] - shared[-1])) * step_mm,
        beside_share=float(np.count_nonzero(beside) / max(np.count_nonzero(here), 1)),
    )


def body_ends(body: Outline) -> BodyEnds | None:
    """None where no body is seen."""
    area = body.inside.sum(axis=(0, 1))
    if not area.any():
        return None
    limit = END_SHARE * area.max()
    return BodyEnds(
        float((area > 0).sum() * body.geometry.spacing_mm[2]), bool(area[0] > limit), bool(area[-1] > limit)
    )
