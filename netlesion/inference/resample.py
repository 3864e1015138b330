"""Logits from the working grid to the native PET grid, trilinear, in torch.

The numpy twin for images is `harmonise.resample`. Beyond the outermost voxel centres the edge is repeated.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def to_grid(logits_CIJK: Tensor, index_map: np.ndarray, shape: tuple[int, int, int]) -> Tensor:
    """(C, *shape) float32: the logits sampled at `index_map @ (i, j, k, 1)` for every target voxel.

    index_map: (4, 4), target voxel index -> source voxel index (`source.index_from(target)`). Where axes only
    permute, flip and scale, the three axes are interpolated one after the other; otherwise voxel by voxel.
    """
    matrix = index_map[:3, :3]
    source_axis = np.abs(matrix).argmax(axis=0)
    rest = matrix.copy()
    rest[source_axis, range(3)] = 0.0
    if len(set(source_axis.tolist())) == 3 and np.abs(rest).max() * max(shape) < 1e-3:
        moved = logits_CIJK.permute(0, *(1 + int(a) for a in source_axis))
        for axis in range(3):
            row = int(source_axis[axis])
            positions = matrix[row, axis] * np.arange(shape[axis]) + index_map[row, 3]
            moved = _interpolate_axis(moved, axis + 1, positions)
        return moved.contiguous()
    target = np.stack(np.meshgrid(*(np.arange(n, dtype=np.float64) for n in shape), indexing="ij"), axis=-1)
    return at_positions(logits_CIJK, target @ matrix.T + index_map[:3, 3])


def at_positions(logits_CIJK: Tensor, source_IJK3: np.ndarray) -> Tensor:
    """(C, I, J, K) float32: the logits at fractional source indices, one for every target voxel."""
    size = torch.tensor(logits_CIJK.shape[1:], dtype=torch.float64)
    unit = (2.0 * torch.as_tensor(source_IJK3) / (size - 1).clamp(min=1) - 1.0).flip(-1)
    return torch.nn.functional.grid_sample(
        logits_CIJK[None].float(),
        unit[None].float().to(logits_CIJK.device),
        mode="bilinear",
        padding_mode="border",
        align_corners=True,
    )[0]


def _interpolate_axis(array: Tensor, axis: int, positions: np.ndarray) -> Tensor:
    """Linear interpolation along one axis at fractional positions, edges repeated."""
    length = array.shape[axis]
    positions = np.clip(positions, 0.0, length - 1)
    low = np.minimum(np.floor(positions).astype(np.int64), max(length - 2, 0))
    share = torch.as_tensor(positions - low, dtype=torch.float32, device=array.device)
    share = share.reshape([-1 if a == axis else 1 for a in range(array.ndim)])
    below = array.index_select(axis, torch.as_tensor(low, device=array.device))
    above = array.index_select(axis, torch.as_tensor(np.minimum(low + 1, length - 1), device=array.device))
    return torch.lerp(below, above, share)
