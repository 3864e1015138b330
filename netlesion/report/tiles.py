"""A lesion in three planes: PET over CT or MR, with its outline, as one picture of four tiles.

Axial, coronal and sagittal through the lesion's hottest voxel; fourth the axial plane of the other tracer, or without
one the CT or MR alone. Planes lie in the frame of the visit's first PET, and every image is sampled
there once, through its transform. CT from -160 to 240 HU, MR from its 1st to its 99th percentile, PET in a hot scale
from SUV 0 to the SUV of the projections, its opacity growing with uptake. Without CT or MR the PET stands alone in
inverse grey. Takes a Visit and label maps; knows nothing about pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage

from netlesion.image.visit import Scan, Visit
from netlesion.image.volume import Quantity, Volume
from netlesion.report.rotating_mip import SUV_BLACK

#: Pixels along a tile's side, and their size: a tile shows 140 mm [P].
SIDE, TILE_MM = 112, 1.25
#: A gap between tiles, in pixels.
GAP = 2
CT_WINDOW_HU = (-160.0, 240.0)
MR_PERCENTILES = (1.0, 99.0)
#: Images that a PET is laid over, the first that is there.
ANATOMY = ("ct", "mr_t1", "mr_t2")
OUTLINE_RGB = (64, 224, 255)
#: Right-hand and downward directions of the picture in RAS+: the patient's right on the left, head up, front up.
PLANES: Mapping[str, tuple[tuple[int, int, int], tuple[int, int, int]]] = {
    "axial": ((-1, 0, 0), (0, -1, 0)),
    "coronal": ((-1, 0, 0), (0, 0, -1)),
    "sagittal": ((0, -1, 0), (0, 0, -1)),
}
#: Black, dark red, orange, yellow, white: brightness grows all the way, for any colour vision.
HOT = np.stack(
    [
        np.interp(np.arange(256), (0, 96, 176, 255), c)
        for c in ((0, 190, 255, 255), (0, 30, 160, 255), (0, 20, 20, 220))
    ],
    axis=1,
)


@dataclass(frozen=True, eq=False)
class TileMaker:
    """The images of one visit, ready for tiles; lesions: PET channel -> label map on that PET's grid."""

    visit: Visit
    lesions: Mapping[str, Volume]

    @property
    def anatomy(self) -> Scan | None:
        """The CT or MR that PETs are laid over."""
        return next((self.visit.scans[c] for c in ANATOMY if c in self.visit.scans), None)

    def picture(self, channel: str, lesion_id: int) -> np.ndarray:
        """The tiles of a lesion, two above two: (2 SIDE + GAP, 2 SIDE + GAP, 3) uint8."""
        scan = self.visit.scans[channel]
        at = scan.volume.geometry.to_world(self._hottest(channel, lesion_id)[None])
        centre = at[0] if scan.transform is None else scan.transform.undo(at)[0]
        tiles = [self._tile(channel, centre, plane, lesion_id) for plane in PLANES]
        other = self.fourth(channel)
        if other is not None:
            tiles.append(self._tile(other, centre, "axial", None))
        picture = np.full((2 * SIDE + GAP, 2 * SIDE + GAP, 3), 255, dtype=np.uint8)
        for n, tile in enumerate(tiles):
            row, column = (SIDE + GAP) * (n // 2), (SIDE + GAP) * (n % 2)
            picture[row : row + SIDE, column : column + SIDE] = tile
        return picture

    def fourth(self, channel: str) -> str | None:
        """The channel that the fourth tile shows: another tracer, else the CT or MR; None where there is neither."""
        other = next((c for c in self.lesions if c != channel), None)
        return other if other is not None or self.anatomy is None else self.anatomy.channel

    def _hottest(self, channel: str, lesion_id: int) -> np.ndarray:
        """Index of the lesion's highest SUV."""
        part = self._boxes[channel][lesion_id - 1]
        inside = self.lesions[channel].array[part] == lesion_id
        values = np.where(inside, self.visit.scans[channel].volume.array[part], -np.inf)
        return np.array(np.unravel_index(int(values.argmax()), values.shape)) + [s.start for s in part]

    @cached_property
    def _boxes(self) -> Mapping[str, list]:
        return {c: ndimage.find_objects(labels.array) for c, labels in self.lesions.items()}

    @cached_property
    def _grey_window(self) -> tuple[float, float]:
        """Black and white of the anatomical image."""
        scan = self.anatomy
        if scan is None or scan.volume.quantity is Quantity.HU:
            return CT_WINDOW_HU
        sample = scan.volume.array[::2, ::2, ::2]
        low, high = np.percentile(sample, MR_PERCENTILES)
        return float(low), float(max(high, low + 1e-6))

    def _tile(self, channel: str, centre: np.ndarray, plane: str, lesion_id: int | None) -> np.ndarray:
        """One plane (SIDE, SIDE, 3); lesion_id None: the outlines of every lesion. CT or MR stands alone."""
        points = _plane(centre, plane)
        anatomy = self.anatomy
        grey = 0.0
        if anatomy is not None:
            low, high = self._grey_window
            values = _sampled(anatomy.volume, _index(anatomy, points), low)
            grey = 220.0 * np.clip((values - low) / (high - low), 0.0, 1.0)[..., None]
        if channel not in self.lesions:
            return np.repeat(grey, 3, axis=-1).astype(np.uint8)
        scan = self.visit.scans[channel]
        index = _index(scan, points)
        share = np.clip(_sampled(scan.volume, index, 0.0) / SUV_BLACK[channel], 0.0, 1.0)
        if anatomy is None:
            picture = np.repeat(255.0 * (1.0 - share[..., None]), 3, axis=-1).astype(np.uint8)
        else:
            opacity = np.clip(share * 2.0, 0.0, 0.8)[..., None]
            picture = (grey * (1.0 - opacity) + HOT[(share * 255).astype(int)] * opacity).astype(np.uint8)
        found = _sampled(self.lesions[channel], index, 0.0, nearest=True)
        mask = found > 0 if lesion_id is None else found == lesion_id
        picture[mask & ~ndimage.binary_erosion(mask, border_value=1)] = OUTLINE_RGB
        return picture


def _index(scan: Scan, points: np.ndarray) -> np.ndarray:
    """(3, N) fractional voxel indices of points of the first PET's frame."""
    there = points if scan.transform is None else scan.transform.apply(points)
    return scan.volume.geometry.to_index(there).T


def _plane(centre: np.ndarray, plane: str) -> np.ndarray:
    """(SIDE * SIDE, 3) points in mm, row by row."""
    right, down = (np.array(v, dtype=np.float64) for v in PLANES[plane])
    step = (np.arange(SIDE) - (SIDE - 1) / 2.0) * TILE_MM
    return (centre + step[:, None, None] * down + step[None, :, None] * right).reshape(-1, 3)


def _sampled(volume: Volume, index: np.ndarray, outside: float, nearest: bool = False) -> np.ndarray:
    """Values (SIDE, SIDE) at voxel indices (3, N)."""
    low = np.maximum(np.floor(index.min(axis=1)).astype(int) - 1, 0)
    high = np.minimum(np.ceil(index.max(axis=1)).astype(int) + 2, volume.array.shape)
    if (low >= high).any():
        return np.full((SIDE, SIDE), outside)
    part = volume.array[tuple(slice(a, b) for a, b in zip(low, high, strict=True))].astype(np.float32)
    found = ndimage.map_coordinates(
        part, index - low[:, None], order=0 if nearest else 1, mode="constant", cval=outside
    )
    return found.reshape(SIDE, SIDE)
