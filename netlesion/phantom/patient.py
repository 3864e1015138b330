"""Everything that chance decides about one patient, and the settings that rule it.

Takes an index, a seed and PhantomSettings; returns a frozen PatientDraw. All randomness of the phantom is here and in
the `draw_*` functions called from here; noise and texture are kept as seeds. Patient i is the same however many
others are made. Knows nothing about images.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from netlesion.errors import ConfigError
from netlesion.phantom.anatomy import Anatomy, draw_anatomy
from netlesion.phantom.avidity import sstr_burden_ml, with_avidity
from netlesion.phantom.lesions import Lesion, LesionPriors, draw_lesions
from netlesion.phantom.uptake import CHANNELS, FDG, SSTR, Uptake, draw_uptake, with_sink_effect
from netlesion.study import Acquisition

HALF_LIFE_S: Mapping[str, float] = {SSTR: 4062.6, FDG: 6586.2}
#: Injected activity per body weight, and the most that is given of 68Ga (clinical.md 7.5).
DOSE_BQ_PER_KG: Mapping[str, float] = {SSTR: 2.0e6, FDG: 4.0e6}
SSTR_MOST_DOSE_BQ = 2.0e8
#: The random fields of a visit; each has a seed of its own.
FIELDS = ("sstr_mottle", "fdg_mottle", "sstr_noise", "fdg_noise", "ct_noise")
#: Lesions keep this far from the foot and head end of the field of view.
LESION_FREE_END_MM = 30.0


@dataclass(frozen=True)
class PhantomSettings:
    """Every knob of the phantom but the organ table. FWHM in mm, noise as a coefficient of variation (COV), all [P].

    fov_z_mm: foot and head end of the field of view in a 172 cm adult (0 is the first lumbar vertebra).
    PET noise has SD = noise_cov * reference at the reference SUV (about that of liver) and scales as sqrt(SUV).
    sstr_positron_fwhm_mm: 68Ga positron range, added to psf_fwhm_mm in quadrature.
    """

    pet_spacing_mm: tuple[float, float, float] = (4.2, 4.2, 5.0)
    ct_spacing_mm: tuple[float, float, float] = (3.0, 3.0, 4.0)
    sstr_orientation: str = "LAS"
    fdg_orientation: str = "RAS"
    ct_orientation: str = "LPS"
    fov_z_mm: tuple[float, float] = (-400.0, 450.0)
    fov_margin_mm: float = 8.0
    psf_fwhm_mm: float = 6.0
    sstr_positron_fwhm_mm: float = 2.8
    noise_cov: float = 0.10
    noise_fwhm_mm: float = 6.0
    sstr_noise_reference_suv: float = 5.0
    fdg_noise_reference_suv: float = 2.2
    liver_mottle_cov: float = 0.10
    bowel_mottle_cov: float = 0.20
    mottle_fwhm_mm: float = 12.0
    ct_noise_hu: float = 14.0
    ct_noise_fwhm_mm: float = 4.0
    physiologic_min_suv: float = 2.5
    lesions: LesionPriors = field(default_factory=LesionPriors)

    def psf_mm(self, channel: str) -> float:
        """FWHM of the whole blur of one PET."""
        return float(np.hypot(self.psf_fwhm_mm, self.sstr_positron_fwhm_mm if channel == SSTR else 0.0))


@dataclass(frozen=True)
class PatientDraw:
    """Everything that chance decided about one patient; field_seeds feed the noise and texture of each image."""

    index: int
    anatomy: Anatomy
    uptake: Uptake
    lesions: tuple[Lesion, ...]
    acquisitions: Mapping[str, Acquisition]
    field_seeds: Mapping[str, int]
    fdg_offset_mm: tuple[float, float, float]


def draw_patient(index: int, *, seed: int, settings: PhantomSettings) -> PatientDraw:
    """All chance of one patient, without rendering. Raises ConfigError for a negative index or seed."""
    if index < 0 or seed < 0:
        raise ConfigError(f"a phantom needs an index and a seed of 0 or more, got index {index} and seed {seed}")
    rng = np.random.default_rng([seed, index])
    field_seeds = {name: int(rng.integers(2**62)) for name in FIELDS}
    offset = tuple(float(v) for v in rng.uniform(-4.0, 4.0, 3))
    anatomy = draw_anatomy(rng)
    acquisitions = {channel: _draw_acquisition(rng, channel, anatomy) for channel in CHANNELS}
    uptake = draw_uptake(rng)
    foot_mm, head_mm = fov_z_mm(anatomy, settings)
    z_range_mm = (foot_mm + LESION_FREE_END_MM, head_mm - LESION_FREE_END_MM)
    lesions = draw_lesions(rng, anatomy, settings.lesions, z_range_mm)
    uptake = with_sink_effect(uptake, sstr_burden_ml(lesions))
    lesions = with_avidity(lesions, anatomy, uptake, settings.lesions)
    return PatientDraw(index, anatomy, uptake, lesions, acquisitions, field_seeds, offset)


def fov_z_mm(anatomy: Anatomy, settings: PhantomSettings) -> tuple[float, float]:
    """Foot and head end of this patient's field of view, RAS+ mm: the nominal ends, scaled by height."""
    foot, head = settings.fov_z_mm
    return foot * anatomy.body_scale[2], head * anatomy.body_scale[2]


def _draw_acquisition(rng: np.random.Generator, channel: str, anatomy: Anatomy) -> Acquisition:
    """Plausible facts of one PET; suv_factor turns Bq/ml, decay-corrected to the start of the scan, into SUVbw."""
    half_life_s, weight_kg = HALF_LIFE_S[channel], anatomy.weight_kg
    dose_bq = DOSE_BQ_PER_KG[channel] * weight_kg * float(rng.uniform(0.9, 1.1))
    dose_bq = round(min(dose_bq, SSTR_MOST_DOSE_BQ) if channel == SSTR else dose_bq)
    uptake_s = float(round(np.clip(rng.normal(3600.0, 400.0), 2700.0, 5400.0)))
    return Acquisition(
        manufacturer="netlesion",
        model="digital phantom",
        weight_kg=weight_kg,
        height_cm=anatomy.height_cm,
        dose_bq=float(dose_bq),
        half_life_s=half_life_s,
        uptake_s=uptake_s,
        suv_factor=weight_kg * 1000.0 / (dose_bq * 2.0 ** (-uptake_s / half_life_s)),
        ref_time_source="series",
    )
