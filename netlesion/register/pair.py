"""One pair of images in, a transform with its quality out, or the reason why there is none.

A registration is refused that is worse than doing nothing, beyond what the pair can plausibly need, no better than
chance, or not the same there and back; it is then not stored. Bounds are [P] after clinical.md 7.4 (PET/CT: 0-3 mm,
rarely 10-15; other day: 5-15 mm plus the table). Knows nothing about files.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from netlesion.image.transform import RigidTransform, Transform, compose
from netlesion.image.volume import Quantity
from netlesion.register.breathing import fit_breathing
from netlesion.register.deformable import refine
from netlesion.register.metric import Referee
from netlesion.register.parts import fit_parts
from netlesion.register.rigid import Prepared, RigidFit, register_rigid

#: Where a metric is at its chance level: this far from the fit, along each axis.
ELSEWHERE_MM = 60.0
GAINS_NOTHING = "no better than the headers alone"


@dataclass(frozen=True)
class Bounds:
    """What a fit must keep. shift_mm: of the trunk's middle; above_chance: metric over its mean ELSEWHERE_MM away."""

    shift_mm: float
    angle_deg: float
    inverse_consistency_mm: float
    overlap: float = 0.5
    above_chance: float = 1.5


#: One scanner, one table; and two days, where the table may be anywhere along the body.
SAME_FRAME = Bounds(shift_mm=25.0, angle_deg=8.0, inverse_consistency_mm=5.0)
OTHER_FRAME = Bounds(shift_mm=400.0, angle_deg=25.0, inverse_consistency_mm=5.0)


@dataclass(frozen=True, eq=False)
class Registration:
    """transform: None when nothing is to be stored; reason says why, in words. Metrics in bits, lengths in mm.

    breathless: the transform without what a breath moves, where it has that: what a chain through this image takes, for
    two PETs differ by no breath and their CTs do.
    """

    transform: Transform | None
    method: str
    bits_before: float
    bits_after: float
    bits_elsewhere: float
    inverse_consistency_mm: float
    overlap: float
    reason: str = ""
    refused: bool = False
    breathing: bool = False
    breathless: Transform | None = None

    @property
    def link(self) -> Transform | None:
        """What a chain through the moving image takes."""
        return self.breathless if self.breathing else self.transform


def register_pair(
    fixed: Prepared,
    moving: Prepared,
    *,
    same_frame: bool,
    deform: bool = False,
    breathing: bool = True,
    parts: bool = True,
    seed: int = 0,
) -> Registration:
    """fixed, moving: of `prepare`. same_frame: both in one scanner's world; then a correction that gains nothing or is
    smaller than its own error is none, and the headers stand (not refused, nothing to store). deform: between days, and
    where both images show the same thing. breathing: in one scanner's world, also what a breath moves. parts: between
    days, head and limbs by motions of their own, where both images show the same thing.
    """
    if not fixed.mask.any() or not moving.mask.any():
        return Registration(None, "rigid", 0.0, 0.0, 0.0, np.inf, 0.0, "no body is seen in one of the images", True)
    if same_frame and fixed.dome_z_mm is None and moving.dome_z_mm is None:
        reason = "no lung is told apart in them, so breathing would be taken for a shift of the whole body"
        return Registration(None, "rigid", 0.0, 0.0, 0.0, np.inf, 1.0, reason)
    fit = register_rigid(fixed, moving, same_frame=same_frame, seed=seed)
    seen = fixed.still(fixed.dome_z_mm if moving.dome_z_mm is None else moving.dome_z_mm) if same_frame else fixed
    referee = Referee(fixed.image, moving.image, seen.mask)
    result = judge(
        referee, fit.transform, fixed.centre_mm, fit.inverse_consistency_mm, SAME_FRAME if same_frame else OTHER_FRAME
    )
    if same_frame:
        result = _against_headers(result, fit, seen.trunk_points())
        dome_z_mm = seen.dome_z_mm
        return _with_breathing(fixed, moving, result, dome_z_mm) if breathing and dome_z_mm is not None else result
    if result.transform is None or not comparable(fixed, moving):
        return result
    if not deform:
        return _with_parts(fixed, moving, result, fit.transform, seed) if parts else result
    return _deformed(fixed, moving, result, fit.transform, Referee(fixed.image, moving.image, fixed.mask))


