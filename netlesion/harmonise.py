"""A Visit on many grids -> one grid with named channels and presence flags.

The working grid covers the field of view of the reference PET, with its axes in RAS+ order and the spacing
asked for. Images are brought there with antialiasing (Gaussian, then cubic spline), masks by nearest
neighbour. A missing channel is a fact (`present`), not an image of zeros. numpy and scipy only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy import ndimage

from netlesion.errors import CohortError
from netlesion.geometry import Geometry
from netlesion.study import Visit
from netlesion.volume import Quantity, Volume

#: What a voxel outside a channel's field of view holds.
OUTSIDE = MappingProxyType({Quantity.SUVBW: 0.0, Quantity.BQML: 0.0, Quantity.HU: -1000.0, Quantity.MR: 0.0})
#: FWHM of a Gaussian in units of its standard deviation.
FWHM = 2.3548200450309493


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
    volumes = {c: resample(visit.scans[c].volume, grid) for c in channels if c in visit.scans}
    masks = {c: resample(mask, grid) for c, mask in visit.masks.items()}
    return Harmonised(visit.visit_id, tuple(channels), grid, volumes, masks)


def reference_geometry(visit: Visit, channels: Sequence[str]) -> Geometry:
    """The native grid of the visit's first PET among the channels: lesions live there."""
    pets = [c for c in visit.tracer_channels if c in channels]
    if not pets:
        raise CohortError(f"{visit.visit_id}: no PET among its channels ({', '.join(visit.scans) or 'none'})")
    return visit.scans[pets[0]].volume.geometry


def resample(volume: Volume, grid: Geometry) -> Volume:
    """A volume on another grid: labels by nearest neighbour, everything else antialiased cubic.

    Voxels whose centre lies outside the field of view of the source hold OUTSIDE (label 0). Cubic overshoot
    is clipped to the range of the source.
    """
    if volume.geometry.same_grid(grid):
        return volume if volume.geometry is grid else Volume(volume.array, grid, volume.quantity)
    index_map = volume.geometry.index_from(grid)
    label = volume.quantity is Quantity.LABEL
    source = volume.array if label else _smoothed(volume.array, index_map)
    matrix = index_map[:3, :3]
    off_diagonal = np.abs(matrix - np.diag(np.diag(matrix))).max()
    moved = ndimage.affine_transform(
        source,
        np.diag(matrix) if off_diagonal < 1e-9 else matrix,
        offset=index_map[:3, 3],
        output_shape=grid.shape,
        order=0 if label else 3,
        mode="nearest",
    )
    if not label:
        np.clip(moved, volume.array.min(), volume.array.max(), out=moved)
    moved[_outside(index_map, volume.geometry.shape, grid.shape)] = 0 if label else OUTSIDE[volume.quantity]
    return Volume(moved, grid, volume.quantity)


def _smoothed(array: np.ndarray, index_map: np.ndarray) -> np.ndarray:
    """The array low-passed to the coarser grid: FWHM grows from one source voxel to one target voxel."""
    step = np.linalg.norm(index_map[:3, :3], axis=1)
    sigma = np.sqrt(np.maximum(step**2 - 1.0, 0.0)) / FWHM
    return ndimage.gaussian_filter(array, sigma, mode="nearest") if sigma.max() > 0.05 else array


def _outside(index_map: np.ndarray, source: tuple[int, ...], target: tuple[int, ...]) -> np.ndarray:
    """Which target voxels have their centre outside the source's field of view (voxel edges, not centres)."""
    i, j, k = np.ogrid[tuple(slice(n) for n in target)]
    outside = np.zeros(target, dtype=bool)
    for axis in range(3):
        a, b, c, offset = index_map[axis]
        position = a * i + b * j + c * k + offset
        outside |= (position < -0.5) | (position > source[axis] - 0.5)
    return outside
