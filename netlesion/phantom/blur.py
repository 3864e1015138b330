"""The resolution of a PET scanner: a Gaussian that grows off axis and, for 68Ga, in lung.

Takes an XYZ activity array, works in place. Activity is split into a part that is spread narrowly and a part that is
spread widely; the share of the wide part makes the local variance right, and since it belongs to where the activity
is, not to where it is seen, the total is kept exactly (away from the borders). Positron range in lung is that of
clinical.md 7.5. Knows nothing about noise or organs other than the share of lung.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

#: FWHM of a Gaussian over its SD.
FWHM_PER_SIGMA = 2.3548
#: Off-axis blur grows no further than this from the scanner's axis [P].
FARTHEST_OFF_AXIS_MM = 250.0
#: Gaussians end at this many SD.
TRUNCATE = 3.0
#: Voxels are worked on about this many at a time, which stay in the cache.
SLAB_VOXELS = 65_536


def blur_gaussian(image_XYZ: np.ndarray, spacing_mm: tuple[float, ...], fwhm_mm: tuple[float, ...]) -> None:
    """A Gaussian of one FWHM per axis, in place; beyond the border the last voxel goes on."""
    for axis, (spacing, fwhm) in enumerate(zip(spacing_mm, fwhm_mm, strict=True)):
        sigma = fwhm / FWHM_PER_SIGMA / spacing
        if image_XYZ.shape[axis] > 1 and sigma > 0.05:
            kernel = gaussian_kernel(sigma)
            if axis < 2:
                _convolve_rows(image_XYZ, kernel, axis)
            else:
                ndimage.correlate1d(image_XYZ, kernel, axis=axis, output=image_XYZ, mode="nearest")


def gaussian_kernel(sigma: float) -> np.ndarray:
    """A Gaussian of this SD in voxels, sum 1, (2 r + 1,)."""
    reach = int(TRUNCATE * sigma + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return kernel / kernel.sum()


def _convolve_rows(image_XYZ: np.ndarray, kernel: np.ndarray, axis: int) -> None:
    """A symmetric kernel along x or y, in place, whole rows along z at a time: faster than scipy's line by line."""
    reach, length = len(kernel) // 2, image_XYZ.shape[axis]
    shares = kernel[reach:].astype(np.float32)
    across = 1 - axis
    step = max(1, SLAB_VOXELS * image_XYZ.shape[across] // image_XYZ.size)
    for start in range(0, image_XYZ.shape[across], step):
        slab = image_XYZ[(slice(None),) * across + (slice(start, start + step),)]
        padded = np.concatenate([slab.take([0] * reach, axis), slab, slab.take([length - 1] * reach, axis)], axis)

        def moved(by: int, padded: np.ndarray = padded) -> np.ndarray:
            return padded[(slice(None),) * axis + (slice(reach + by, reach + by + length),)]

        total = moved(0) * shares[0]
        for by in range(1, reach + 1):
            both = moved(by) + moved(-by)
            both *= shares[by]
            total += both
        slab[...] = total


def off_axis_variance(x_mm: np.ndarray, y_mm: np.ndarray, growth_mm: float) -> np.ndarray:
    """FWHM squared (mm2) that the distance from the scanner's axis adds, (X, Y); growth_mm: at 10 cm."""
    squared = np.minimum(x_mm[:, None] ** 2 + y_mm[None] ** 2, FARTHEST_OFF_AXIS_MM**2)
    return (growth_mm**2 * squared / 100.0**2).astype(np.float32)


def spread_activity(
    image_XYZ: np.ndarray,
    spacing_mm: tuple[float, float, float],
    *,
    fwhm_mm: tuple[float, float, float],
    added_XY: np.ndarray,
    lung_share_XYZ: np.ndarray | None,
    lung_added: float,
) -> None:
    """Blur in place. fwhm_mm: on axis in soft tissue; added_XY, lung_added: FWHM squared on top (mm2), isotropic."""
    lung_added = lung_added if lung_share_XYZ is not None else 0.0
    widest = float(added_XY.max()) + lung_added
    if widest > 0.0:
        wide = image_XYZ * (added_XY / np.float32(widest))[:, :, None]
        if lung_added > 0.0:
            lung = image_XYZ * lung_share_XYZ
            lung *= np.float32(lung_added / widest)
            wide += lung
            del lung
        image_XYZ -= wide
        blur_gaussian(wide, spacing_mm, (widest**0.5,) * 3)
        image_XYZ += wide
    blur_gaussian(image_XYZ, spacing_mm, fwhm_mm)
