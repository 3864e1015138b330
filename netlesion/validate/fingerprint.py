"""One patient under two ids: what an image looks like, free of its header.

`content` is a hash of the voxels alone, equal for a file that was copied and renamed. `pattern` is a coarse picture,
axes in RAS+ order, trimmed to the body, compressed by a logarithm, its smooth part removed (every body is smooth in
the same way) and standardised: it stays alike when the image is scaled, resampled or stored in another orientation.
Alike is measured by correlation. A crop of another extent is not recognised. Knows nothing about findings.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from netlesion.image.volume import Volume
from netlesion.validate.body import Outline

PATTERN_SHAPE = (28, 20, 56)
#: Correlation from which two images are one [P]. Copies that were scaled or resampled reach 0.99; the most alike of 20
#: digital patients, who share one body plan, 0.91.
ALIKE = 0.965


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """content: sha256 of the voxels as float32 in stored order; pattern: unit vector, float16, empty without a body."""

    content: str
    pattern: np.ndarray


def fingerprint(volume: Volume, body: Outline) -> Fingerprint:
    """Of the native volume and its outline on the coarse grid (RAS+ order)."""
    digest = hashlib.sha256(str(volume.array.shape).encode() + np.ascontiguousarray(volume.array).tobytes())
    return Fingerprint(digest.hexdigest(), _pattern(body))


def _pattern(body: Outline) -> np.ndarray:
    if not body.inside.any():
        return np.zeros(0, dtype=np.float16)
    box = ndimage.find_objects(body.inside.astype(np.uint8))[0]
    inside = np.where(body.inside[box], np.maximum(body.values[box], 0.0), 0.0)
    scale = float(np.median(inside[inside > 0])) if (inside > 0).any() else 1.0
    zoom = [m / n for m, n in zip(PATTERN_SHAPE, inside.shape, strict=True)]
    sigma = [0.5 * max(1.0 / z, 1.0) for z in zoom]
    smooth = ndimage.gaussian_filter(np.log1p(inside / scale), sigma)
    steps = [(np.arange(m) + 0.5) / z - 0.5 for m, z in zip(PATTERN_SHAPE, zoom, strict=True)]
    picture = ndimage.map_coordinates(smooth, np.meshgrid(*steps, indexing="ij"), order=1, mode="nearest")
    picture -= ndimage.gaussian_filter(picture, 1.5)
    flat = (picture - picture.mean()).ravel()
    norm = float(np.linalg.norm(flat))
    return (flat / norm).astype(np.float16) if norm > 0 else np.zeros(0, dtype=np.float16)
