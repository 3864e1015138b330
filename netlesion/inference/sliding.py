"""Runs a plan: windows through a callable, logits blended with a Gaussian, accumulated in float32.

Knows nothing about what the callable is or what the channels mean. Agrees with the float64 numpy twin in
tests/reference/sliding_twin.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

import torch
from torch import Tensor

from netlesion.inference.plan import Plan

#: Standard deviation of the blending Gaussian, as a share of the window.
SIGMA = 0.125
#: Blending weights below this are raised to it, as MONAI does, so that no voxel divides by almost nothing.
FLOOR = 1e-3


def sliding(
    image_CIJK: Tensor,
    plan: Plan,
    predict: Callable[[Tensor], Tensor],
    batch_size: int = 1,
    progress: Callable[[int], None] = lambda windows: None,
) -> Tensor:
    """Blended logits (K, I, J, K) float32 on the device of the image.

    image_CIJK: (C, I, J, K) of the plan's shape. predict: (B, C, *window) -> (B, K, *window), any float type.
    Raises ValueError when the shapes do not fit or the callable returns a value that is not finite.
    """
    if tuple(image_CIJK.shape[1:]) != plan.shape:
        raise ValueError(f"image of shape {tuple(image_CIJK.shape)} for a plan over {plan.shape}")
    padded = _pad(image_CIJK, plan)
    weight = gaussian(plan.window).to(image_CIJK.device)
    total, norm = None, torch.zeros(plan.padded, dtype=torch.float32, device=image_CIJK.device)
    for places in _batches(plan, batch_size):
        windows = torch.stack([padded[(slice(None), *place)] for place in places])
        logits = predict(windows).float()
        if logits.shape[0] != len(places) or tuple(logits.shape[2:]) != plan.window:
            raise ValueError(f"the network returned {tuple(logits.shape)} for windows of {tuple(windows.shape)}")
        if total is None:
            total = torch.zeros((logits.shape[1], *plan.padded), dtype=torch.float32, device=image_CIJK.device)
        for place, window_logits in zip(places, logits, strict=True):
            total[(slice(None), *place)].addcmul_(window_logits, weight)
            norm[place] += weight
        progress(len(places))
    total /= norm
    if not torch.isfinite(total).all():
        raise ValueError("the network returned values that are not finite; its weights or input are broken")
    inside = tuple(slice(low, low + n) for low, n in zip(plan.pad_low, plan.shape, strict=True))
    return total[(slice(None), *inside)]


@lru_cache(maxsize=8)
def gaussian(window: tuple[int, int, int]) -> Tensor:
    """Blending weights of a window (I, J, K), float32, 1 at its very middle, never below FLOOR."""
    weight = torch.ones((), dtype=torch.float64)
    for n in window:
        axis = torch.arange(n, dtype=torch.float64) - (n - 1) / 2.0
        weight = weight[..., None] * torch.exp(-0.5 * (axis / (SIGMA * n)) ** 2)
    return weight.clamp(min=FLOOR).float()


def _batches(plan: Plan, batch_size: int) -> Iterator[list[tuple[slice, slice, slice]]]:
    places = [tuple(slice(s, s + w) for s, w in zip(start, plan.window, strict=True)) for start in plan.starts]
    for first in range(0, len(places), batch_size):
        yield places[first : first + batch_size]


def _pad(image_CIJK: Tensor, plan: Plan) -> Tensor:
    if plan.padded == plan.shape:
        return image_CIJK
    padded = image_CIJK.new_zeros((image_CIJK.shape[0], *plan.padded))
    inside = tuple(slice(low, low + n) for low, n in zip(plan.pad_low, plan.shape, strict=True))
    padded[(slice(None), *inside)] = image_CIJK
    return padded
