"""Maximum intensity projections of a PET with its lesions outlined, as PNG.

Coronal on the left (the patient's right on the left of the picture), sagittal on the right (anterior on the
left), head up, in millimetres of equal length along both axes, inverse grey from SUV 0 to SUV_WHITE.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import ndimage

from netlesion.image.volume import Volume
from netlesion.output.atomic import atomic_path

#: SUV shown as black [P].
SUV_BLACK = 10.0
PIXEL_MM = 2.0
OUTLINE_RGB = (214, 39, 40)


def write_mip(path: str | Path, suv: Volume, lesions: Volume) -> None:
    """Writes both projections side by side; lesions may be empty."""
    from PIL import Image

    with atomic_path(path) as part:
        Image.fromarray(mip_rgb(suv, lesions)).save(part, format="PNG", compress_level=3)


def mip_rgb(suv: Volume, lesions: Volume) -> np.ndarray:
    """(height, width, 3) uint8: coronal and sagittal projection, lesion outlines in red."""
    suv.geometry.require_same_grid(lesions.geometry, "the PET", "the lesion map")
    coronal, sagittal = (_panel(*_projections(suv, lesions, across)) for across in (0, 1))
    gap = np.full((coronal.shape[0], 6, 3), 255, dtype=np.uint8)
    return np.concatenate([coronal, gap, sagittal], axis=1)


def _projections(suv: Volume, lesions: Volume, across: int) -> tuple[np.ndarray, np.ndarray, tuple[float, float]]:
    """Maxima of SUV and mask with x (0) or y (1) across and z up, both growing as in RAS+, and their spacing in mm."""
    axes, flips = suv.geometry.nearest_ras()
    shown = [(axes[world], flips[world]) for world in (across, 2)]
    through = axes[1 - across]

    def project(array: np.ndarray) -> np.ndarray:
        flat = array.max(axis=through)
        flat = flat if shown[0][0] < shown[1][0] else flat.T
        return flat[:: int(shown[0][1]), :: int(shown[1][1])]

    spacing_mm = suv.geometry.spacing_mm[shown[0][0]], suv.geometry.spacing_mm[shown[1][0]]
    return project(suv.array), project(lesions.array) > 0, spacing_mm


def _panel(projection: np.ndarray, mask: np.ndarray, spacing_mm: tuple[float, float]) -> np.ndarray:
    """A projection (across, up) as an image (down, across), both axes mirrored: head up, patient facing us."""
    zoom = [s / PIXEL_MM for s in spacing_mm]
    shape = [max(1, round(n * z)) for n, z in zip(projection.shape, zoom, strict=True)]
    steps = [(np.arange(m) + 0.5) * n / m - 0.5 for n, m in zip(projection.shape, shape, strict=True)]
    at = np.meshgrid(*steps, indexing="ij")
    grey = ndimage.map_coordinates(projection, at, order=1, mode="nearest")
    inside = ndimage.map_coordinates(mask.astype(np.float32), at, order=1, mode="nearest") >= 0.5
    outline = inside & ~ndimage.binary_erosion(inside, border_value=1)
    level = 255 - np.clip(grey / SUV_BLACK, 0, 1) * 255
    rgb = np.repeat(level.astype(np.uint8)[..., None], 3, axis=-1)
    rgb[outline] = OUTLINE_RGB
    return rgb[::-1, ::-1].transpose(1, 0, 2)
