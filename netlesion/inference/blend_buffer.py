"""What windows that share voxels add up to: a buffer as deep as a window, moving along K.

Sums of values times Gaussian weights, and of the weights, in float32. What no further window reaches is divided and
given away, so that memory does not grow with the scan. Knows nothing about where windows come from.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import torch
from torch import Tensor

from netlesion.inference.plan import Box

#: Standard deviation of the blending Gaussian, as a fraction of the window.
SIGMA = 0.125
#: Blending weights below this are raised to it, as MONAI does, so that no voxel divides by almost nothing.
FLOOR = 1e-3


@lru_cache(maxsize=8)
def gaussian(window: tuple[int, int, int]) -> Tensor:
    """Blending weights of a window (I, J, K), float32, 1 at its very middle, never below FLOOR."""
    weight = torch.ones((), dtype=torch.float64)
    for n in window:
        axis = torch.arange(n, dtype=torch.float64) - (n - 1) / 2.0
        weight = weight[..., None] * torch.exp(-0.5 * (axis / (SIGMA * n)) ** 2)
    return weight.clamp(min=FLOOR).float()


class BlendBuffer:
    """Open slices of a volume (A, I, J, K): windows come in order of their first slice, finished slices go out."""

    def __init__(self, channels: int, padded: tuple[int, int, int], window: tuple[int, int, int], like: Tensor) -> None:
        self.sums = like.new_zeros((1 + channels, *padded[:2], window[2]), dtype=torch.float32)  # 0: the weights
        self.weight = gaussian(window).to(like.device)
        self.plane, self.open_from = padded[:2], 0

    def add(self, values: Tensor, place: Box) -> None:
        """Adds one window, (A, *window), at its place; every slice before it must have been taken out."""
        i, j, _ = place.slices
        for ring, k in self._pieces(place.low[2], place.high[2]):
            within = slice(k.start - place.low[2], k.stop - place.low[2])
            self.sums[0, i, j, ring] += self.weight[..., within]
            self.sums[1:, i, j, ring].addcmul_(values[..., within], self.weight[..., within])

    def finished(self, high: int) -> Iterator[tuple[Box, Tensor]]:
        """(where, blended values (A, I, J, k)) of every open slice below `high`; each is cleared once it was used."""
        for ring, k in self._pieces(self.open_from, high):
            done = self.sums[..., ring]
            done[1:] /= done[:1]
            yield Box((0, 0, k.start), (*self.plane, k.stop)), done[1:]
            done.zero_()
        self.open_from = high

    def _pieces(self, low: int, high: int) -> Iterator[tuple[slice, slice]]:
        """(place in the ring, slices along K) of low <= k < high, in pieces that do not wrap around."""
        depth = self.sums.shape[3]
        while low < high:
            step = min(high - low, depth - low % depth)
            yield slice(low % depth, low % depth + step), slice(low, low + step)
            low += step
