"""Smooth random fields, blurs and rotations on tensors (I, J, K): what the augmentations are made of."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


def blur(image: Tensor, sigma: float | Sequence[float]) -> Tensor:
    """A Gaussian blur with replicated borders.

    Args:
        image: (I, J, K) float32.
        sigma: standard deviation in voxels, one or one for each axis; 0 leaves an axis as it is.
    """
    sigmas = [float(s) for s in np.broadcast_to(sigma, 3)]
    out = image[None, None]
    for axis, s in enumerate(sigmas):
        if s <= 0.0:
            continue
        radius = max(1, math.ceil(2.5 * s))
        weights = torch.exp(-torch.arange(-radius, radius + 1.0).square() / (2.0 * s * s))
        shape, pad = [1, 1, 1, 1, 1], [0] * 6
        shape[2 + axis] = len(weights)
        pad[2 * (2 - axis)] = pad[2 * (2 - axis) + 1] = radius
        padded = functional.pad(out, pad, mode="replicate")
        out = functional.conv3d(padded, (weights / weights.sum()).view(shape))
    return out[0, 0]


def mean_of_neighbours(image: Tensor) -> Tensor:
    """The mean over 3 x 3 x 3 voxels with replicated borders, (I, J, K): softens the edges of a map of factors."""
    padded = functional.pad(image[None, None], (1,) * 6, mode="replicate")
    return functional.avg_pool3d(padded, 3, 1)[0, 0]


def smooth_field(values: np.ndarray, shape: Sequence[int]) -> Tensor:
    """Values on a coarse lattice, interpolated to a grid: (A, B, C) -> (I, J, K) float32."""
    lattice = torch.from_numpy(np.asarray(values, dtype=np.float32))[None, None]
    return functional.interpolate(lattice, size=tuple(shape), mode="trilinear", align_corners=True)[0, 0]


def lattice_shape(shape: Sequence[int], cell: int) -> tuple[int, ...]:
    """Points of a lattice with `cell` voxels between them that spans a grid."""
    return tuple(max(2, -(-n // cell) + 1) for n in shape)


def rotation(angles: Sequence[float] | np.ndarray) -> np.ndarray:
    """The (3, 3) matrix that turns by these angles (radians) around I, J and K."""
    matrix = np.eye(3)
    for (p, q), angle in zip(((1, 2), (0, 2), (0, 1)), angles, strict=True):
        turn = np.eye(3)
        turn[p, p] = turn[q, q] = math.cos(angle)
        turn[p, q], turn[q, p] = -math.sin(angle), math.sin(angle)
        matrix = matrix @ turn
    return matrix
