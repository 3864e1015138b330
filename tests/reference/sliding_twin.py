"""Sliding-window blending as slowly and plainly as it can be written: float64 numpy, voxel weights, no tricks."""

import math

import numpy as np


def starts(length: int, window: int, overlap: float) -> list[int]:
    """First voxels of the windows: a fixed step, the last one moved back inside."""
    step = max(1, math.floor(window * (1 - overlap)))
    found, at = [], 0
    while True:
        found.append(min(at, max(length - window, 0)))
        if at + window >= length:
            return found
        at += step


def weights(window: tuple[int, int, int]) -> np.ndarray:
    """A Gaussian of sigma an eighth of the window, floored at a thousandth."""
    weight = np.zeros(window)
    for index in np.ndindex(*window):
        squares = [((i - (n - 1) / 2) / (n / 8)) ** 2 for i, n in zip(index, window, strict=True)]
        weight[index] = math.exp(-0.5 * sum(squares))
    return np.maximum(weight, 1e-3)


def blend(image_CIJK: np.ndarray, window, overlap: float, predict) -> np.ndarray:
    """Blended output of `predict` (window -> (K, *window)), symmetric zero padding where the volume is smaller."""
    shape = image_CIJK.shape[1:]
    low = [max(w - n, 0) // 2 for n, w in zip(shape, window, strict=True)]
    high = [max(w - n, 0) - a for n, w, a in zip(shape, window, low, strict=True)]
    padded = np.pad(image_CIJK.astype(np.float64), [(0, 0), *zip(low, high, strict=True)])
    weight = weights(tuple(window))
    total, norm = None, np.zeros(padded.shape[1:])
    for i in starts(padded.shape[1], window[0], overlap):
        for j in starts(padded.shape[2], window[1], overlap):
            for k in starts(padded.shape[3], window[2], overlap):
                place = (slice(i, i + window[0]), slice(j, j + window[1]), slice(k, k + window[2]))
                logits = predict(padded[(slice(None), *place)])
                if total is None:
                    total = np.zeros((logits.shape[0], *norm.shape))
                total[(slice(None), *place)] += logits * weight
                norm[place] += weight
    inside = tuple(slice(a, a + n) for a, n in zip(low, shape, strict=True))
    return (total / norm)[(slice(None), *inside)]
