"""Small NIfTI files for trees of other people's layouts: odd sizes, anisotropic and flipped grids, one hot lesion."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.io.nifti import write_volume

PET_GRID = Geometry(np.array([[-4.0, 0, 0, 20], [0, 4.0, 0, -30], [0, 0, 3.0, 7], [0, 0, 0, 1]]), (9, 7, 5))
#: The CT covers the PET with voxels half as wide.
CT_GRID = Geometry(np.array([[2.0, 0, 0, -13], [0, 2.0, 0, -31], [0, 0, 1.5, 6.25], [0, 0, 0, 1]]), (18, 14, 10))


def write_suv(path: Path, grid: Geometry = PET_GRID, scale: float = 1.0, seed: int = 0) -> np.ndarray:
    """A PET with a hot voxel at (3, 2, 2); returns what was written."""
    array = np.random.default_rng(seed).uniform(0.2, 1.5, grid.shape).astype(np.float32)
    array[3, 2, 2] = 9.0
    write_volume(path, Volume(array * scale, grid, Quantity.SUVBW))
    return array * scale


def write_ct(path: Path, grid: Geometry = CT_GRID) -> np.ndarray:
    array = np.random.default_rng(5).uniform(-1000, 800, grid.shape).astype(np.float32)
    write_volume(path, Volume(array, grid, Quantity.HU))
    return array


def write_mask(path: Path, grid: Geometry = PET_GRID, value: float = 1, dtype: type = np.uint8) -> np.ndarray:
    """One lesion of 2 voxels; a dtype of float writes it as numbers that may not be whole."""
    array = np.zeros(grid.shape, dtype)
    array[3:5, 2, 2] = value
    quantity = Quantity.LABEL if np.issubdtype(dtype, np.integer) else Quantity.MR
    write_volume(path, Volume(array, grid, quantity))
    return array
