"""A Visit on many grids -> one grid with named channels and presence flags.

The working grid covers the field of view of the reference PET, with its axes in RAS+ order and the spacing
asked for. Images are brought there with antialiasing (Gaussian, then cubic spline), masks by nearest
neighbour; a scan of another frame goes through its transform in the same single interpolation. A missing
channel is a fact (`present`), not an image of zeros. numpy and scipy only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import numpy as np
from scipy import ndimage

from netlesion.errors import CohortError
from netlesion.image.geometry import Geometry
from netlesion.image.separable import apply_along_axes
from netlesion.image.transform import RigidTransform, Transform
from netlesion.image.visit import Visit
from netlesion.image.volume import Quantity, Volume
from netlesion.output.memory import require_memory

#: What a voxel outside a channel's field of view holds.
OUTSIDE = MappingProxyType({Quantity.SUVBW: 0.0, Quantity.BQML: 0.0, Quantity.HU: -1000.0, Quantity.MR: 0.0})
#: FWHM of a Gaussian in units of its standard deviation.
FWHM = 2.3548200450309493
#: scipy pads by this much before a cubic spline in mode `nearest`; so do we where one spline serves many slabs.
SPLINE_PAD = 12


@dataclass(frozen=True, eq=False)
class Harmonised:
    """The channels of one visit on one grid.

    volumes: the channels that are there, in the order asked for; channels: all that were asked for.
    masks: tracer channel -> label map on the same grid.
    """

    visit_id: str
    channels: tuple[str, ...]
    geometry: Geometry
    volumes: Mapping[str, Volume]
    masks: Mapping[str, Volume]

    @property
    def present(self) -> tuple[bool, ...]:
        """One flag for each channel asked for."""
        return tuple(c in self.volumes for c in self.channels)


def harmonise(visit: Visit, channels: Sequence[str], spacing_mm: tuple[float, float, float]) -> Harmonised:
    """Every named channel of a visit, and its masks, on the grid of its first PET at the spacing given.

    Raises CohortError when the visit has no PET among the channels.
    """
    grid = reference_geometry(visit, channels).resampled(spacing_mm)
    spacing = " x ".join(f"{s:g}" for s in spacing_mm)
    require_memory(
        2.0 * math.prod(grid.shape) * len(channels) * np.dtype(np.float32).itemsize,  # harmonised, and made an input
        f"{visit.visit_id}: a grid of {' x '.join(map(str, grid.shape))} voxels of {spacing} mm",
        "use a model or a setting with a coarser spacing_mm",
    )
    scans = {c: visit.scans[c] for c in channels if c in visit.scans}
    volumes = {c: resample(scan.volume, grid, scan.transform) for c, scan in scans.items()}
    masks = {c: resample(mask, grid, visit.scans[c].transform) for c, mask in visit.masks.items()}
    return Harmonised(visit.visit_id, tuple(channels), grid, volumes, masks)


def reference_geometry(visit: Visit, channels: Sequence[str]) -> Geometry:
    """The native grid of the visit's first PET among the channels: lesions live there.

    A PET of the visit's own frame is needed: where the model knows only one of another frame, CohortError.
    """
    pets = [c for c in visit.tracer_channels if c in channels]
    if not pets:
        raise CohortError(f"{visit.visit_id}: no PET among its channels ({', '.join(visit.scans) or 'none'})")
    here = [c for c in pets if visit.scans[c].transform is None]
    if not here:
        raise CohortError(
            f"{visit.visit_id}: its only PET among the channels is {pets[0]}, which lies in another frame than "
            "the visit's first PET; use a model that knows the first, or take the stored transform away"
        )
    return visit.scans[here[0]].volume.geometry


def resample(volume: Volume, grid: Geometry, transform: Transform | None = None) -> Volume:
    """A volume on another grid: labels by nearest neighbour, everything else antialiased cubic.

    transform: takes points of the grid's world to the volume's (None: one world); the image is interpolated once.

    Voxels whose centre lies outside the field of view of the source hold OUTSIDE (label 0). Cubic overshoot
    is clipped to the range of the source. Equals scipy's gaussian_filter followed by affine_transform of order 3
    (mode nearest); where axes only permute, flip and scale, as products of small matrices, which is far faster.
    """
    if transform is None and volume.geometry.same_grid(grid):
        return volume if volume.geometry is grid else Volume(volume.array, grid, volume.quantity)
    label = volume.quantity is Quantity.LABEL
    index_map = volume.geometry.index_from(grid)
    if isinstance(transform, RigidTransform):
        index_map = np.linalg.inv(volume.geometry.affine_ras) @ transform.matrix @ grid.affine_ras
    axes = _aligned_axes(index_map[:3, :3], max(grid.shape))
    if transform is not None and not isinstance(transform, RigidTransform):
        moved, outside = _resample_by_field(volume, grid, transform, index_map, label)
    elif axes is not None:
        moved, outside = _resample_by_axis(volume.array, index_map, axes, grid.shape, label)
    else:
        moved, outside = _resample_by_voxel(volume.array, index_map, grid.shape, label)
    if not label:
        np.clip(moved, *volume.range, out=moved)
    for index in outside:
        moved[index] = 0 if label else OUTSIDE[volume.quantity]
    return Volume(moved, grid, volume.quantity)


def _aligned_axes(matrix: np.ndarray, longest: int) -> list[int] | None:
    """For each target axis the source axis it runs along, or None when the grids are turned against each other."""
    axes = np.abs(matrix).argmax(axis=0).tolist()
    rest = matrix.copy()
    rest[axes, range(3)] = 0.0
    return axes if len(set(axes)) == 3 and np.abs(rest).max() * longest < 1e-3 else None


def _resample_by_axis(
    array: np.ndarray, index_map: np.ndarray, axes: list[int], shape: tuple[int, int, int], label: bool
) -> tuple[np.ndarray, list]:
    moved, outside, operators = array.transpose(axes), [], []
    for target, source in enumerate(axes):
        step, length = index_map[source, target], array.shape[source]
        positions = step * np.arange(shape[target]) + index_map[source, 3]
        off = np.flatnonzero((positions < -0.5) | (positions > length - 0.5))
        outside.append((*[slice(None)] * target, off))
        if label:
            nearest = np.clip(np.floor(positions + 0.5).astype(int), 0, length - 1)
            moved = moved.take(nearest, axis=target)
        else:
            operators.append(_axis_operator(length, shape[target], float(step), float(index_map[source, 3])))
    return np.ascontiguousarray(moved) if label else apply_along_axes(operators, moved), outside


@lru_cache(maxsize=12)
def _axis_operator(length: int, num: int, step: float, first: float) -> np.ndarray:
    """(num, length) float32: smoothing and cubic interpolation along one axis as a matrix, `num` voxels from `first`.

    The axes of an image are often alike, and so are the visits of a cohort.
    """
    basis, sigma = np.eye(length), _sigma(abs(step))
    if sigma > 0:
        basis = ndimage.gaussian_filter1d(basis, sigma, axis=0, mode="nearest")
    # a spline through whole columns changes none of them
    rows = ndimage.affine_transform(basis, [step, 1.0], [first, 0.0], (num, length), order=3, mode="nearest")
    return rows.astype(np.float32)


def _resample_by_voxel(
    array: np.ndarray, index_map: np.ndarray, shape: tuple[int, int, int], label: bool
) -> tuple[np.ndarray, list]:
    matrix, offset = index_map[:3, :3], index_map[:3, 3]
    if not label:
        sigma = [_sigma(step) for step in np.linalg.norm(matrix, axis=1)]
        array = ndimage.gaussian_filter(array, sigma, mode="nearest") if max(sigma) > 0 else array
    moved = ndimage.affine_transform(array, matrix, offset, shape, order=0 if label else 3, mode="nearest")
    inside = np.ones(shape, dtype=bool)
    i, j, k = np.ogrid[tuple(slice(n) for n in shape)]
    for axis in range(3):
        position = matrix[axis, 0] * i + matrix[axis, 1] * j + matrix[axis, 2] * k + offset[axis]
        inside &= (position >= -0.5) & (position <= array.shape[axis] - 0.5)
    return moved, [~inside]


def _resample_by_field(
    volume: Volume, grid: Geometry, transform: Transform, index_map: np.ndarray, label: bool
) -> tuple[np.ndarray, list]:
    """Point by point, slab by slab; the low-pass follows the grids, not how the field stretches."""
    array = volume.array
    if not label:
        sigma = [_sigma(step) for step in np.linalg.norm(index_map[:3, :3], axis=1)]
        array = ndimage.gaussian_filter(array, sigma, mode="nearest") if max(sigma) > 0 else array
        padded = np.pad(array, SPLINE_PAD, mode="edge")
        array = ndimage.spline_filter(padded, order=3, output=np.float32, mode="nearest")
    moved = np.empty(grid.shape, dtype=volume.array.dtype if label else np.float32)
    inside = np.empty(grid.shape, dtype=bool)
    last = np.array(volume.array.shape)[:, None] - 0.5
    j, k = (axis.ravel() for axis in np.indices(grid.shape[1:]))
    for i in range(grid.shape[0]):
        points = grid.to_world(np.stack([np.full(j.size, i), j, k], axis=1))
        index = volume.geometry.to_index(transform.apply(points)).T
        if label:
            slab = ndimage.map_coordinates(array, index, order=0, mode="nearest")
        else:
            slab = ndimage.map_coordinates(array, index + SPLINE_PAD, order=3, mode="nearest", prefilter=False)
        moved[i] = slab.reshape(grid.shape[1:])
        inside[i] = ((index >= -0.5) & (index <= last)).all(axis=0).reshape(grid.shape[1:])
    return moved, [~inside]


def _sigma(step: float) -> float:
    """Width of the low-pass in source voxels, for target voxels `step` source voxels apart; 0 when not coarser."""
    sigma = np.sqrt(max(step**2 - 1.0, 0.0)) / FWHM
    return float(sigma) if sigma > 0.05 else 0.0
