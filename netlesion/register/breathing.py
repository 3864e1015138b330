"""What breathing moves between a CT and its PET: for every height one shift along the body, by mutual information.

A CT is taken in one breath, a PET over many: the diaphragm and what hangs on it lie lower or higher, and no rigid
motion mends that (clinical.md 7.4: 5-10 mm, 20-30 after a deep breath, gone 10 cm away). Organs inside the trunk move;
the chest wall, the back and the spine do not. Takes a pair that lies rigidly right, returns a displacement field. Two
sets of columns, as on a chessboard, are fitted apart: their mean is kept, each must gain on the other's places, and how
far they differ is the error. Knows nothing about files.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.optimize import minimize

from netlesion.image.transform import DisplacementField, RigidTransform, grid_points
from netlesion.register.metric import mutual_information
from netlesion.register.rigid import Prepared

#: Heights over the diaphragm at which a shift is sought, and where there is none any more, mm [P].
KNOTS_MM = np.array([-200.0, -160.0, -120.0, -80.0, -40.0, 0.0, 40.0, 80.0, 120.0])
#: A first guess: one depth for all, fading over so many mm from the dome and from 60 mm below it [P].
LIVER_MM, FADING_MM = 60.0, 60.0
#: Depths tried for it: organs of the CT are up to so many mm lower (-) or higher [P].
DEPTHS_MM = np.arange(-36.0, 13.0, 3.0)
#: A larger shift than this is no breath [P], nor is a fit whose halves differ by more than this (median, mm).
LARGEST_MM, LARGEST_ERROR_MM = 45.0, 2.5
#: From the skin inwards, and from the back forwards, the fraction that moves rises from 0 to 1 over these mm [P]; the
#: spine reaches further forwards than the back beside it, so many mm to either side of the trunk's middle.
WALL_MM, BACK_MM, SPINE_MM, BESIDE_MM = (0.0, 20.0), (40.0, 80.0), (80.0, 110.0), (30.0, 60.0)
#: How much a bend of 1 mm costs, in bits: shifts of neighbouring heights belong together [P].
STIFFNESS_BITS = 2e-5
NUM_POINTS, LEAST_POINTS = 40_000, 1000
#: Width of the columns [P]: neighbours within one are alike, so that sets of single places would agree on noise.
COLUMN_MM = 32.0
FIELD_MM = 8.0


@dataclass(frozen=True, eq=False)
class BreathingFit:
    """field: rigid motion and breathing together; depth_mm and error_mm: median shift in the zone, and its error."""

    field: DisplacementField
    depth_mm: float
    error_mm: float


def fit_breathing(fixed: Prepared, moving: Prepared, rigid: RigidTransform, dome_z_mm: float) -> BreathingFit | None:
    """None where a shift gains nothing, is no larger than its own error, or is no breath.

    dome_z_mm: height of the diaphragm, RAS+ mm of either image.
    """
    share = moving_share(fixed)
    places = np.flatnonzero(share > 0.5)
    height = grid_points(fixed.image.geometry, places)[:, 2] - dome_z_mm
    places = places[(height > KNOTS_MM[0]) & (height < KNOTS_MM[-1])]
    places = places[:: max(1, places.size // NUM_POINTS)]
    if places.size < LEAST_POINTS:
        return None
    black = np.floor(grid_points(fixed.image.geometry, places)[:, :2] / COLUMN_MM).sum(axis=1) % 2 == 0
    halves = [_Half(fixed, moving, rigid, share, places[half], dome_z_mm) for half in (black, ~black)]
    shifts = [half.fitted() for half in halves]
    none = np.zeros(len(KNOTS_MM))
    if any(half.bits(shift) <= half.bits(none) for half, shift in zip(halves, reversed(shifts), strict=True)):
        return None
    seen = [half.along(shift) for half in halves for shift in shifts]
    error = float(np.median(np.abs(np.concatenate([seen[0] - seen[1], seen[2] - seen[3]]))))
    shift = np.mean(shifts, axis=0)
    depth = float(np.median(np.abs(np.concatenate([half.along(shift) for half in halves]))))
    if depth <= error or error > LARGEST_ERROR_MM or np.abs(shift).max() > LARGEST_MM:
        return None
    return BreathingFit(_field(fixed, rigid, share, shift, dome_z_mm), depth, error)


def moving_share(fixed: Prepared) -> np.ndarray:
    """(I, J, K) 0 to 1: how much of the breath each voxel follows, 0 outside the trunk, at its wall and its back."""
    geometry = fixed.image.geometry
    x, y = np.moveaxis(grid_points(geometry).reshape(*geometry.shape, 3), -1, 0)[:2]
    back = np.where(fixed.mask, y, np.inf).min(axis=(0, 1), keepdims=True)
    inwards = ndimage.distance_transform_edt(fixed.mask, sampling=geometry.spacing_mm)
    forwards = np.where(np.isfinite(back), y - np.where(np.isfinite(back), back, 0.0), 0.0)
    beside = _rise(np.abs(x - fixed.centre_mm[0]), *BESIDE_MM)
    free = beside * _rise(forwards, *BACK_MM) + (1.0 - beside) * _rise(forwards, *SPINE_MM)
    return _rise(inwards, *WALL_MM) * free


class _Half:
    """One set of places of a pair, and the bits that a list of shifts (mm, at KNOTS_MM) gives them."""

    def __init__(self, fixed: Prepared, moving: Prepared, rigid, share, places, dome_z_mm: float) -> None:
        points = grid_points(fixed.image.geometry, places)
        self.share, self.height = share.ravel()[places], points[:, 2] - dome_z_mm
        self.points, self.moving = rigid.apply(points), moving.image
        self.values = ndimage.gaussian_filter(fixed.image.array, 1.0).ravel()[places]
        self.array = ndimage.gaussian_filter(moving.image.array, 1.0)

    def along(self, shift: np.ndarray) -> np.ndarray:
        return self.share * np.interp(self.height, KNOTS_MM, shift)

    def bits(self, shift: np.ndarray) -> float:
        points = self.points.copy()
        points[:, 2] += self.along(shift)
        index = self.moving.geometry.to_index(points)
        found = ndimage.map_coordinates(self.array, index.T, order=1, mode="nearest")
        return mutual_information(self.values, found)

    def fitted(self) -> np.ndarray:
        start = max((depth * _fading() for depth in DEPTHS_MM), key=self.bits)

        def cost(inner: np.ndarray) -> float:
            shift = np.pad(inner, 1)
            return STIFFNESS_BITS * float((np.diff(shift, 2) ** 2).sum()) - self.bits(shift)

        options = {"xtol": 0.3, "ftol": 1e-5, "maxfev": 300}
        return np.pad(minimize(cost, start[1:-1], method="Powell", options=options).x, 1)


def _fading() -> np.ndarray:
    """1 from the dome to LIVER_MM below it, and towards 0 on both sides."""
    away = np.maximum(np.maximum(KNOTS_MM, -LIVER_MM - KNOTS_MM), 0.0)
    fading = np.exp(-((away / FADING_MM) ** 2))
    fading[[0, -1]] = 0.0
    return fading


def _field(fixed: Prepared, rigid: RigidTransform, share: np.ndarray, shift, dome_z_mm: float) -> DisplacementField:
    grid = fixed.image.geometry.resampled((FIELD_MM,) * 3)
    points = grid_points(grid)
    index = fixed.image.geometry.to_index(points).T
    moved = rigid.apply(points)
    moved[:, 2] += ndimage.map_coordinates(share, index, order=1, mode="constant") * np.interp(
        points[:, 2] - dome_z_mm, KNOTS_MM, shift
    )
    return DisplacementField((moved - points).reshape(*grid.shape, 3), grid)


def _rise(values: np.ndarray, low: float, high: float) -> np.ndarray:
    t = np.clip((values - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)
