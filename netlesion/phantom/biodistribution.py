"""How much of each tracer each tissue takes up (SUVbw), drawn per patient.

Takes a random generator and returns a frozen Uptake. Moments are those of clinical.md 7.2, 68Ga-DOTATATE and 18F-FDG
at about 60 minutes, lognormal with mean and SD as tabled; rows that the table does not have are marked [P]. Organs of
one patient are correlated: DOTATATE liver with spleen 0.4 and liver with kidney 0.3; the two pancreas parts, the bowel
parts, the two marrows, grey matter and cerebellum share most of their deviate. A large tumour burden takes tracer from
the sink organs. Knows nothing about shapes, lesions or grids.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from netlesion.phantom.tissues import TISSUES

SSTR, FDG = "sstr", "fdg"
CHANNELS = (SSTR, FDG)


@dataclass(frozen=True)
class Lognormal:
    """exp(N(ln median, sigma))."""

    median: float
    sigma: float

    def at(self, deviate: float) -> float:
        """The value of a standard normal deviate."""
        return self.median * math.exp(self.sigma * deviate)

    @property
    def mean(self) -> float:
        return self.median * math.exp(self.sigma**2 / 2.0)

    @property
    def sd(self) -> float:
        return self.mean * math.sqrt(math.expm1(self.sigma**2))


def from_moments(mean: float, sd: float) -> Lognormal:
    """The lognormal distribution of this mean and standard deviation."""
    sigma2 = math.log1p((sd / mean) ** 2)
    return Lognormal(mean * math.exp(-sigma2 / 2.0), math.sqrt(sigma2))


def _pair(sstr: tuple[float, float], fdg: tuple[float, float]) -> tuple[Lognormal, Lognormal]:
    return from_moments(*sstr), from_moments(*fdg)


#: tissue -> (DOTATATE, FDG).
SUV_OF_TISSUE: Mapping[str, tuple[Lognormal, Lognormal]] = MappingProxyType(
    {
        "spleen": _pair((18, 7), (1.8, 0.35)),
        "kidney_cortex": _pair((10, 3), (2.2, 0.6)),
        "kidney_medulla": _pair((6, 2), (2.6, 0.8)),  # [P] between cortex and pelvis
        "renal_pelvis": _pair((8, 6), (8, 8)),
        "adrenal": _pair((7, 3), (1.4, 0.4)),
        "liver": _pair((5.0, 1.6), (2.2, 0.4)),
        # DOTATATE is tabled after blur, 4 +- 2: over the seven scanners a PET keeps 0.35 of so small a gland (SD 0.12)
        "pituitary": _pair((11.5, 3.8), (2.5, 0.6)),
        "stomach_wall": _pair((4.5, 2), (1.8, 0.7)),
        "stomach_content": _pair((0.6, 0.2), (0.5, 0.15)),  # [P]
        "duodenum": _pair((3.5, 1.5), (1.6, 0.6)),
        "jejunum": _pair((3.5, 1.5), (1.6, 0.6)),
        "ileum": _pair((2.8, 1.1), (1.4, 0.5)),
        "colon": _pair((1.8, 0.7), (1.5, 0.7)),
        "bowel_content": _pair((0.8, 0.3), (0.7, 0.3)),  # [P]
        "bowel_gas": _pair((0.2, 0.05), (0.2, 0.05)),  # [P]
        "pancreas_head": _pair((3.8, 1.6), (1.4, 0.3)),
        "pancreas_body": _pair((2.6, 1.0), (1.3, 0.3)),
        "gallbladder": _pair((2, 1.2), (1.0, 0.4)),
        "bladder": (Lognormal(15, 0.8), Lognormal(20, 0.9)),
        "ureter": (Lognormal(5.5, 0.35), Lognormal(5.5, 0.35)),
        "prostate": _pair((2.8, 1.1), (1.6, 0.4)),
        "uterus": _pair((1.8, 0.6), (1.8, 0.8)),
        "ovary": _pair((1.2, 0.4), (1.5, 0.6)),  # [P]
        "testis": _pair((1.0, 0.3), (2.57, 0.56)),
        "thyroid": _pair((1.9, 0.8), (1.2, 0.4)),
        "parotid": _pair((1.8, 0.7), (1.6, 0.5)),
        "submandibular": _pair((2.2, 0.8), (1.9, 0.6)),
        "sublingual": _pair((1.2, 0.4), (3.3, 1.5)),
        "soft_palate": _pair((1.2, 0.4), (2.92, 0.86)),
        "palatine_tonsil": _pair((2.0, 0.8), (3.45, 1.4)),
        "lingual_tonsil": _pair((2.0, 0.8), (3.08, 1.05)),
        "nasal_mucosa": _pair((1.4, 0.5), (1.6, 0.5)),  # [P]
        "brain_grey": _pair((0.15, 0.08), (8.5, 2.5)),
        "brain_white": _pair((0.1, 0.05), (2.5, 0.7)),
        "cerebellum": _pair((0.2, 0.1), (8.0, 2.2)),
        "csf": _pair((0.1, 0.04), (0.6, 0.2)),  # [P]
        "spinal_cord": _pair((0.4, 0.1), (1.6, 0.4)),  # [P]
        "eye": _pair((0.2, 0.08), (0.6, 0.2)),  # [P]
        "myocardium": (from_moments(1.3, 0.4), Lognormal(2.8, 0.7)),
        "blood": _pair((1.1, 0.3), (1.6, 0.3)),
        "bone_marrow": _pair((0.9, 0.3), (1.2, 0.35)),
        "yellow_marrow": _pair((0.35, 0.1), (0.4, 0.1)),  # [P]
        "cortical_bone": _pair((0.5, 0.15), (0.5, 0.15)),
        "cartilage": _pair((0.4, 0.1), (0.5, 0.12)),  # [P]
        "tendon": _pair((0.4, 0.1), (0.4, 0.1)),  # [P]
        "muscle": _pair((0.7, 0.2), (0.6, 0.15)),
        "lung": _pair((0.45, 0.15), (0.45, 0.12)),
        "air": _pair((0.05, 0.015), (0.05, 0.015)),  # [P]
        "fat": _pair((0.25, 0.1), (0.25, 0.08)),
        "visceral_fat": _pair((0.4, 0.1), (0.4, 0.1)),
        "skin": _pair((0.5, 0.15), (0.5, 0.15)),
        "breast": _pair((0.7, 0.2), (0.6, 0.2)),
        "thymus": _pair((1.1, 0.4), (1.3, 0.5)),
        "esophagus": _pair((1.2, 0.4), (1.6, 0.4)),  # [P]
    }
)
assert SUV_OF_TISSUE.keys() == TISSUES.keys(), SUV_OF_TISSUE.keys() ^ TISSUES.keys()

#: group -> (loading on the group's shared deviate, its tissues); what is not here is independent.
SHARED: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        # products of loadings: liver x spleen 0.4, liver x kidney 0.3 (clinical.md 7.2)
        "sink": {"liver": 0.73, "spleen": 0.548, "kidney_cortex": 0.411, "kidney_medulla": 0.411},
        "pancreas": {"pancreas_head": 0.9, "pancreas_body": 0.9},
        "bowel": {"duodenum": 0.8, "jejunum": 0.8, "ileum": 0.7, "colon": 0.4, "stomach_wall": 0.4},
        "brain": {"brain_grey": 0.95, "cerebellum": 0.95, "brain_white": 0.8},
        "marrow": {"bone_marrow": 0.8, "yellow_marrow": 0.5, "cortical_bone": 0.4},
        "fat": {"fat": 0.8, "visceral_fat": 0.8},
        "salivary": {"parotid": 0.8, "submandibular": 0.8, "sublingual": 0.6},
        "tonsil": {"palatine_tonsil": 0.8, "lingual_tonsil": 0.8},
    }
)


@dataclass(frozen=True)
class UptakeSettings:
    """Knobs of the draw, all [P]. spread: multiplies every tissue's sigma (0: everyone has the mean on every day).
    day_sigma: how much of the spread is the day's, the sigma of a lognormal factor; the patient has the rest.
    Sink: tissues lose sink_max * V / (V + sink_half_ml) of their uptake (7.2).

    analogue_share: patients under a cold somatostatin analogue, whose liver and spleen keep analogue_keep of their
    DOTATATE (7.2); 0 by default, so that the table's moments hold over all patients.
    """

    spread: float = 1.0
    day_sigma: float = 0.08
    sink_max: float = 0.35
    sink_half_ml: float = 300.0
    sink_tissues: tuple[str, ...] = ("spleen", "kidney_cortex", "kidney_medulla", "liver", "adrenal", "pituitary")
    analogue_share: float = 0.0
    analogue_keep: tuple[float, float] = (0.7, 0.9)

    def sigmas(self, row: Lognormal) -> tuple[float, float]:
        """Sigma between patients and between days of one, together the row's."""
        whole = row.sigma * self.spread
        day = min(self.day_sigma, whole)
        return math.sqrt(whole**2 - day**2), day


