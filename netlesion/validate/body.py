"""Where the body is, on a coarse grid: from CT by density, from PET by uptake.

Everything here lives on a grid of COARSE_MM in RAS+ order, on which a whole body is some 200 000 voxels: enough to say
how the body lies, too little to measure a lesion. Knows nothing about cohorts or findings.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage

from netlesion.image.geometry import Geometry
from netlesion.image.volume import Volume
from netlesion.preprocess.harmonise import resample

COARSE_MM = 6.0
#: Tissue is denser than this (lung lies within the outline and is filled) [P].
TISSUE_HU = -400.0
#: The body takes up more than this fraction of the median of what takes up anything at all [P].
UPTAKE_SHARE = 0.25
#: Whole bodies have next to no surface on the sides of the field of view, crops 0.1 to 0.6 [P].
CUT_SHARE = 0.05
#: Shorter fields of view hold no chest and abdomen [P].
LEAST_LENGTH_MM = 500.0
#: Pieces smaller than this fraction of the largest are no body (table, another's hand) [P].
PIECE_SHARE = 0.15


@dataclass(frozen=True, eq=False)
class Outline:
    """The body on a coarse grid: inside (I, J, K) bool, and the image it came from on the same grid."""

    geometry: Geometry
    inside: np.ndarray
    values: np.ndarray

    @property
    def volume_ml(self) -> float:
        return float(self.inside.sum()) * self.geometry.voxel_volume_ml

    @cached_property
    def cut_share(self) -> float:
        """Fraction of the body's surface that lies on the sides of the field of view: above CUT_SHARE it is a crop."""
        m = self.inside
        surface = np.count_nonzero(m & ~ndimage.binary_erosion(m))
        return float((m[0].sum() + m[-1].sum() + m[:, 0].sum() + m[:, -1].sum()) / max(surface, 1))

    @property
    def length_mm(self) -> float:
        """Head-foot length of the field of view."""
        return self.geometry.shape[2] * self.geometry.spacing_mm[2]

    @property
    def is_crop(self) -> bool:
        """Whether the image was cut around something, so that what holds for a body does not hold for it."""
        return self.cut_share > CUT_SHARE or self.length_mm < LEAST_LENGTH_MM

    @cached_property
    def mean(self) -> float:
        """Mean of the image inside; NaN for an empty outline."""
        return float(self.values[self.inside].mean()) if self.inside.any() else float("nan")


def coarse(volume: Volume) -> Volume:
    """The volume on COARSE_MM voxels over its field of view, axes in RAS+ order."""
    return resample(volume, volume.geometry.resampled((COARSE_MM,) * 3))


def outline_of_ct(hu: Volume) -> Outline:
    """Body from a coarse CT: the large pieces of tissue, thinner things (table, clothes) opened away, holes filled."""
    tissue = ndimage.binary_opening(hu.array > TISSUE_HU, iterations=1)
    return Outline(hu.geometry, _filled(tissue), hu.array)


def outline_of_pet(suv: Volume) -> Outline:
    """Body from a coarse PET; scale-free, so that a wrong SUV does not hide the body."""
    smooth = ndimage.gaussian_filter(suv.array, 1.0)
    some = smooth[smooth > 0.05 * np.percentile(smooth, 99)]
    threshold = UPTAKE_SHARE * float(np.median(some)) if some.size else np.inf
    return Outline(suv.geometry, _filled(smooth > threshold), suv.array)


def _filled(mask: np.ndarray) -> np.ndarray:
    """The large connected pieces (legs are two), holes filled slice by slice (a cut trachea would leak in 3D)."""
    labels, count = ndimage.label(mask)
    if count == 0:
        return np.zeros(mask.shape, dtype=bool)
    sizes = np.bincount(labels.ravel())[1:]
    kept = np.isin(labels, 1 + np.flatnonzero(sizes >= PIECE_SHARE * sizes.max()))
    return np.stack([ndimage.binary_fill_holes(kept[:, :, k]) for k in range(mask.shape[2])], axis=2)
