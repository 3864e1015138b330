"""Regions of interest on a PET: where an organ is at a few mm, what is left of it, and the uptake of a sphere there.

The tools of `reference_map` and `reference_estimate`. Organs are looked at in blocks of voxels, so that a scan of fine
voxels costs no more; uptake is read on every voxel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from netlesion.image.geometry import Geometry
from netlesion.image.volume import Volume
from netlesion.quantify.peak import sphere_kernel, sphere_means
from netlesion.quantify.references import ReferenceOrgan

#: How finely organs are looked at.
CELL_MM = 4.0


@dataclass(frozen=True, eq=False)
class Cells:
    """A part of a PET's grid in blocks of voxels.

    Args:
        start: First voxel, in indices of the PET.
        step: Voxels of a cell along each axis.
        shape: Cells along each axis.
        geometry: Of the PET.
    """

    start: np.ndarray
    step: np.ndarray
    shape: tuple[int, int, int]
    geometry: Geometry

    @classmethod
    def between(
        cls,
        geometry: Geometry,
        low_mm: np.ndarray,
        high_mm: np.ndarray,
        margin_mm: float = 12.0,
        cell_mm: float = CELL_MM,
    ) -> Cells:
        """The cells of the box between two corners in RAS+ mm and a margin around it, as far as the PET reaches."""
        step = np.array([max(1, round(cell_mm / s)) for s in geometry.spacing_mm])
        corners = np.array(np.meshgrid(*zip(low_mm - margin_mm, high_mm + margin_mm, strict=True), indexing="ij"))
        index = geometry.to_index(corners.reshape(3, -1).T)
        start = np.clip(np.floor(index.min(axis=0)).astype(int), 0, np.array(geometry.shape) - 1)
        stop = np.clip(np.ceil(index.max(axis=0)).astype(int) + 1, start + 1, geometry.shape)
        i, j, k = (-(-(stop - start) // step)).tolist()
        return cls(start, step, (i, j, k), geometry)

    @classmethod
    def of_whole(cls, geometry: Geometry, cell_mm: float) -> Cells:
        """The cells of the whole PET."""
        step = np.array([max(1, round(cell_mm / s)) for s in geometry.spacing_mm])
        i, j, k = (-(-np.array(geometry.shape) // step)).tolist()
        return cls(np.zeros(3, dtype=int), step, (i, j, k), geometry)

    @property
    def spacing_mm(self) -> np.ndarray:
        return self.step * np.asarray(self.geometry.spacing_mm)

    @property
    def cell_ml(self) -> float:
        return float(self.step.prod() * self.geometry.voxel_volume_ml)

    def points_mm(self) -> np.ndarray:
        """(N, 3) centres of all cells in array order."""
        index = np.stack(np.meshgrid(*(np.arange(n) for n in self.shape), indexing="ij"), axis=-1).reshape(-1, 3)
        return self.to_world(index)

    def to_world(self, cell_N3: np.ndarray) -> np.ndarray:
        return self.geometry.to_world(cell_N3 * self.step + self.start + (self.step - 1) / 2)

    def any_of(self, mask: np.ndarray) -> np.ndarray:
        """(i, j, k) bool: cells that hold a True voxel of a mask on the PET's grid."""
        stop = np.minimum(self.start + np.array(self.shape) * self.step, mask.shape)
        found = np.argwhere(mask[tuple(slice(a, b) for a, b in zip(self.start, stop, strict=True))])
        cells = np.zeros(self.shape, dtype=bool)
        cells[tuple((found // self.step).T)] = True
        return cells

    def holds(self, cells: np.ndarray, voxels_N3: np.ndarray) -> np.ndarray:
        """(N,) bool: whether the cell of these voxels of the PET is one of those chosen."""
        at = (voxels_N3 - self.start) // self.step
        inside = ((at >= 0) & (at < self.shape)).all(axis=1)
        at = np.clip(at, 0, np.array(self.shape) - 1)
        return inside & cells[tuple(at.T)]


def away_from(cells: Cells, mask: np.ndarray, distance_mm: float) -> np.ndarray:
    """(i, j, k) bool: cells at least so far from any True one."""
    if not mask.any():
        return np.ones(cells.shape, dtype=bool)
    return ndimage.distance_transform_edt(~mask, sampling=cells.spacing_mm) >= distance_mm


def depth_mm(cells: Cells, mask: np.ndarray) -> np.ndarray:
    """(i, j, k): how deep each cell lies inside the mask; the end of the field of view is an edge."""
    padded = np.pad(mask, 1)
    return ndimage.distance_transform_edt(padded, sampling=cells.spacing_mm)[1:-1, 1:-1, 1:-1]


def deepest_mm(cells: Cells, mask: np.ndarray) -> tuple[np.ndarray, float]:
    """(3,) RAS+ mm of the deepest cell of a mask, of equals the one nearest to their middle, and its depth in mm."""
    depth = depth_mm(cells, mask)
    equals = np.argwhere(depth >= depth.max() * (1 - 1e-6))
    nearest = np.linalg.norm((equals - equals.mean(axis=0)) * cells.spacing_mm, axis=1).argmin()
    return cells.to_world(equals[nearest][None])[0], float(depth.max())


def voxels_of_sphere(cells: Cells, chosen: np.ndarray, centre_mm: np.ndarray, radius_mm: float) -> np.ndarray:
    """(N, 3) voxels of the PET within a sphere whose cell is one of those chosen."""
    geometry = cells.geometry
    centre = geometry.to_index(centre_mm[None])[0]
    reach = np.ceil(radius_mm / np.asarray(geometry.spacing_mm)).astype(int)
    low = np.maximum(np.floor(centre).astype(int) - reach, 0)
    high = np.minimum(np.ceil(centre).astype(int) + reach + 1, geometry.shape)
    voxels = np.stack(np.meshgrid(*(np.arange(a, b) for a, b in zip(low, high, strict=True)), indexing="ij"), -1)
    voxels = voxels.reshape(-1, 3)
    near = np.linalg.norm(geometry.to_world(voxels) - centre_mm, axis=1) <= radius_mm
    return voxels[near & cells.holds(chosen, voxels)]


def voxels_of_cells(cells: Cells, chosen: np.ndarray) -> np.ndarray:
    """(N, 3) voxels of the PET whose cell is one of those chosen."""
    steps = np.stack(np.meshgrid(*(np.arange(s) for s in cells.step), indexing="ij"), axis=-1).reshape(-1, 3)
    voxels = (np.argwhere(chosen) * cells.step + cells.start)[:, None] + steps
    voxels = voxels.reshape(-1, 3)
    return voxels[((voxels >= 0) & (voxels < cells.geometry.shape)).all(axis=1)]


def reference_of(suv: Volume, voxels_N3: np.ndarray, source: str, flags: tuple[str, ...] = ()) -> ReferenceOrgan:
    """The uptake of the region made of these voxels (N, 3), N at least 1."""
    values = suv.array[tuple(voxels_N3.T)].astype(np.float64)
    x, y, z = suv.geometry.to_world(voxels_N3.mean(axis=0)[None])[0].tolist()
    peak = sphere_means(suv.array, voxels_N3, sphere_kernel(suv.geometry.spacing_mm)).max()
    volume_ml = len(values) * suv.geometry.voxel_volume_ml
    return ReferenceOrgan(float(values.mean()), float(values.std()), float(peak), volume_ml, (x, y, z), source, flags)
