"""The PET scanners of the digital cohort: what each one resolves, counts and writes.

Takes nothing, returns frozen ScannerModels. Grids, axial fields of view and contrast recoveries are those of
clinical.md 7.5; coincidence times and scatter fractions of the first five scanners are from the same table of NEMA NU 2
values (J Nucl Med, highwire table 82131). `psf_mm` is the reconstructed, effective resolution without positron range,
chosen so that the NEMA spheres recover what clinical.md 7.5 says (`bench/phantom_recovery.py`); where it says nothing,
[P]. Values marked [M] are from memory, as in clinical.md. Knows nothing about images.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from netlesion.errors import ConfigError
from netlesion.phantom.noise import Reconstruction

#: Positron range as FWHM in mm that adds in quadrature, (soft tissue, lung) (clinical.md 7.5). 64Cu is close to 18F.
POSITRON_RANGE_MM: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"18F": (0.6, 0.6), "64Cu": (0.6, 0.6), "68Ga": (2.8, 6.0)}
)
#: Positrons per decay.
BRANCHING: Mapping[str, float] = MappingProxyType({"18F": 0.967, "64Cu": 0.175, "68Ga": 0.891})
#: Coincidence time resolution -> its length along a line, mm per ps (half the speed of light).
MM_PER_PS = 0.15
#: Diameter for which the gain by time of flight is counted, mm [P], and how much of it reaches an image: variance
#: falls by diameter / (1.6 * length) (Conti, Eur J Nucl Med Mol Imaging 2011;38:1147).
TOF_DIAMETER_MM = 300.0
#: The first and last slice of a scan still count this share [P].
LEAST_SENSITIVITY = 0.1
#: The noise of a reconstruction of noise_gain 1 for one count. With the 8.5 % that an organ's mottle keeps after blur,
#: liver COV is then 12 % for 185 MBq of 68Ga-DOTATATE, 60 min, 2.75 min per bed and 75 kg on the Discovery MI
#: (clinical.md 7.5: 10-15 %, seen in patients and so with their mottle; bench/phantom_dose.py).
GAIN_OF_ONE_COUNT = 21.0
#: How noise falls with the post filter's width, SD ~ width^-exponent, in plane and axially, about filters of 5 mm.
#: In plane: the mean of four places of a cylinder and a torso under OSEM (bench/osem.py), 0.62 to 1.12 from 5 to 8 mm.
#: Axially: white noise.
FILTER_EXPONENTS, FILTER_OF_ONE_COUNT_MM = (0.8, 0.5), 5.0


@dataclass(frozen=True)
class ScannerModel:
    """One scanner with one reconstruction.

    matrix, spacing_mm: the grid it writes, transverse and then axial (the number of slices is the scan's).
    bed_overlap: share of the axial field of view that neighbouring beds share; None for continuous bed motion.
    psf_mm: FWHM in plane and axially on axis. off_axis_mm: FWHM that adds in quadrature at 10 cm. filter_mm: FWHM of
    the post filter. sensitivity: NEMA, counts per second and kBq. tof_ps: coincidence time resolution, None without.
    convergence_mm: see `netlesion.phantom.noise`. noise_gain: noise before the filter, relative to the Discovery MI.
    scatter_fraction: scatter over scatter and trues. randoms_per_true [P].
    """

    manufacturer: str
    model_name: str
    modality: Literal["PET/CT", "PET/MR"]
    matrix: tuple[int, int]
    spacing_mm: tuple[float, float, float]
    axial_fov_mm: float
    bed_overlap: float | None
    psf_mm: tuple[float, float]
    off_axis_mm: float
    filter_mm: tuple[float, float]
    sensitivity: float
    tof_ps: float | None
    convergence_mm: float
    noise_gain: float
    scatter_fraction: float = 0.35
    randoms_per_true: float = 0.5

    @property
    def effective_sensitivity(self) -> float:
        """Sensitivity times what time of flight is worth."""
        if self.tof_ps is None:
            return self.sensitivity
        return self.sensitivity * max(1.0, TOF_DIAMETER_MM / (1.6 * self.tof_ps * MM_PER_PS))

    def reconstruction(self, counts_per_suv_mm: float) -> Reconstruction:
        """What `netlesion.phantom.noise` needs to know, for this many decays per SUV and mm (relative)."""
        filtered = 1.0
        for width, exponent in zip(self.filter_mm, FILTER_EXPONENTS, strict=True):
            filtered *= (FILTER_OF_ONE_COUNT_MM / width) ** exponent
        return Reconstruction(
            counts=counts_per_suv_mm * self.effective_sensitivity,
            gain=self.noise_gain * GAIN_OF_ONE_COUNT * filtered,
            convergence_mm=self.convergence_mm,
            filter_mm=self.filter_mm,
            scatter_fraction=self.scatter_fraction,
            randoms_per_true=self.randoms_per_true,
        )


#: key -> scanner. Off-axis growth: mean of radial and tangential from 1 to 10 cm (clinical.md 7.5). Overlaps, filters,
#: convergence (2 x 8 updates: 95 mm, 2 x 14: 158, 3 x 21: 251, by OSEM as in bench/phantom_noise.py) and gains are [P].
#: What blurs an image blurs its noise: a filter is at least what makes psf_mm out of the NEMA resolution.
SCANNERS: Mapping[str, ScannerModel] = MappingProxyType(
    {
        # 13.7 cps/kBq, 375 ps, 40.6 % scatter: that table (four rings)
        "discovery_mi": ScannerModel(
            "GE MEDICAL SYSTEMS", "Discovery MI", "PET/CT", (256, 256), (2.73, 2.73, 2.79), 200.0, 0.24,
            psf_mm=(4.5, 4.9), off_axis_mm=2.8, filter_mm=(5.0, 5.0), sensitivity=13.7, tof_ps=375.0,
            convergence_mm=200.0, noise_gain=1.0, scatter_fraction=0.406,
        ),
        # 390 ps, 42.5 %: that table; 23 cps/kBq [M:med] (Grant et al., Med Phys 2016;43:2334); 2 x 28 updates
        "signa_petmr": ScannerModel(
            "GE MEDICAL SYSTEMS", "SIGNA PET/MR", "PET/MR", (256, 256), (2.34, 2.34, 2.78), 250.0, 0.27,
            psf_mm=(7.0, 7.6), off_axis_mm=2.9, filter_mm=(5.5, 5.5), sensitivity=23.0, tof_ps=390.0,
            convergence_mm=235.0, noise_gain=1.1, scatter_fraction=0.425,
        ),
        # 555 ps, 33.5 %: that table; 10.0 cps/kBq: Karlberg et al., EJNMMI Phys 2016;3:5 (mCT)
        # noise_gain [P]: with the Discovery MI's, half of the livers had a variation below 8 % (clinical.md 7.5)
        "biograph_mct_flow": ScannerModel(
            "SIEMENS", "Biograph mCT Flow", "PET/CT", (400, 400), (2.036, 2.036, 3.0), 221.0, None,
            psf_mm=(8.25, 8.7), off_axis_mm=2.4, filter_mm=(7.0, 7.2), sensitivity=10.0, tof_ps=555.0,
            convergence_mm=200.0, noise_gain=1.4, scatter_fraction=0.335,
        ),
        # 37.9 %: that table, whose 2.9 ns are no time of flight; 13.3 cps/kBq: Karlberg et al. as above. Its recoveries
        # are those of a wide filter. With one of 4 mm [M:med] and the gain of the Discovery MI, which was not fitted to
        # this, FDG blood pool has 21 % of noise at 4 min per bed and 42 % at 1 min; 22.2 and 42.1 % were seen
        # (clinical.md 7.5, PMC6207312)
        "biograph_mmr": ScannerModel(
            "SIEMENS", "Biograph mMR", "PET/MR", (172, 172), (4.17, 4.17, 2.03), 258.0, 0.30,
            psf_mm=(7.75, 8.4), off_axis_mm=2.6, filter_mm=(6.4, 6.6), sensitivity=13.3, tof_ps=None,
            convergence_mm=250.0, noise_gain=1.0, scatter_fraction=0.379,
        ),
        # 322 ps, 30 %: that table; 5.2 cps/kBq and grid [M:med] (Rausch et al., J Nucl Med 2019;60:561)
        "vereos": ScannerModel(
            "Philips Medical Systems", "Vereos PET/CT", "PET/CT", (288, 288), (2.0, 2.0, 2.0), 164.0, 0.39,
            psf_mm=(3.75, 4.0), off_axis_mm=2.1, filter_mm=(4.5, 4.5), sensitivity=5.2, tof_ps=322.0,
            convergence_mm=200.0, noise_gain=0.8, scatter_fraction=0.3,
        ),
        # 16.4 cps/kBq, 210 ps [M:med] (van Sluis et al., J Nucl Med 2019;60:1031); psf [P]
        "biograph_vision": ScannerModel(
            "SIEMENS", "Biograph Vision 600", "PET/CT", (440, 440), (1.65, 1.65, 3.0), 261.0, None,
            psf_mm=(4.0, 4.2), off_axis_mm=2.4, filter_mm=(4.5, 4.5), sensitivity=16.4, tof_ps=210.0,
            convergence_mm=200.0, noise_gain=1.15,
        ),
        # sensitivity and field of view of the three-ring version [M:low]; psf [P]; 2 x 8 updates, as of its day [M:med]
        "biograph_truepoint": ScannerModel(
            "SIEMENS", "Biograph 64 TruePoint", "PET/CT", (168, 168), (4.07, 4.07, 5.0), 162.0, 0.25,
            psf_mm=(6.5, 6.8), off_axis_mm=2.4, filter_mm=(5.0, 5.0), sensitivity=4.5, tof_ps=None,
            convergence_mm=95.0, noise_gain=0.55,
        ),
    }
)  # fmt: skip


def positron_range_mm(nuclide: str) -> tuple[float, float]:
    """FWHM that the positron's range adds in quadrature, in soft tissue and in lung. ConfigError for others."""
    if nuclide not in POSITRON_RANGE_MM:
        raise ConfigError(f"no positron range is known for {nuclide!r}; expected one of {', '.join(POSITRON_RANGE_MM)}")
    return POSITRON_RANGE_MM[nuclide]


def effective_fwhm_mm(scanner: ScannerModel, nuclide: str) -> tuple[float, float]:
    """What a point in soft tissue on the scanner's axis measures, in plane and axially."""
    soft_mm, _ = positron_range_mm(nuclide)
    in_plane, axial = (float((psf**2 + soft_mm**2) ** 0.5) for psf in scanner.psf_mm)
    return in_plane, axial


def relative_sensitivity(scanner: ScannerModel, z_mm: np.ndarray) -> np.ndarray:
    """Sensitivity of each slice relative to the middle of one bed, for beds that just cover z_mm; at least 0.1.

    One bed's profile is a triangle, as of all oblique lines; beds are centred on the scan. Continuous bed motion
    sees every slice alike.
    """
    if scanner.bed_overlap is None or z_mm.size < 2:
        return np.ones(z_mm.shape, dtype=np.float64)
    length = abs(z_mm[-1] - z_mm[0]) * z_mm.size / (z_mm.size - 1)
    step = scanner.axial_fov_mm * (1.0 - scanner.bed_overlap)
    num_beds = max(1, int(np.ceil((length - scanner.axial_fov_mm) / step)) + 1)
    centres = z_mm.mean() + (np.arange(num_beds) - (num_beds - 1) / 2) * step
    away = np.abs(z_mm[:, None] - centres) / (scanner.axial_fov_mm / 2)
    return np.maximum(np.maximum(1.0 - away, 0.0).sum(axis=1), LEAST_SENSITIVITY)
