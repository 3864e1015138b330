"""From activity without noise to the SUV image a scanner would show: breathing, resolution, counting noise.

Takes IJK arrays on one Geometry and the facts of the scan, returns an SUV image on the same grid, never negative,
whose expectation is the blurred truth. Pure: the only randomness is `seed`. Everything is done in the box of the
body, one thread, float32. Knows nothing about organs, lesions or files.

Confessed: no error of scatter or attenuation correction, no truncation, no motion but breathing, no decay between
beds, no dead time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlesion.errors import ConfigError, QuantityError
from netlesion.image.geometry import Geometry
from netlesion.phantom.blur import off_axis_variance, spread_activity
from netlesion.phantom.breathing import Breathing, breathe
from netlesion.phantom.noise import add_noise, noise_maps
from netlesion.phantom.scan_axes import ScanAxes, scan_axes
from netlesion.phantom.scanners import (
    BRANCHING,
    ScannerModel,
    effective_fwhm_mm,
    positron_range_mm,
    relative_sensitivity,
)
from netlesion.suv import HALF_LIFE_S

__all__ = ["Breathing", "Counts", "expected_image", "mu_of_hu", "pet_image"]

#: Where there is less than this, there is no body: SUV, and 1/cm.
LEAST_SUV, LEAST_MU = 1e-3, 1e-3
#: Room around the body for blur and for the faint noise in air.
MARGIN_MM = 30.0
#: 511 keV attenuation of water (1/cm), and how much of a CT number above water it follows: bilinear at 120 kV
#: (Burger et al., Eur J Nucl Med 2002;29:922).
MU_WATER = 0.096
MU_PER_HU_ABOVE = 0.096 * 0.51 / 1000.0


@dataclass(frozen=True)
class Counts:
    """What makes the number of counts: activity concentration per SUV at scan start (Bq/ml), and time per bed.

    Infinite seconds give no noise.
    """

    nuclide: str
    bq_ml_per_suv: float
    seconds_per_bed: float

    def __post_init__(self) -> None:
        positron_range_mm(self.nuclide)
        if not self.bq_ml_per_suv > 0.0 or not self.seconds_per_bed > 0.0:
            raise ConfigError(
                f"a scan of {self.seconds_per_bed} s per bed with {self.bq_ml_per_suv} Bq/ml per SUV has no counts; "
                "both must be above 0"
            )

    @classmethod
    def of_injection(
        cls, nuclide: str, *, dose_mbq: float, weight_kg: float, uptake_min: float, seconds_per_bed: float
    ) -> Counts:
        """From what was injected, when and into whom (clinical.md 1.1 read backwards)."""
        positron_range_mm(nuclide)
        if not weight_kg > 0.0:
            raise ConfigError(f"a patient of {weight_kg} kg cannot be scanned; the weight must be above 0")
        left = 0.5 ** (uptake_min * 60.0 / HALF_LIFE_S[nuclide])
        return cls(nuclide, dose_mbq * 1e6 * left / (weight_kg * 1e3), seconds_per_bed)

    @property
    def decays(self) -> float:
        """Positrons per ml and SUV during one bed."""
        return self.bq_ml_per_suv * self.seconds_per_bed * BRANCHING[self.nuclide]


def mu_of_hu(hu: np.ndarray) -> np.ndarray:
    """CT numbers -> 511 keV attenuation in 1/cm, float32."""
    mu = np.asarray(hu, dtype=np.float32) * np.float32(MU_WATER / 1000.0) + np.float32(MU_WATER)
    above = np.float32(MU_PER_HU_ABOVE) * hu + np.float32(MU_WATER)
    return np.maximum(np.where(hu > 0, above, mu), 0.0).astype(np.float32)


def pet_image(
    suv_IJK: np.ndarray,
    mu_IJK: np.ndarray,
    geometry: Geometry,
    *,
    scanner: ScannerModel,
    counts: Counts,
    lung_share_IJK: np.ndarray | None = None,
    breathing: Breathing | None = None,
    seed: int,
) -> np.ndarray:
    """A noisy SUV image, float32, at least 0 everywhere.

    suv_IJK: true SUV without noise. mu_IJK: 511 keV attenuation in 1/cm. lung_share_IJK: the share of each voxel that
    is lung, where 68Ga's positrons fly far. Raises QuantityError for an array off the grid, negative or not finite.
    """
    box = _Box.around(suv_IJK, mu_IJK, geometry)
    image = np.zeros(geometry.shape, dtype=np.float32)
    if box is None:
        return image
    body = _expected(suv_IJK, box, scanner, counts.nuclide, lung_share_IJK, breathing)
    if np.isfinite(counts.seconds_per_bed):
        maps = noise_maps(
            body,
            box.cut(mu_IJK),
            box.axes.spacing_mm,
            reconstruction=scanner.reconstruction(counts.decays),
            sensitivity_Z=relative_sensitivity(scanner, box.axes.z_mm)[box.slices[2]],
        )
        add_noise(body, maps, box.axes.spacing_mm, filter_mm=scanner.filter_mm, seed=seed)
    box.cut(image)[...] = body
    return image


def expected_image(
    suv_IJK: np.ndarray,
    geometry: Geometry,
    *,
    scanner: ScannerModel,
    nuclide: str,
    lung_share_IJK: np.ndarray | None = None,
    breathing: Breathing | None = None,
) -> np.ndarray:
    """What the scanner would show with endless counts: the expectation of `pet_image`, float32."""
    box = _Box.around(suv_IJK, suv_IJK, geometry)
    image = np.zeros(geometry.shape, dtype=np.float32)
    if box is not None:
        box.cut(image)[...] = _expected(suv_IJK, box, scanner, nuclide, lung_share_IJK, breathing)
    return image


def _expected(
    suv_IJK: np.ndarray,
    box: _Box,
    scanner: ScannerModel,
    nuclide: str,
    lung_share_IJK: np.ndarray | None,
    breathing: Breathing | None,
) -> np.ndarray:
    """The body's box after breathing and blur, XYZ."""
    if lung_share_IJK is not None and lung_share_IJK.shape != suv_IJK.shape:
        raise QuantityError(f"lung has shape {lung_share_IJK.shape}, activity {suv_IJK.shape}; they must agree")
    body = np.array(box.cut(suv_IJK), dtype=np.float32, order="C")
    lung = None if lung_share_IJK is None else box.cut(lung_share_IJK)
    axes = box.axes
    if breathing is not None:
        breathe(body, axes.z_mm[box.slices[2]], breathing)
    soft_mm, lung_mm = positron_range_mm(nuclide)
    in_plane, axial = effective_fwhm_mm(scanner, nuclide)
    spread_activity(
        body,
        axes.spacing_mm,
        fwhm_mm=(in_plane, in_plane, axial),
        added_XY=off_axis_variance(axes.x_mm[box.slices[0]], axes.y_mm[box.slices[1]], scanner.off_axis_mm),
        lung_share_XYZ=lung,
        lung_added=lung_mm**2 - soft_mm**2,
    )
    return body


