"""Logits from the working grid to the native PET grid, trilinear.

The twin for images is `harmonise.resample`. Beyond the outermost voxel centres the edge is repeated.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from netlesion.image.separable import apply_along_axes


def to_grid(logit_IJK: Tensor, index_map: np.ndarray, shape: tuple[int, int, int]) -> Tensor:
    """(*shape) float32: one map on the CPU, sampled at `index_map @ (i, j, k, 1)` for every target voxel.

    index_map: (4, 4), target voxel index -> source voxel index (`source.index_from(target)`). Where axes only
    permute, flip and scale, the three axes are interpolated one after the other, and I is the fastest of the result,
    as in a NIfTI file; otherwise voxel by voxel.
    """
    matrix = index_map[:3, :3]
    source_axis = np.abs(matrix).argmax(axis=0)
    rest = matrix.copy()
    rest[source_axis, range(3)] = 0.0
    if len(set(source_axis.tolist())) == 3 and np.abs(rest).max() * max(shape) < 1e-3:
        operators = []
        for axis, source in enumerate(source_axis):
            positions = matrix[source, axis] * np.arange(shape[axis]) + index_map[source, 3]
            operators.append(_axis_operator(logit_IJK.shape[source], positions))
        turned = logit_IJK.numpy().transpose(source_axis[::-1])
        return torch.from_numpy(apply_along_axes(operators[::-1], turned).T)
    target = np.stack(np.meshgrid(*(np.arange(n, dtype=np.float64) for n in shape), indexing="ij"), axis=-1)
    return at_positions(logit_IJK, target @ matrix.T + index_map[:3, 3])


def at_positions(logit_IJK: Tensor, source_IJK3: np.ndarray) -> Tensor:
    """(I, J, K) float32: one map at fractional source indices, one for every target voxel."""
    size = torch.tensor(logit_IJK.shape, dtype=torch.float64)
    unit = (2.0 * torch.as_tensor(source_IJK3) / (size - 1).clamp(min=1) - 1.0).flip(-1)
    return torch.nn.functional.grid_sample(
        logit_IJK[None, None].float(), unit[None].float(), mode="bilinear", padding_mode="border", align_corners=True
    )[0, 0]


def _axis_operator(length: int, positions: np.ndarray) -> np.ndarray:
    """(positions, length) float32: linear interpolation along one axis as a matrix, edges repeated."""
    distance = np.clip(positions, 0.0, length - 1)[:, None] - np.arange(length)
    return np.maximum(1.0 - np.abs(distance), 0.0).astype(np.float32)
