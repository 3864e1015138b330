"""What free breathing does to a time-averaged image: organs near the diaphragm are smeared along z.

Takes an XYZ activity array and a frozen Breathing, works in place on the slices within reach. Displacement over time
is a(z) cos^6(pi t / T), the asymmetric course of Lujan et al. (Med Phys 1999;26:715, n = 3): longest near end
expiration, and organs move caudally when inspiring. The amplitude is largest at the diaphragm's dome (8-15 mm,
clinical.md 7.4) and falls to 0 over `reach_mm` [P]. The kernel's mean is 0: the truth is the time-mean position. All
of a slice moves, spine and arms too. Activity is kept. Knows nothing about organs or noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlesion.errors import ConfigError

#: Moments of the displacement, in units of the amplitude, come from this many phases of one breath.
NUM_PHASES = 64


@dataclass(frozen=True)
class Breathing:
    """Where the diaphragm's dome is (RAS+ mm), and how far it moves from end expiration to end inspiration."""

    dome_z_mm: float
    amplitude_mm: float
    reach_mm: float = 100.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.amplitude_mm <= 40.0 or self.reach_mm <= 0.0:
            raise ConfigError(
                f"breathing of {self.amplitude_mm} mm over {self.reach_mm} mm is not understood; expected an "
                "amplitude of 0 to 40 mm and a reach above 0"
            )

    def amplitudes_mm(self, z_mm: np.ndarray) -> np.ndarray:
        """The amplitude at each height: a raised cosine around the dome."""
        away = np.minimum(np.abs(z_mm - self.dome_z_mm) / self.reach_mm, 1.0)
        return self.amplitude_mm * 0.5 * (1.0 + np.cos(np.pi * away))


def displacement_kernel(amplitude_mm: float, spacing_mm: float, cranial: int) -> np.ndarray:
    """Shares of time spent at whole-voxel displacements -R..R along the array axis, sum 1, mean 0.

    cranial: +1 where the array axis grows towards the head, else -1. Sharing a displacement between two voxels adds
    variance; mixing with the kernel at rest takes it out again, so that the SD in mm is right on coarse slices too.
    """
    time = (np.arange(NUM_PHASES) + 0.5) / NUM_PHASES
    moved = np.cos(np.pi * time) ** 6
    offsets = -cranial * amplitude_mm / spacing_mm * (moved - moved.mean())
    reach = int(np.ceil(np.abs(offsets).max())) + 1
    kernel = np.zeros(2 * reach + 1)
    low = np.floor(offsets).astype(int)
    np.add.at(kernel, low + reach, 1.0 - (offsets - low))
    np.add.at(kernel, low + 1 + reach, offsets - low)
    kernel /= NUM_PHASES
    wanted, got = (offsets**2).mean(), (kernel * np.arange(-reach, reach + 1) ** 2).sum()
    kernel *= wanted / got if got > 0 else 0.0
    kernel[reach] += 1.0 - kernel.sum()
    return kernel


def breathe(image_XYZ: np.ndarray, z_mm: np.ndarray, breathing: Breathing) -> None:
    """Smear the image along z in place; what would leave the field of view stays in its last slice."""
    amplitudes = breathing.amplitudes_mm(z_mm)
    moving = np.flatnonzero(amplitudes > 0.0)
    if moving.size == 0 or z_mm.size < 2:
        return
    spacing, cranial = abs(z_mm[1] - z_mm[0]), 1 if z_mm[1] > z_mm[0] else -1
    first, last = moving[0], moving[-1]
    slab_ZXY = np.moveaxis(image_XYZ[:, :, first : last + 1], 2, 0).copy()
    kernels = [displacement_kernel(amplitudes[k], spacing, cranial) for k in range(first, last + 1)]
    reach = max(kernel.size for kernel in kernels) // 2
    low, high = max(0, first - reach), min(z_mm.size, last + 1 + reach)
    moved_ZXY = np.zeros((high - low, *slab_ZXY.shape[1:]), dtype=np.float32)
    for k, kernel in enumerate(kernels, start=first):
        for offset, share in enumerate(kernel, start=-(kernel.size // 2)):
            if share > 0.0:
                moved_ZXY[min(max(k + offset, low), high - 1) - low] += slab_ZXY[k - first] * np.float32(share)
    image_XYZ[:, :, first : last + 1] = 0.0
    image_XYZ[:, :, low:high] += np.moveaxis(moved_ZXY, 0, 2)
