"""What the U-Net of models.unet asks of a tile and costs, on integers: no torch, no weights.

Sides divisible by `size_divisor`; cuts that reach no further than `receptive_field_margin`; operations and memory for
each input voxel.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

#: Norms whose statistics come from the tile that they see: with them the output depends on how a body is cut.
TILE_DEPENDENT = frozenset({"instance"})
#: Feature maps of the first resolution alive at the peak of one forward at once, by engine and norm; where the first
#: levels run chunk by chunk (inference.engines.chunked), those of the tile's size and of a chunk's. By
#: bench/tile_memory.py, with a margin.
MAPS_ALIVE = {("openvino", "batch"): (3.9, 1.9, 12.0), ("openvino", "layer"): (5.1, 1.9, 15.0)}
MAPS_ALIVE_OTHERS = {"batch": (10.5, 1.0, 15.0), "layer": (12.5, 1.0, 20.0)}


def size_divisor(filters: Sequence[int]) -> int:
    """What the sides of an input must be divisible by."""
    return 2 ** (len(filters) - 1)


def receptive_field_margin(filters: Sequence[int]) -> int:
    """How far from a cut at a multiple of `size_divisor` the output can change, rounded up to such a multiple.

    Two convolutions of 3 at each resolution on the way down, the first of them striding, and two on the way up. With a
    norm that does not depend on the tile, an output further than this from the cut is the same as without it.
    """
    levels = len(filters)
    down = 2 + sum(2 ** (level - 1) + 2**level for level in range(1, levels))
    up = sum(2 * 2**level for level in range(levels - 1))
    return -(-(down + up) // size_divisor(filters)) * size_divisor(filters)


def flop_per_voxel(in_channels: int, out_channels: int, filters: Sequence[int]) -> float:
    """Floating-point operations of the convolutions, a multiplication and an addition each."""
    products = 27.0 * (in_channels * filters[0] + filters[0] ** 2) + filters[0] * out_channels
    for level, (fine, coarse) in enumerate(pairwise(filters), start=1):
        products += 27.0 * (fine * coarse + coarse**2) / 8.0**level
        products += (coarse * fine + 27.0 * (2 * fine * fine + fine**2)) / 8.0 ** (level - 1)
    return 2.0 * products


def activation_bytes_per_voxel(
    filters: Sequence[int], engine: str = "torch", norm: str = "batch"
) -> tuple[float, tuple[float, float]]:
    """Bytes of float32 activations alive at once: for each voxel of a tile in one forward; in chunks, for each voxel of
    the tile and each of a chunk.
    """
    others = MAPS_ALIVE_OTHERS.get(norm, MAPS_ALIVE_OTHERS["batch"])
    at_once, tile, chunk = (4.0 * maps * filters[0] for maps in MAPS_ALIVE.get((engine, norm), others))
    return at_once, (tile, chunk)
