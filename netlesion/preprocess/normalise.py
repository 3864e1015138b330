"""From physical values to what the network sees; one rule for each quantity, the same in training and inference.

SUV is compressed by a logarithm, never clipped by percentile (a lesion is an extreme). HU are scaled by a fixed
window. MR has no scale, so each image is mapped by its own percentiles inside the body (clinical.md 7.6).
"""

from __future__ import annotations

import numpy as np

from netlesion.image.volume import Quantity, Volume
from netlesion.preprocess.harmonise import Harmonised

#: SUV that maps to 1 [P].
SUV_UNIT = 10.0
#: HU window mapped to -1..1 [P].
HU_WINDOW = (-1000.0, 1000.0)
#: Percentiles of MR mapped to 0..1 [P].
MR_PERCENTILES = (1.0, 99.0)
#: Planes that are scaled together: they stay in the processor's cache.
PLANES = 8


def network_input(harmonised: Harmonised, required: tuple[str, ...] = ()) -> np.ndarray:
    """(C + P, I, J, K) float32: the channels, then one plane of 0 or 1 for each optional channel's presence.

    A missing channel holds zeros and its presence plane says so. Required channels have no presence plane.
    """
    shape = harmonised.geometry.shape
    optional = [c for c in harmonised.channels if c not in required]
    image = np.empty((len(harmonised.channels) + len(optional), *shape), dtype=np.float32)
    for c, channel in enumerate(harmonised.channels):
        if channel in harmonised.volumes:
            normalise(harmonised.volumes[channel], out=image[c])
        else:
            image[c] = 0.0
    for p, channel in enumerate(optional, start=len(harmonised.channels)):
        image[p] = float(channel in harmonised.volumes)
    return image


def num_inputs(channels: tuple[str, ...], required: tuple[str, ...]) -> int:
    """How many planes `network_input` has for these channels."""
    return len(channels) + sum(c not in required for c in channels)


def normalise(volume: Volume, out: np.ndarray | None = None) -> np.ndarray:
    """One volume in network units, float32, the same shape; into `out` where it is given."""
    out = np.empty(volume.array.shape, dtype=np.float32) if out is None else out
    lowest, highest, zero, unit = _window(volume)
    for first in range(0, len(out), PLANES):
        part = out[first : first + PLANES]
        np.clip(volume.array[first : first + PLANES], lowest, highest, out=part)
        part -= zero
        if volume.quantity is Quantity.SUVBW:
            np.log(part, out=part)
        part /= unit
    return out


def _window(volume: Volume) -> tuple[np.float32, ...]:
    """What a quantity is clipped to, its zero and its unit. The zero of SUV is -1: log(1 + SUV), eight times as fast
    as log1p and within 1e-7 of it.
    """
    if volume.quantity is Quantity.SUVBW:
        window = (0.0, np.inf, -1.0, np.log1p(SUV_UNIT))
    elif volume.quantity is Quantity.HU:
        low, high = HU_WINDOW
        window = (low, high, (low + high) / 2.0, (high - low) / 2.0)
    elif volume.quantity is Quantity.MR:
        low, high = _mr_range(volume.array)
        window = (0.0, high, low, max(high - low, 1e-6))
    else:
        raise ValueError(f"{volume.quantity.name} is no network input")
    return tuple(np.float32(v) for v in window)


def scaled_mr(array: np.ndarray) -> np.ndarray:
    """An MR image as the network sees it, (I, J, K) float32: its percentiles inside the body mapped to 0 and 1."""
    low, high = _mr_range(array)
    return ((np.clip(array, 0.0, high) - low) / max(high - low, 1e-6)).astype(np.float32)


def _mr_range(array: np.ndarray) -> tuple[float, float]:
    body = array[array > 0]
    return tuple(np.percentile(body, MR_PERCENTILES)) if body.size else (0.0, 1.0)
