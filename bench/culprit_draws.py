"""Digital TIO patients by the thousand for the culprit's ranking: drawn as `netlesion phantom` does it, not rendered.

A culprit, if there is one, and the mimics are drawn in a few digital bodies (`draw_tio_culprit`, `draw_mimics`). What a
PET would show of each focus is worked out for a ball in its tissue, blurred to 7 mm FWHM: the highest voxel is the
middle of the blurred ball, SUVpeak that of the ball blurred by a 1 ml sphere besides; both vary by 8 %. The rest goes
through `answers.culprit` as in `netlesion answer`. Images, neighbours and segmentation are not simulated, and without
an organ map no candidate has a mirror image.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy.special import erf

from netlesion.answers.patient import Lesion, Patient, Pet, Visit
from netlesion.image.geometry import Geometry
from netlesion.phantom.body.build import draw_body
from netlesion.phantom.focus import Focus
from netlesion.phantom.mimics import draw_mimics
from netlesion.phantom.settings import PRESETS
from netlesion.phantom.tio import draw_tio_culprit
from netlesion.quantify.references import ReferenceOrgan, ReferenceOrgans

BODIES = 12
BLUR_MM, SPHERE_MM, NOISE = 7.0 / 2.3548, 6.2035 / math.sqrt(5), 0.08
#: SUV of the tissue around a focus by site, and CT number (clinical.md 7.2, phantom/focus.py).
BACKGROUND = {"bone": 0.9, "node": 0.5, "soft_tissue": 0.7, "other": 2.6}
HU = {"fracture": 500.0, "degenerative": 420.0, "bone": 420.0}
STATIONS = {"hilar_pulmonary_right": "mediastinal"}
LEAST_CONTRAST = 1.5


def draws(number: int, seed: int) -> Iterator[tuple[Patient, str | None]]:
    """Patients, and the key of the culprit of each; None without one in the map."""
    settings = PRESETS["tio-petct"]
    rng = np.random.default_rng(seed)
    bodies = [draw_body(rng, settings.body) for _ in range(BODIES)]
    for n in range(number):
        body = bodies[n % BODIES]
        culprit = draw_tio_culprit(rng, body, settings.tio)
        yield _patient(rng, f"{n:05d}", culprit, draw_mimics(rng, body, settings.mimics))


def _patient(
    rng: np.random.Generator, name: str, culprit: tuple[Focus, ...], mimics: tuple[Focus, ...]
) -> tuple[Patient, str | None]:
    liver, blood = (float(np.exp(rng.normal(math.log(m), s))) for m, s in ((4.8, 0.31), (1.06, 0.27)))
    case = f"sub-{name}_ses-01_trc-dotatate"
    lesions, key = [], None
    for number, focus in enumerate((*culprit, *mimics), start=1):
        around = BACKGROUND[focus.site] * float(np.exp(rng.normal(0, 0.25)))
        suv = focus.mean_suv("sstr")
        if suv < LEAST_CONTRAST * around or suv <= blood:
            continue
        lesions.append(_lesion(rng, case, number, focus, suv, around))
        key = lesions[-1].key if focus.kind == "primary" else key
    organs = {
        name: ReferenceOrgan(m, 0.1 * m, 1.2 * m, 14.0, (0.0, 0.0, 0.0), "drawn")
        for name, m in (("liver", liver), ("blood_pool", blood), ("spleen", 3.6 * liver))
    }
    grid = Geometry(np.diag([4.0, 4.0, 4.0, 1.0]), (2, 2, 2))
    pet = Pet(case, "sstr", "ses-01", "visit-1", grid, tuple(lesions), ReferenceOrgans(organs, {}))
    return Patient(name, (Visit("visit-1", (pet,)),), disease="tio"), key


def _lesion(rng: np.random.Generator, case: str, number: int, focus: Focus, suv: float, around: float) -> Lesion:
    radius = focus.diameter_mm / 2
    hottest, peak = (
        (around + (suv - around) * recovery(radius, blur)) * math.exp(NOISE * rng.normal())
        for blur in (BLUR_MM, math.hypot(BLUR_MM, SPHERE_MM))
    )
    hottest = max(hottest, peak)
    region = {"bone": "bone", "node": "node", "soft_tissue": "soft_tissue", "other": "pancreas"}[focus.site]
    if focus.kind == "brown_fat":
        region = "node"
    return Lesion(
        case=case,
        lesion_id=number,
        tracer="sstr",
        visit="visit-1",
        volume_ml=focus.volume_ml,
        suvmax=hottest,
        suvmean=0.7 * hottest,
        suvpeak=peak,
        points_mm=np.array([focus.centre_mm]),
        voxel_ml=0.064,
        placed_mm=np.array([focus.centre_mm]),
        region=region,
        region_confidence=1.0,
        station=STATIONS.get(focus.region, focus.region) if region == "node" else None,
        bone=focus.region if region == "bone" else None,
        facts={
            "background_ratio_max": hottest / around,
            "ct_hu_mean": HU.get(focus.kind, HU.get(focus.site, 60.0)),
        },
    )


def recovery(radius_mm: float, sigma_mm: float) -> float:
    """What a Gaussian leaves of a ball's contrast in its middle."""
    t = radius_mm / sigma_mm
    return float(erf(t / math.sqrt(2)) - math.sqrt(2 / math.pi) * t * math.exp(-(t**2) / 2))