@dataclass(frozen=True)
class Uptake:
    """SUVbw (g/ml) of each tissue: channel -> tissue -> value."""

    suv: Mapping[str, Mapping[str, float]]
    settings: UptakeSettings = field(default_factory=UptakeSettings)

    def with_burden(self, burden_ml: float) -> Uptake:
        """The same patient with this much SSTR-avid tumour: the sink organs take up less DOTATATE."""
        s = self.settings
        keep = 1.0 - s.sink_max * burden_ml / (burden_ml + s.sink_half_ml)
        sstr = {t: suv * (keep if t in s.sink_tissues else 1.0) for t, suv in self.suv[SSTR].items()}
        return replace(self, suv=MappingProxyType({**self.suv, SSTR: MappingProxyType(sstr)}))

    def times(self, factors: Mapping[str, float]) -> Uptake:
        """Every tissue's SUV multiplied by the channel's factor."""
        suv = {c: MappingProxyType({t: v * factors[c] for t, v in table.items()}) for c, table in self.suv.items()}
        return replace(self, suv=MappingProxyType(suv))

    def on_a_day(self, rng: np.random.Generator) -> Uptake:
        """This patient on some day: every tissue changed by a lognormal factor of mean 1, the table's spread in all."""
        suv: dict[str, dict[str, float]] = {}
        for n, channel in enumerate(CHANNELS):
            suv[channel] = {}
            for tissue, value in self.suv[channel].items():
                sigma = self.settings.sigmas(SUV_OF_TISSUE[tissue][n])[1]
                suv[channel][tissue] = value * math.exp(sigma * float(rng.normal()) - sigma**2 / 2)
        return replace(self, suv=MappingProxyType({c: MappingProxyType(t) for c, t in suv.items()}))