def judge(
    referee: Referee, transform: Transform, centre_mm: np.ndarray, inverse_consistency_mm: float, bounds: Bounds
) -> Registration:
    """A fit against its bounds: kept, or refused with the value that broke one."""
    before, after, overlap = referee.score(None), referee.score(transform), referee.overlap(transform)
    elsewhere = float(np.mean([referee.score(compose([transform, s])) for s in _shifts(ELSEWHERE_MM)]))
    result = Registration(transform, "rigid", before, after, elsewhere, inverse_consistency_mm, overlap)
    shift = float(np.linalg.norm(transform.apply(centre_mm[None])[0] - centre_mm))
    angle = transform.angle_deg if isinstance(transform, RigidTransform) else 0.0
    for bad, reason in (
        (
            overlap < bounds.overlap,
            f"only {overlap:.0%} of the trunk lies in the other image, expected {bounds.overlap:.0%}",
        ),
        (after <= before, f"{GAINS_NOTHING} ({after:.3f} against {before:.3f} bits)"),
        (
            after < bounds.above_chance * elsewhere,
            f"{after:.3f} bits are hardly more than the {elsewhere:.3f} found {ELSEWHERE_MM:g} mm off",
        ),
        (shift > bounds.shift_mm, f"a shift of {shift:.0f} mm, expected at most {bounds.shift_mm:g}"),
        (angle > bounds.angle_deg, f"a turn of {angle:.0f} degrees, expected at most {bounds.angle_deg:g}"),
        (
            not inverse_consistency_mm <= bounds.inverse_consistency_mm,
            f"there and back differ by {inverse_consistency_mm:.1f} mm, expected at most "
            f"{bounds.inverse_consistency_mm:g}",
        ),
    ):
        if bad:
            return _without(result, reason, refused=True)
    return result


def comparable(fixed: Prepared, moving: Prepared) -> bool:
    """Two CTs or two MRs. Between tracers a B-spline pulls organs to where the other tracer is: it is not offered."""
    return fixed.image.quantity is moving.image.quantity and fixed.image.quantity in (Quantity.HU, Quantity.MR)


def _against_headers(result: Registration, fit: RigidFit, points_N3: np.ndarray) -> Registration:
    moved = float(np.median(displacement_mm(fit.transform, points_N3)))
    if moved <= fit.inverse_consistency_mm <= SAME_FRAME.inverse_consistency_mm:
        reason = f"a shift of {moved:.1f} mm is within its own error of {fit.inverse_consistency_mm:.1f} mm"
    elif GAINS_NOTHING in result.reason:
        reason = result.reason
    else:
        return result
    aligned = result.bits_before >= SAME_FRAME.above_chance * result.bits_elsewhere
    return _without(result, reason, refused=not aligned)


def _with_breathing(fixed: Prepared, moving: Prepared, result: Registration, dome_z_mm: float) -> Registration:
    """What lies rigidly right, or by its headers, with what a breath moves on top; as it was where that is not seen."""
    if result.refused:
        return result
    rigid = RigidTransform(np.eye(4)) if result.transform is None else result.transform
    assert isinstance(rigid, RigidTransform)
    fit = fit_breathing(fixed, moving, rigid, dome_z_mm)
    if fit is None:
        return result
    referee = Referee(fixed.image, moving.image, fixed.mask)
    before, after = referee.score(None), referee.score(fit.field)
    if after <= before:
        return result
    method = f"{'headers' if result.transform is None else 'rigid'} and breathing {fit.depth_mm:.1f} mm"
    consistency = fit.error_mm if result.transform is None else max(fit.error_mm, result.inverse_consistency_mm)
    return replace(
        result, transform=fit.field, method=method, bits_before=before, bits_after=after,
        inverse_consistency_mm=consistency, reason="", breathing=True, breathless=result.transform,
    )  # fmt: skip


def displacement_mm(transform: Transform, points_N3: np.ndarray) -> np.ndarray:
    """How far each point moves, (N,)."""
    return np.linalg.norm(transform.apply(points_N3) - points_N3, axis=1)


def _with_parts(
    fixed: Prepared, moving: Prepared, result: Registration, rigid: RigidTransform, seed: int
) -> Registration:
    """Head and limbs by motions of their own where that gains over the whole body; else the rigid result."""
    assert fixed.body is not None
    field = fit_parts(fixed, moving, rigid, seed)
    referee = Referee(fixed.image, moving.image, fixed.body)
    if field is None or referee.score(field) <= referee.score(rigid):
        return result
    return replace(result, transform=field, method="rigid by parts")


def _deformed(
    fixed: Prepared, moving: Prepared, result: Registration, rigid: RigidTransform, referee: Referee
) -> Registration:
    """The deformable fit where it gains on the rigid one; else the rigid result."""
    field = refine(fixed, moving, rigid)
    after = referee.score(field)
    if after <= referee.score(rigid):
        return result
    return replace(result, transform=field, method="deformable", bits_after=after, overlap=referee.overlap(field))


def _shifts(length_mm: float) -> list[RigidTransform]:
    found = []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            matrix = np.eye(4)
            matrix[axis, 3] = sign * length_mm
            found.append(RigidTransform(matrix))
    return found


def _without(result: Registration, reason: str, *, refused: bool) -> Registration:
    return replace(result, transform=None, reason=reason, refused=refused)
