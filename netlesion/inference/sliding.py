"""Runs a plan: tiles through a callable; windows are blended with a Gaussian in float32, slab by slab along K.

Only as many slices as a window is deep are open at a time: what no further window reaches is divided by its weights,
collapsed to what the caller keeps (`inference.odds`) and written out, so that working memory does not grow with the
scan. Knows nothing about what the callable is or what the channels mean. Agrees with the float64 numpy twin in
tests/reference/sliding_twin.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

from netlesion.inference.odds import EVERY_CLASS, Collapse
from netlesion.inference.plan import Box, Plan, Tile

#: Standard deviation of the blending Gaussian, as a share of the window.
SIGMA = 0.125
#: Blending weights below this are raised to it, as MONAI does, so that no voxel divides by almost nothing.
FLOOR = 1e-3
#: What voxels that the plan leaves out hold: logits or log-odds whose probability is 0 to nine digits.
OUTSIDE = -20.0


def sliding(
    image_CIJK: Tensor,
    plan: Plan,
    predict: Callable[[Tensor], Tensor],
    batch_size: int = 1,
    progress: Callable[[int], None] = lambda tiles: None,
    collapse: Collapse = EVERY_CLASS,
) -> Tensor:
    """(M, I, J, K) float32 on the device of the image: M channels that `collapse` makes of the network's logits.

    image_CIJK: (C, I, J, K) of the plan's shape. predict: (B, C, *tile) -> (B, N, *tile), any float type.
    Raises ValueError when the shapes do not fit or the callable returns a value that is not finite.
    """
    if tuple(image_CIJK.shape[1:]) != plan.shape:
        raise ValueError(f"image of shape {tuple(image_CIJK.shape)} for a plan over {plan.shape}")
    image, out, slab, weight, open_from = _padded(image_CIJK, plan), None, None, None, 0
    for tiles in _batches(plan, batch_size):
        windows = torch.stack([image[(slice(None), *t.read.slices)] for t in tiles])
        raw = predict(windows)
        if raw.shape[0] != len(tiles) or raw.shape[2:] != windows.shape[2:]:
            raise ValueError(f"the network returned {tuple(raw.shape)} for windows of {tuple(windows.shape)}")
        logits = collapse.before(raw.float())
        if out is None:
            channels = collapse.after(logits[0, :, :1, :1, :1]).shape[0]
            out = image.new_full((channels, *plan.shape), OUTSIDE, dtype=torch.float32)
            if plan.blend:
                slab = image.new_zeros((1 + logits.shape[1], *plan.padded[:2], plan.slab_depth), dtype=torch.float32)
                weight = gaussian(plan.tiles[0].read.shape).to(image.device)
        for tile, one in zip(tiles, logits, strict=True):
            if plan.blend:
                _flush(out, slab, open_from, tile.read.low[2], plan, collapse)
                open_from = tile.read.low[2]
                _accumulate(slab, one, weight, tile.read)
            else:
                inner = tile.keep.within(tile.read).slices
                _write(out, collapse.after(one[(slice(None), *inner)]), tile.keep, plan)
        progress(len(tiles))
    if plan.blend:
        _flush(out, slab, open_from, plan.padded[2], plan, collapse)
    return out


@lru_cache(maxsize=8)
def gaussian(window: tuple[int, int, int]) -> Tensor:
    """Blending weights of a window (I, J, K), float32, 1 at its very middle, never below FLOOR."""
    weight = torch.ones((), dtype=torch.float64)
    for n in window:
        axis = torch.arange(n, dtype=torch.float64) - (n - 1) / 2.0
        weight = weight[..., None] * torch.exp(-0.5 * (axis / (SIGMA * n)) ** 2)
    return weight.clamp(min=FLOOR).float()


def _accumulate(slab: Tensor, logits: Tensor, weight: Tensor, place: Box) -> None:
    """Adds a window to the slab, a ring along K: channel 0 sums the weights, the others logits times weight."""
    i, j, _ = place.slices
    for ring, k in _pieces(place.low[2], place.high[2], slab.shape[3]):
        within = slice(k.start - place.low[2], k.stop - place.low[2])
        slab[0, i, j, ring] += weight[..., within]
        slab[1:, i, j, ring].addcmul_(logits[..., within], weight[..., within])


def _flush(out: Tensor, slab: Tensor, low: int, high: int, plan: Plan, collapse: Collapse) -> None:
    """Slices low <= k < high are complete: divided by their weights, collapsed, written, and their ring cleared."""
    for ring, k in _pieces(low, high, slab.shape[3]):
        done = slab[..., ring]
        done[1:] /= done[:1]
        keep = Box((0, 0, k.start), (*plan.padded[:2], k.stop))
        _write(out, collapse.after(done[1:]), keep, plan)
        done.zero_()


def _write(out: Tensor, values: Tensor, keep: Box, plan: Plan) -> None:
    """Values of a part of the padded box to their place in the volume; what lies in the padding is dropped."""
    if not torch.isfinite(values).all():
        raise ValueError("the network returned values that are not finite; its weights or input are broken")
    source, target = [slice(None)], [slice(None)]
    for low, high, pad, at, size in zip(keep.low, keep.high, plan.pad_low, plan.box.low, plan.box.shape, strict=True):
        first, last = max(low, pad), min(high, pad + size)
        source.append(slice(first - low, max(last - low, first - low)))
        target.append(slice(at + first - pad, at + max(last, first) - pad))
    out[tuple(target)] = values[tuple(source)]


def _pieces(low: int, high: int, depth: int) -> list[tuple[slice, slice]]:
    """(place in a ring of `depth` slices, slices along K) of low <= k < high, in pieces that do not wrap around."""
    found = []
    while low < high:
        step = min(high - low, depth - low % depth)
        found.append((slice(low % depth, low % depth + step), slice(low, low + step)))
        low += step
    return found


def _batches(plan: Plan, batch_size: int) -> list[tuple[Tile, ...]]:
    """Tiles in the plan's order, `batch_size` at a time, of one size each."""
    batches: list[tuple[Tile, ...]] = []
    for tile in plan.tiles:
        if batches and len(batches[-1]) < batch_size and batches[-1][0].read.shape == tile.read.shape:
            batches[-1] += (tile,)
        else:
            batches.append((tile,))
    return batches


def _padded(image_CIJK: Tensor, plan: Plan) -> Tensor:
    """The plan's box of the image, a view of it where nothing must be added."""
    part = image_CIJK[(slice(None), *plan.box.slices)]
    if plan.padded == plan.box.shape:
        return part
    padded = image_CIJK.new_zeros((image_CIJK.shape[0], *plan.padded))
    inside = tuple(slice(low, low + n) for low, n in zip(plan.pad_low, plan.box.shape, strict=True))
    padded[(slice(None), *inside)] = part
    return padded