#: Normal deviates that a patient's uptake takes.
NUM_DEVIATES = len(CHANNELS) * (len(SHARED) + len(SUV_OF_TISSUE))


def draw_uptake(rng: np.random.Generator, settings: UptakeSettings, deviates: np.ndarray | None = None) -> Uptake:
    """Every tissue's SUV in both tracers over all days, before any tumour sink effect. Takes a fixed number of draws.

    deviates: NUM_DEVIATES standard normal ones, from elsewhere than rng.
    """
    normal = iter((rng.normal(size=NUM_DEVIATES) if deviates is None else deviates).tolist())
    suv: dict[str, Mapping[str, float]] = {}
    for n, channel in enumerate(CHANNELS):
        shared = {group: next(normal) for group in SHARED}
        table: dict[str, float] = {}
        for tissue, distributions in SUV_OF_TISSUE.items():
            own, d = next(normal), distributions[n]
            sigma, day = settings.sigmas(d)
            for group, members in SHARED.items():
                if tissue in members:
                    # loadings are of the whole spread; what days change is not shared
                    loading = min(members[tissue] * math.hypot(sigma, day) / sigma, 1.0) if sigma > 0.0 else 0.0
                    own = loading * shared[group] + math.sqrt(1.0 - loading**2) * own
            table[tissue] = d.mean * math.exp(sigma * own - sigma**2 / 2.0)
        suv[channel] = MappingProxyType(table)
    treated, keep = rng.random() < settings.analogue_share, float(rng.uniform(*settings.analogue_keep))
    if treated:
        sstr = {t: v * (keep if t in ("liver", "spleen") else 1.0) for t, v in suv[SSTR].items()}
        suv[SSTR] = MappingProxyType(sstr)
    return Uptake(MappingProxyType(suv), settings)