@dataclass(frozen=True, eq=False)
class _Box:
    """The part of the grid with a body in it and some air around, in the scanner's axes."""

    axes: ScanAxes
    slices: tuple[slice, slice, slice]

    @classmethod
    def around(cls, suv_IJK: np.ndarray, mu_IJK: np.ndarray, geometry: Geometry) -> _Box | None:
        """None where there is no body. Checks both arrays."""
        axes = scan_axes(geometry)
        for what, array in (("activity", suv_IJK), ("attenuation", mu_IJK)):
            if array.shape != geometry.shape:
                raise QuantityError(f"{what} has shape {array.shape}, its grid {geometry.shape}; they must agree")
            lowest, highest = float(array.min()), float(array.max())
            if not (lowest >= 0.0 and highest < np.inf):
                raise QuantityError(
                    f"{what} runs from {lowest} to {highest}; expected finite values of at least 0 in every voxel"
                )
        filled = axes.view(suv_IJK) > LEAST_SUV
        filled |= axes.view(mu_IJK) > LEAST_MU
        slices = []
        for axis in range(3):
            present = np.flatnonzero(filled.any(axis=tuple(a for a in range(3) if a != axis)))
            if present.size == 0:
                return None
            margin = int(np.ceil(MARGIN_MM / axes.spacing_mm[axis]))
            slices.append(slice(max(0, present[0] - margin), present[-1] + 1 + margin))
        return cls(axes, tuple(slices))

    def cut(self, array: np.ndarray) -> np.ndarray:
        """The box of an IJK array as an XYZ view."""
        return self.axes.view(array)[self.slices]
