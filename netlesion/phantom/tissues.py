"""What each tissue is made of: CT number, density, attenuation at 511 keV, and how it looks on MR.

Data and nothing else; rows are the tissue names of `body.parts`. CT numbers are those of a portal-venous CT at
120 kV, adult averages [P]; MR numbers are at 1.5-3 T, from textbooks' ranges [P], enough for contrast, not for
quantitative MR. Attenuation follows the bilinear rule that PET/CT scanners use. Knows nothing about tracers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

#: Linear attenuation of water at 511 keV, and the slope of the bilinear rule above 0 HU (1/cm, 1/cm per HU).
MU_WATER_PER_CM = 0.096
MU_BONE_PER_HU = 0.64 * MU_WATER_PER_CM / 1000.0


@dataclass(frozen=True)
class Tissue:
    """hu: CT number. density: g/ml. fat_fraction: of the MR signal. proton: relative water signal of T1 Dixon.
    t2_ms and adc (1e-3 mm2/s): for T2 and diffusion weighting; adc 0 means no signal is left at high b."""

    hu: float
    density: float
    fat_fraction: float = 0.0
    proton: float = 0.8
    t2_ms: float = 50.0
    adc: float = 1.5

    @property
    def mu_per_cm(self) -> float:
        """Linear attenuation at 511 keV."""
        if self.hu <= 0.0:
            return max(0.0, MU_WATER_PER_CM * (1.0 + self.hu / 1000.0))
        return MU_WATER_PER_CM + MU_BONE_PER_HU * self.hu


TISSUES: Mapping[str, Tissue] = MappingProxyType(
    {
        "skin": Tissue(10, 1.09, 0.2, 0.5, 35, 1.3),
        "fat": Tissue(-105, 0.93, 0.95, 1.0, 70, 0.1),
        "visceral_fat": Tissue(-98, 0.94, 0.90, 1.0, 70, 0.1),
        "muscle": Tissue(55, 1.06, 0.05, 0.75, 35, 1.5),
        "tendon": Tissue(90, 1.12, 0.05, 0.2, 10, 0.5),
        "cartilage": Tissue(110, 1.10, 0.05, 0.6, 30, 1.4),
        "cortical_bone": Tissue(950, 1.75, 0.05, 0.08, 5, 0.2),
        "bone_marrow": Tissue(190, 1.14, 0.45, 0.7, 55, 0.4),
        "yellow_marrow": Tissue(20, 1.00, 0.88, 0.95, 65, 0.15),
        "lung": Tissue(-800, 0.24, 0.0, 0.12, 20, 0.8),
        "air": Tissue(-1000, 0.001, 0.0, 0.0, 5, 0.0),
        "bowel_gas": Tissue(-950, 0.001, 0.0, 0.0, 5, 0.0),
        "bowel_content": Tissue(25, 1.02, 0.05, 0.7, 120, 1.8),
        "brain_grey": Tissue(38, 1.04, 0.0, 0.65, 95, 0.85),
        "brain_white": Tissue(29, 1.04, 0.0, 0.85, 75, 0.75),
        "cerebellum": Tissue(37, 1.04, 0.0, 0.7, 90, 0.8),
        "csf": Tissue(6, 1.01, 0.0, 0.25, 400, 3.0),
        "spinal_cord": Tissue(35, 1.04, 0.0, 0.8, 80, 0.8),
        "pituitary": Tissue(45, 1.05, 0.0, 0.9, 80, 1.0),
        "eye": Tissue(10, 1.02, 0.0, 0.3, 400, 3.0),
        "nasal_mucosa": Tissue(40, 1.05, 0.0, 0.8, 90, 1.4),
        "parotid": Tissue(0, 1.02, 0.35, 0.8, 60, 1.0),
        "submandibular": Tissue(35, 1.04, 0.15, 0.8, 65, 1.1),
        "sublingual": Tissue(35, 1.04, 0.10, 0.8, 65, 1.1),
        "palatine_tonsil": Tissue(50, 1.05, 0.0, 0.85, 75, 0.9),
        "lingual_tonsil": Tissue(50, 1.05, 0.0, 0.85, 75, 0.9),
        "soft_palate": Tissue(45, 1.05, 0.05, 0.75, 50, 1.3),
        "thyroid": Tissue(110, 1.05, 0.0, 0.85, 65, 1.5),
        "thymus": Tissue(-40, 0.98, 0.6, 0.8, 65, 0.8),
        "blood": Tissue(140, 1.06, 0.0, 0.3, 150, 1.6),
        "myocardium": Tissue(110, 1.06, 0.0, 0.75, 45, 1.5),
        "breast": Tissue(0, 1.02, 0.5, 0.8, 60, 1.5),
        "esophagus": Tissue(45, 1.04, 0.0, 0.75, 50, 1.4),
        "liver": Tissue(105, 1.06, 0.05, 0.85, 35, 1.1),
        "gallbladder": Tissue(8, 1.02, 0.0, 0.4, 300, 2.8),
        "spleen": Tissue(115, 1.06, 0.0, 0.65, 70, 0.8),
        "stomach_wall": Tissue(75, 1.05, 0.05, 0.75, 60, 1.4),
        "stomach_content": Tissue(15, 1.01, 0.0, 0.4, 200, 2.2),
        "duodenum": Tissue(70, 1.04, 0.05, 0.75, 65, 1.4),
        "jejunum": Tissue(75, 1.04, 0.05, 0.75, 65, 1.4),
        "ileum": Tissue(65, 1.04, 0.05, 0.75, 65, 1.4),
        "colon": Tissue(45, 1.04, 0.10, 0.75, 65, 1.4),
        "pancreas_head": Tissue(95, 1.05, 0.15, 0.9, 45, 1.3),
        "pancreas_body": Tissue(95, 1.05, 0.15, 0.9, 45, 1.3),
        "adrenal": Tissue(65, 1.03, 0.10, 0.8, 60, 1.1),
        "kidney_cortex": Tissue(170, 1.05, 0.0, 0.85, 75, 2.1),
        "kidney_medulla": Tissue(140, 1.05, 0.0, 0.6, 95, 1.9),
        "renal_pelvis": Tissue(20, 1.01, 0.0, 0.3, 300, 2.8),
        "ureter": Tissue(20, 1.02, 0.0, 0.4, 200, 2.6),
        "bladder": Tissue(6, 1.01, 0.0, 0.25, 400, 3.0),
        "prostate": Tissue(55, 1.05, 0.05, 0.75, 85, 1.5),
        "uterus": Tissue(85, 1.05, 0.0, 0.75, 85, 1.4),
        "ovary": Tissue(40, 1.05, 0.05, 0.7, 120, 1.5),
        "testis": Tissue(40, 1.04, 0.0, 0.65, 160, 1.0),
    }
)
#: The integer of each tissue in a map of tissues; 0 is where there is no body.
TISSUE_LABELS: Mapping[str, int] = MappingProxyType({name: n for n, name in enumerate(TISSUES, start=1)})
