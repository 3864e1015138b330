"""Slices with a position and an orientation -> the grid they form, or the reason why they form none.

Takes what headers say of each slice, in any order; returns the order along the normal and a Geometry. Knows
nothing about files beyond their names, which it puts into messages, and nothing about pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from netlesion.errors import DicomError, GeometryError
from netlesion.image.geometry import SHEAR_TOLERANCE, Geometry

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
#: A slice may lie this fraction of the slice step away from its even position before it is a gap.
POSITION_TOLERANCE = 0.05
#: Positions may be rounded to this fraction of the slice step; a missing slice is another matter [P].
LARGEST_ROUNDING = 0.2
ROUNDINGS_MM = (1.0, 0.5, 0.1, 0.01)
#: Largest difference of a direction cosine between slices of one series.
ORIENTATION_TOLERANCE = 1e-4
#: Slices nearer than this (mm) along the normal lie at the same position.
SAME_POSITION_MM = 1e-3
#: The finest spacing and the largest distance (mm) that a patient's image can have.
SPACING_RANGE_MM = (1e-2, 1e3)


@dataclass(frozen=True)
class Plane:
    """What the slices of a stack share: size, spacing (between rows, between columns; mm) and LPS orientation.

    None where the header does not say it in numbers.
    """

    rows: int | None
    columns: int | None
    spacing_mm: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    thickness_mm: float | None = None

    @property
    def normal(self) -> np.ndarray | None:
        """Unit vector across rows and columns (LPS), None without a valid orientation."""
        if self.orientation is None:
            return None
        row, column = np.array(self.orientation[:3]), np.array(self.orientation[3:])
        if abs(np.linalg.norm(row) - 1) > 1e-3 or abs(np.linalg.norm(column) - 1) > 1e-3 or abs(row @ column) > 1e-3:
            return None
        return np.cross(row, column)


@dataclass(frozen=True)
class SliceKind:
    """What may tell apart images that lie at one position of one series."""

    image_type: tuple[str, ...] = ()
    echo_ms: float | None = None
    b_value: float | None = None
    acquisition: int | None = None
    temporal: int | None = None


@dataclass(frozen=True, slots=True)
class Slice:
    """One frame: the file it is in, its number there (None in a classic file), its plane and LPS position in mm."""

    file: str
    plane: Plane
    position: tuple[float, ...] | None
    frame: int | None = None
    instance: bytes = b""
    kind: SliceKind = SliceKind()

    @property
    def name(self) -> str:
        """What to call the slice in a message."""
        return self.file if self.frame is None else f"{self.file} frame {self.frame + 1}"


@dataclass(frozen=True, eq=False)
class Stack:
    """Slices in the order of K, and their grid. note: what was tolerated, for whoever talks to a user."""

    slices: tuple[Slice, ...]
    geometry: Geometry
    note: str = ""


def stack_slices(slices: Sequence[Slice], label: str) -> Stack:
    """Orders slices along their normal; `label` names the series in messages.

    Raises DicomError for slices that are duplicated, missing, turned, of another size or without a place in
    space, GeometryError for a sheared stack (tilted gantry).
    """
    first = slices[0]
    for one in slices:
        _require_plane(one, first)
    plane = first.plane
    normal = plane.normal
    assert normal is not None, "required of every plane above"
    assert plane.orientation is not None
    assert plane.spacing_mm is not None
    assert plane.columns is not None
    assert plane.rows is not None
    positions = np.array([one.position for one in slices])
    order = np.argsort(positions @ normal, kind="stable")
    ordered, positions = [slices[i] for i in order.tolist()], positions[order]
    step, note = _step(ordered, positions, normal)
    row, column = np.array(plane.orientation[:3]), np.array(plane.orientation[3:])
    affine_lps = np.eye(4)
    affine_lps[:3, 0] = row * plane.spacing_mm[1]
    affine_lps[:3, 1] = column * plane.spacing_mm[0]
    affine_lps[:3, 2] = step
    affine_lps[:3, 3] = positions[0]
    try:
        geometry = Geometry(LPS_TO_RAS @ affine_lps, (plane.columns, plane.rows, len(ordered)))
    except GeometryError as error:
        raise GeometryError(f"{label}: {error}") from error
    return Stack(tuple(ordered), geometry, note)


def offsets_mm(slices: Sequence[Slice]) -> np.ndarray | None:
    """Where slices lie along the first one's normal, in mm; None when one has no place in space."""
    normal = slices[0].plane.normal
    if normal is None or any(one.position is None for one in slices):
        return None
    return np.array([one.position for one in slices]) @ normal


