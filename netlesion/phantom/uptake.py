"""What each tissue takes up of each tracer (SUVbw), drawn per patient, and its CT number.

Takes a random generator and returns a frozen Uptake. Moments are those of clinical.md 7.2 (DOTATATE and FDG at
about 60 min), lognormal [P]. Spleen and kidney correlate with liver. Knows nothing about shapes or scanners.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

SSTR, FDG = "sstr", "fdg"
CHANNELS = (SSTR, FDG)


@dataclass(frozen=True)
class Lognormal:
    """A lognormal by its median and the SD of its logarithm."""

    median: float
    sigma: float

    @classmethod
    def of_moments(cls, mean: float, sd: float) -> Lognormal:
        """The lognormal with this arithmetic mean and SD."""
        variance = math.log1p((sd / mean) ** 2)
        return cls(mean * math.exp(-variance / 2.0), math.sqrt(variance))

    def at(self, z: float) -> float:
        """The value at a standard normal deviate."""
        return self.median * math.exp(self.sigma * z)


def _m(mean: float, sd: float) -> Lognormal:
    return Lognormal.of_moments(mean, sd)


#: tissue -> (DOTATATE, FDG) SUVbw, clinical.md 7.2.
SUV_OF_TISSUE: Mapping[str, tuple[Lognormal, Lognormal]] = MappingProxyType(
    {
        "spleen": (_m(18, 7), _m(1.8, 0.35)),
        "kidney": (_m(10, 3), _m(2.2, 0.6)),
        "renal_pelvis": (_m(8, 6), _m(8, 8)),
        "adrenal": (_m(7, 3), _m(1.4, 0.4)),
        "liver": (_m(5.0, 1.6), _m(2.2, 0.4)),
        # the table gives pituitary after blur; an 8-10 mm gland keeps about 40 % of its contrast
        "pituitary": (_m(10, 5), _m(2.5, 0.6)),
        "stomach": (_m(4.5, 2), _m(1.8, 0.7)),
        "stomach_content": (_m(0.6, 0.2), _m(0.6, 0.2)),
        "duodenum": (_m(3.5, 1.5), _m(1.6, 0.6)),
        "jejunum": (_m(3.5, 1.5), _m(1.6, 0.6)),
        "ileum": (_m(2.8, 1.1), _m(1.4, 0.5)),
        "colon": (_m(1.8, 0.7), _m(1.5, 0.7)),
        "pancreas_head": (_m(3.8, 1.6), _m(1.4, 0.3)),
        "pancreas_body": (_m(2.6, 1.0), _m(1.3, 0.3)),
        "gallbladder": (_m(2, 1.2), _m(1.0, 0.4)),
        "bladder": (Lognormal(15, 0.8), Lognormal(20, 0.9)),
        "ureter": (Lognormal(8, 0.3), Lognormal(8, 0.3)),
        "prostate": (_m(2.8, 1.1), _m(1.6, 0.4)),
        "uterus": (_m(1.8, 0.6), _m(1.8, 0.8)),
        "thyroid": (_m(1.9, 0.8), _m(1.2, 0.4)),
        "parotid": (_m(1.8, 0.7), _m(1.6, 0.5)),
        "submandibular": (_m(2.2, 0.8), _m(1.9, 0.6)),
        "tonsil": (_m(2.0, 0.8), _m(3.4, 1.2)),
        "brain": (_m(0.15, 0.08), _m(8.5, 2.5)),
        "white_matter": (_m(0.1, 0.05), _m(2.5, 0.7)),
        "cerebellum": (_m(0.2, 0.1), _m(8.0, 2.2)),
        "myocardium": (_m(1.3, 0.4), Lognormal(2.8, 0.7)),
        "blood": (_m(1.1, 0.3), _m(1.6, 0.3)),
        "bone_marrow": (_m(0.9, 0.3), _m(1.2, 0.35)),
        "cortical_bone": (_m(0.5, 0.15), _m(0.5, 0.15)),
        "muscle": (_m(0.7, 0.2), _m(0.6, 0.15)),
        "lung": (_m(0.45, 0.15), _m(0.45, 0.12)),
        "fat": (_m(0.25, 0.1), _m(0.25, 0.08)),
        "visceral_fat": (_m(0.4, 0.1), _m(0.4, 0.1)),
        "air": (Lognormal(0.05, 0.3), Lognormal(0.05, 0.3)),
    }
)

#: tissue -> HU at 120 kV, portal venous or native mixed [P].
HU_OF_TISSUE: Mapping[str, float] = MappingProxyType(
    {
        "spleen": 55.0, "kidney": 38.0, "renal_pelvis": 8.0, "adrenal": 20.0, "liver": 60.0, "pituitary": 45.0,
        "stomach": 45.0, "stomach_content": 5.0, "duodenum": 32.0, "jejunum": 32.0, "ileum": 30.0, "colon": 15.0,
        "pancreas_head": 40.0, "pancreas_body": 40.0, "gallbladder": 8.0, "bladder": 5.0, "ureter": 8.0,
        "prostate": 42.0, "uterus": 48.0, "thyroid": 90.0, "parotid": 5.0, "submandibular": 30.0, "tonsil": 45.0,
        "brain": 36.0, "white_matter": 28.0, "cerebellum": 36.0, "myocardium": 48.0, "blood": 42.0,
        "bone_marrow": 190.0, "cortical_bone": 750.0, "muscle": 52.0, "lung": -780.0, "fat": -105.0,
        "visceral_fat": -90.0, "air": -980.0,
    }
)  # fmt: skip

#: Tissues that a reader calls physiologic uptake in a tracer, provided this patient's uptake there is high enough.
PHYSIOLOGIC: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        SSTR: frozenset({
            "spleen", "kidney", "renal_pelvis", "adrenal", "liver", "pituitary", "stomach", "duodenum",
            "jejunum", "ileum", "colon", "pancreas_head", "pancreas_body", "gallbladder", "bladder",
            "ureter", "prostate", "thyroid", "parotid", "submandibular", "tonsil",
        }),
        FDG: frozenset({
            "brain", "cerebellum", "myocardium", "kidney", "renal_pelvis", "ureter", "bladder", "tonsil",
            "stomach", "colon",
        }),
    }
)  # fmt: skip

#: Loading on one shared deviate: liver with spleen correlate 0.4, liver with kidney 0.3 (clinical.md 7.2).
SHARED_LOADING = {"liver": 0.632, "spleen": 0.632, "kidney": 0.474}
#: Organs that lose uptake to a large tumour burden, how much at most, and the burden that takes half of it.
SINK_TISSUES = frozenset({"spleen", "kidney", "liver", "adrenal", "pituitary"})
SINK_MAX = 0.35
SINK_HALF_ML = 300.0


@dataclass(frozen=True)
class Uptake:
    """SUVbw of each tissue: channel -> tissue -> g/ml."""

    suv: Mapping[str, Mapping[str, float]]

    def is_physiologic(self, channel: str, tissue: str, factor: float, least_suv: float) -> bool:
        """Whether this tissue is marked physiologic in this tracer: on the list, and at least `least_suv` here."""
        return tissue in PHYSIOLOGIC[channel] and self.suv[channel][tissue] * factor >= least_suv


def draw_uptake(rng: np.random.Generator) -> Uptake:
    """Every tissue's SUV in both tracers, before any tumour sink effect."""
    suv: dict[str, dict[str, float]] = {}
    for n, channel in enumerate(CHANNELS):
        shared = float(rng.normal())
        suv[channel] = {}
        for tissue, distributions in SUV_OF_TISSUE.items():
            loading = SHARED_LOADING.get(tissue, 0.0)
            z = loading * shared + math.sqrt(1.0 - loading**2) * float(rng.normal())
            suv[channel][tissue] = distributions[n].at(z)
    return Uptake(suv)


def with_sink_effect(uptake: Uptake, burden_ml: float) -> Uptake:
    """The same patient with `burden_ml` of SSTR-avid tumour: the sink organs take up less in that tracer."""
    keep = 1.0 - SINK_MAX * burden_ml / (burden_ml + SINK_HALF_ML)
    sstr = {t: suv * (keep if t in SINK_TISSUES else 1.0) for t, suv in uptake.suv[SSTR].items()}
    return replace(uptake, suv={**uptake.suv, SSTR: sstr})
