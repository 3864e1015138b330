"""What a PET/MR's sequences show: Dixon in/opposed/water/fat, T2, diffusion b50 and b800, each on a grid of its own.

Takes tissue properties and returns relative signals, or images with a bias field, distortion is the caller's (a pose);
`mr_image` adds coil shading and Rician noise. Signal equations are the textbook ones (spin echo, mono-exponential
diffusion, two-point Dixon); sequences follow clinical.md 7.6. Knows nothing about bodies, lesions or files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import zoom

from netlesion.phantom.tissues import Tissue

if TYPE_CHECKING:
    from collections.abc import Callable

    from netlesion.image.geometry import Geometry


@dataclass(frozen=True)
class Sequence:
    """One MR contrast. spacing_mm: grid; noise: SD over the brightest tissue; distorted: echo-planar, bent near air."""

    name: str
    spacing_mm: tuple[float, float, float]
    signal: Callable[[Tissue], float]
    noise: float
    distorted: bool = False
    b_value: int | None = None
    te_ms: float | None = None


def _water(t: Tissue) -> float:
    return t.proton * (1.0 - t.fat_fraction)


def _fat(t: Tissue) -> float:
    return t.proton * t.fat_fraction


def _t2(t: Tissue) -> float:
    """Single-shot fast spin echo, TE 90 ms; fat stays bright in long echo trains."""
    return _water(t) * float(np.exp(-90.0 / t.t2_ms)) + 0.25 * _fat(t)


def _diffusion(b: int) -> Callable[[Tissue], float]:
    """Fat-suppressed echo-planar imaging, TE 75 ms."""

    def signal(t: Tissue) -> float:
        return (_water(t) + 0.02 * _fat(t)) * float(np.exp(-75.0 / t.t2_ms - b * t.adc * 1e-3))

    return signal


_DIXON_MM = (2.6, 2.6, 3.1)
SEQUENCES: Mapping[str, Sequence] = MappingProxyType(
    {
        "dixon_in": Sequence("dixon_in", _DIXON_MM, lambda t: _water(t) + _fat(t), 0.03, te_ms=2.46),
        "dixon_opp": Sequence("dixon_opp", _DIXON_MM, lambda t: abs(_water(t) - _fat(t)), 0.03, te_ms=1.23),
        "dixon_water": Sequence("dixon_water", _DIXON_MM, _water, 0.03),
        "dixon_fat": Sequence("dixon_fat", _DIXON_MM, _fat, 0.03),
        "t2": Sequence("t2", (1.6, 1.6, 5.0), _t2, 0.025, te_ms=90.0),
        "dwi_b50": Sequence("dwi_b50", (2.4, 2.4, 5.0), _diffusion(50), 0.03, distorted=True, b_value=50),
        "dwi_b800": Sequence("dwi_b800", (2.4, 2.4, 5.0), _diffusion(800), 0.03, distorted=True, b_value=800),
    }
)
#: A lesion's water: bright on T2, restricted diffusion.
LESION_TISSUE = Tissue(60.0, 1.05, 0.0, 0.8, 85.0, 0.9)
#: Largest relative change of brightness over the field of view.
SHADING = 0.35


def mr_image(signal_IJK: np.ndarray, geometry: Geometry, *, noise: float, scale: float, seed: int) -> np.ndarray:
    """Relative signal -> an image in arbitrary units (scale: what a signal of 1 becomes), float32, at least 0.

    Smooth shading by +-SHADING and Rician noise, whose background is not zero. Same seed, same bytes.
    """
    rng = np.random.default_rng(seed)
    coarse = rng.normal(size=(4, 4, 5))
    shading = np.ones((1, 1, 1), dtype=np.float32)
    if min(geometry.shape) > 1:
        field = zoom(
            coarse, [n / c for n, c in zip(geometry.shape, coarse.shape, strict=True)], order=3, grid_mode=False
        )
        field = field[tuple(slice(0, n) for n in geometry.shape)]
        shading = np.exp(np.float32(SHADING) * np.tanh(field).astype(np.float32))
    real = signal_IJK * shading + np.float32(noise) * rng.standard_normal(signal_IJK.shape, dtype=np.float32)
    imaginary = np.float32(noise) * rng.standard_normal(signal_IJK.shape, dtype=np.float32)
    return np.float32(scale) * np.sqrt(real * real + imaginary * imaginary)
