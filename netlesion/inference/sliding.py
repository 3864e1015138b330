"""Runs a plan: tiles through a callable, written as they are, or windows blended by `inference.blend_buffer`.

What is complete is collapsed to what the caller keeps (`inference.reduction`) and written out at once, so that working
memory does not grow with the scan. Knows nothing about what the callable is or what the channels mean. Agrees with the
float64 numpy twin in tests/reference/sliding_twin.py.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from netlesion.inference.blend_buffer import BlendBuffer
from netlesion.inference.plan import Box, Plan, Tile
from netlesion.inference.reduction import EVERY_CLASS, Reduction

#: What voxels that the plan leaves out hold: logits whose probability is 0 to nine digits.
OUTSIDE = -20.0


def sliding(
    image_CIJK: Tensor,
    plan: Plan,
    predict: Callable[[Tensor], Tensor],
    batch_size: int = 1,
    progress: Callable[[int], None] = lambda tiles: None,
    reduction: Reduction = EVERY_CLASS,
) -> Tensor:
    """(M, I, J, K) float32 on the device of the image: M channels that `reduction` makes of the network's logits.

    image_CIJK: (C, I, J, K) of the plan's shape. predict: (B, C, *tile) -> (B, N, *tile), any float type.
    Raises ValueError when the shapes do not fit or the callable returns a value that is not finite.
    """
    if tuple(image_CIJK.shape[1:]) != plan.shape:
        raise ValueError(f"image of shape {tuple(image_CIJK.shape)} for a plan over {plan.shape}")
    image, buffer = _padded(image_CIJK, plan), None
    out: Tensor | None = None
    for tiles in _batches(plan, batch_size):
        windows = torch.stack([image[(slice(None), *t.read.slices)] for t in tiles])
        raw = predict(windows)
        if raw.shape[0] != len(tiles) or raw.shape[2:] != windows.shape[2:]:
            raise ValueError(f"the network returned {tuple(raw.shape)} for windows of {tuple(windows.shape)}")
        logits = reduction.before(raw.float())
        if out is None:
            channels = reduction.after(logits[0, :, :1, :1, :1]).shape[0]
            out = image.new_full((channels, *plan.shape), OUTSIDE, dtype=torch.float32)
            buffer = BlendBuffer(logits.shape[1], plan.padded, plan.tiles[0].read.shape, image) if plan.blend else None
        for tile, one in zip(tiles, logits, strict=True):
            if buffer is None:
                inner = tile.keep.within(tile.read).slices
                _write(out, reduction.after(one[(slice(None), *inner)]), tile.keep, plan)
                continue
            for where, values in buffer.finished(tile.read.low[2]):
                _write(out, reduction.after(values), where, plan)
            buffer.add(one, tile.read)
        progress(len(tiles))
    assert out is not None, "a plan has a tile at least"
    for where, values in () if buffer is None else buffer.finished(plan.padded[2]):
        _write(out, reduction.after(values), where, plan)
    return _finite(out)


def _finite(out: Tensor) -> Tensor:
    """The same; ValueError where a value is not finite. Asked once, at the end: no tile waits for the answer."""
    if not torch.stack([torch.isfinite(part).all() for part in out.split(1, dim=1)]).all():
        raise ValueError("the network returned values that are not finite; its weights or input are broken")
    return out


def _write(out: Tensor, values: Tensor, keep: Box, plan: Plan) -> None:
    """Values of a part of the padded box to their place in the volume; what lies in the padding is dropped."""
    source, target = [slice(None)], [slice(None)]
    for low, high, pad, at, size in zip(keep.low, keep.high, plan.pad_low, plan.box.low, plan.box.shape, strict=True):
        first, last = max(low, pad), min(high, pad + size)
        source.append(slice(first - low, max(last - low, first - low)))
        target.append(slice(at + first - pad, at + max(last, first) - pad))
    out[tuple(target)] = values[tuple(source)]


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