def _require_plane(one: Slice, first: Slice) -> None:
    plane = one.plane
    low, high = SPACING_RANGE_MM
    if plane.orientation is None or plane.normal is None:
        raise DicomError(
            f"{one.name}: Image Orientation (0020,0037) is {_shown(plane.orientation)}, "
            "expected two unit vectors at 90 degrees"
        )
    if one.position is None:
        raise DicomError(f"{one.name}: Image Position (0020,0032) is missing or not three numbers")
    if plane.spacing_mm is None or not all(low <= s <= high for s in plane.spacing_mm):
        raise DicomError(
            f"{one.name}: Pixel Spacing (0028,0030) is {_shown(plane.spacing_mm)}, expected two numbers of {low:g} to "
            f"{high:g} mm"
        )
    if plane is first.plane:
        return
    reference = first.plane.orientation
    if reference is None or np.abs(np.subtract(plane.orientation, reference)).max() > ORIENTATION_TOLERANCE:
        raise DicomError(f"{one.name}: slice is turned against {first.name}; a series must have one orientation")
    for what, found, expected in (
        ("Rows", plane.rows, first.plane.rows),
        ("Columns", plane.columns, first.plane.columns),
        ("PixelSpacing", plane.spacing_mm, first.plane.spacing_mm),
    ):
        if found != expected:
            raise DicomError(f"{one.name}: {what} is {_shown(found)}, but {_shown(expected)} in {first.name}")


def _step(ordered: Sequence[Slice], positions: np.ndarray, normal: np.ndarray) -> tuple[np.ndarray, str]:
    """The vector from one slice to the next, and a note where positions are even but for their rounding.

    Raises DicomError at the first duplicate or gap.
    """
    if len(ordered) == 1:
        thickness = ordered[0].plane.thickness_mm
        if thickness is None or not SPACING_RANGE_MM[0] <= thickness <= SPACING_RANGE_MM[1]:
            raise DicomError(f"{ordered[0].name}: a single slice without Slice Thickness has no volume")
        return normal * thickness, ""
    steps = np.diff(positions @ normal)
    typical = float(np.median(steps))
    for i in np.flatnonzero(steps < SAME_POSITION_MM).tolist():
        raise DicomError(
            f"{ordered[i + 1].name}: lies at the same position as {ordered[i].name}; "
            "duplicate slices or a dynamic series, keep one of them"
        )
    uneven = np.flatnonzero(np.abs(steps - typical) > POSITION_TOLERANCE * typical)
    step = (positions[-1] - positions[0]) / (len(positions) - 1)
    along = normal * (step @ normal)
    sheared = np.linalg.norm(step - along) > SHEAR_TOLERANCE * typical
    rounding = _rounding_mm(positions, normal) if len(uneven) or sheared else 0.0
    if len(uneven) and rounding == 0:
        i = int(uneven[0])
        raise DicomError(
            f"{ordered[i + 1].name}: lies {steps[i]:.3f} mm after {ordered[i].name}, "
            f"the series' step is {typical:.3f} mm; slices are missing or uneven, export the series again"
        )
    drift = np.abs(positions - positions[0] - np.arange(len(positions))[:, None] * step).max(axis=1)
    worst = int(drift.argmax())
    if drift[worst] > POSITION_TOLERANCE * typical + rounding + 1e-3:
        raise DicomError(
            f"{ordered[worst].name}: lies {drift[worst]:.3f} mm off the line through the series' slices; "
            "the stack is not straight"
        )
    if rounding == 0:
        return step, ""
    if np.abs(step - along).max() * (len(positions) - 1) <= rounding:  # a shear that rounding explains
        step = along
    return step, (
        f"slice positions are rounded to {rounding:g} mm and are taken as even, {np.linalg.norm(step):.4g} mm apart"
    )


def _rounding_mm(positions: np.ndarray, normal: np.ndarray) -> float:
    """To what (mm) even positions were rounded, 0 where that does not explain them: a missing slice lies farther off.

    Of N slices with one missing, one lies at least a quarter of a step off any even line.
    """
    moving = positions[:, np.ptp(positions, axis=0) > 1e-6]
    offsets = positions @ normal
    step = float(np.diff(offsets).mean())
    numbers = np.arange(len(offsets))
    off = np.abs(offsets - np.polynomial.Polynomial.fit(numbers, offsets, 1)(numbers)).max()
    for unit in ROUNDINGS_MM:
        rounded = np.abs(moving - np.rint(moving / unit) * unit).max() < 1e-6
        if rounded and unit <= LARGEST_ROUNDING * step and off <= min(0.75 * unit * np.abs(normal).sum(), 0.15 * step):
            return unit
    return 0.0


def _shown(value: object) -> str:
    if value is None:
        return "missing or not numbers"
    return "\\".join(f"{v:g}" for v in value) if isinstance(value, tuple) else str(value)
