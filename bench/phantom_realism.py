"""Do digital patients without a tumour take up what the table of clinical.md 7.2 says, as their simulated PET shows it?

    python -m bench.phantom_realism [--patients 200] [--workers 2] [--spacing 4]

Patient i is imaged on scanner i modulo 7, mid-thigh to vertex, both tracers in one session, without lesions and mimics.
A tissue of at least 20 ml and 20 mm (the largest sphere in it) is read on the PET: SUVmean of the voxels that lie at
least one FWHM of the scanner inside, at 10 cm off axis. When half of the patients who have it offer such a core of
0.5 ml, this is what is tested; otherwise the drawn value is, and the last column says what the PET keeps of it over all
of the tissue's voxels. The pituitary's row is tabled after blur, so its PET over all its voxels is tested.

Passed: mean within max(10 %, 3 SE) and SD within max(25 %, 3 SE) of the table; standard errors are those of the tabled
lognormal for so many patients. Rows tabled as median and sigma are compared as such (mean and SD of logarithms), for
the mean of so skewed a quantity says little. A comparison of means bound by 3 SE fails by chance
about once in 400; of SDs, whose errors are taken as normal, more often.

Liver COV: voxels of a sphere of 30 mm about the deepest place of the liver, mottle included; typical is 8-18 %. It is
reported, not judged. The last line is JSON; status 1 when a tissue failed.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy import ndimage

from netlesion.phantom.biodistribution import CHANNELS, SSTR, SUV_OF_TISSUE, Lognormal, from_moments
from netlesion.phantom.mimics import MimicSettings
from netlesion.phantom.patient import NUCLIDE, draw_patient
from netlesion.phantom.render import TISSUE_LABELS
from netlesion.phantom.scan import render_pets
from netlesion.phantom.scanners import SCANNERS, effective_fwhm_mm
from netlesion.phantom.settings import PRESETS, PhantomSettings
from netlesion.phantom.tissues import TISSUES

LEAST_ML, LEAST_MM, LEAST_CORE_ML = 20.0, 20.0, 0.5
MEAN_TOLERANCE, SD_TOLERANCE, STANDARD_ERRORS = 0.10, 0.25, 3.0
LIVER_SPHERE_MM, LIVER_COV_PERCENT = 30.0, (8.0, 18.0)
#: (tracer, tissue) whose row of the table is what a PET shows of it.
AFTER_BLUR = {(SSTR, "pituitary"): from_moments(4.0, 2.0)}
#: Tissues that are only shown: hollow (density in g/ml).
LUMEN = frozenset(name for name, t in TISSUES.items() if t.density < 0.01)
#: Rows tabled as median and sigma.
BY_MEDIAN = {*((c, t) for c in CHANNELS for t in ("bladder", "ureter")), ("fdg", "myocardium")}


@dataclass(frozen=True)
class Reading:
    """One tissue of one patient in one tracer, SUV. whole, core: PET over all voxels and the core; nan without any."""

    tracer: str
    tissue: str
    drawn: float
    whole: float
    core: float


@dataclass(frozen=True)
class PatientReadings:
    """liver_cov: by tracer, in percent."""

    scanner: str
    liver_cov: dict[str, float]
    readings: tuple[Reading, ...]


@dataclass(frozen=True)
class Verdict:
    """One row: the table's distribution and what was found. tested: "core", "drawn", "whole", or "none" (a lumen)."""

    tracer: str
    tissue: str
    tested: str
    num_patients: int
    wanted: tuple[float, float]
    found: tuple[float, float]
    allowed: tuple[float, float]
    kept_by_pet: float

    @property
    def passed(self) -> bool:
        return self.tested == "none" or all(
            abs(f - w) <= a for f, w, a in zip(self.found, self.wanted, self.allowed, strict=True)
        )


def settings_on(scanner: str, spacing_mm: float) -> PhantomSettings:
    """A tumour-free patient on this scanner."""
    petct = SCANNERS[scanner].modality == "PET/CT"
    preset = PRESETS["net-petct" if petct else "net-petmr"]
    return replace(
        preset,
        tracers_apart=False,
        ends=("mid_thigh", "vertex"),
        spacing_mm=(spacing_mm,) * 3,
        petct_scanners=(scanner,),
        petmr_scanners=(scanner,),
        lesions=replace(preset.lesions, negative_share=1.0),
        mimics=MimicSettings(0.0, 0.0, 0.0, 0.0, 0.0),
    )


def read_patient(index: int, spacing_mm: float, seed: int) -> PatientReadings:
    """Draws, images and reads patient `index`."""
    name = tuple(SCANNERS)[index % len(SCANNERS)]
    settings = settings_on(name, spacing_mm)
    patient = draw_patient(index, seed=seed, settings=settings)
    exam = patient.exams[0]
    assert not exam.foci
    assert not patient.mimics
    pets, _ = render_pets(patient, exam, settings)
    tissue, grid = pets[SSTR].truth.tissue, pets[SSTR].image.geometry
    depth = depth_mm(tissue, grid.spacing_mm)
    labels = np.arange(len(TISSUE_LABELS) + 1)
    volume = np.bincount(tissue.ravel(), minlength=labels.size) * grid.voxel_volume_ml
    thick = np.zeros(labels.size)
    np.maximum.at(thick, tissue.ravel(), 2.0 * depth.ravel())
    there = {part.tissue for part in patient.body.parts}
    readings, liver_cov = [], {}
    for tracer, pet in pets.items():
        fwhm = math.hypot(max(effective_fwhm_mm(SCANNERS[name], NUCLIDE[tracer])), SCANNERS[name].off_axis_mm)
        whole = _means(tissue.ravel(), pet.image.array.ravel(), labels.size, grid.voxel_volume_ml)
        inside = depth >= fwhm
        core = _means(tissue[inside], pet.image.array[inside], labels.size, LEAST_CORE_ML / grid.voxel_volume_ml)
        core[(volume < LEAST_ML) | (thick < LEAST_MM)] = np.nan
        for t in sorted(there):
            n = TISSUE_LABELS[t]
            readings.append(Reading(tracer, t, exam.uptake.suv[tracer][t], float(whole[n]), float(core[n])))
        liver = tissue == TISSUE_LABELS["liver"]
        centre = np.unravel_index(np.argmax(np.where(liver, depth, -1.0)), depth.shape)
        away = sum(((g - c) * h) ** 2 for g, c, h in zip(np.ogrid[tuple(map(slice, depth.shape))], centre,
                                                        grid.spacing_mm, strict=True))  # fmt: skip
        values = pet.image.array[liver & (away <= (LIVER_SPHERE_MM / 2) ** 2)].astype(np.float64)
        liver_cov[tracer] = float(100.0 * values.std() / values.mean())
    return PatientReadings(name, liver_cov, tuple(readings))


def depth_mm(tissue_IJK: np.ndarray, spacing_mm: tuple[float, ...]) -> np.ndarray:
    """How deep each voxel's centre lies inside its tissue, within about half a voxel; both ends of the grid end it."""
    at_surface = np.zeros(tissue_IJK.shape, dtype=bool)
    for axis in range(3):
        labels, surface = np.moveaxis(tissue_IJK, axis, 0), np.moveaxis(at_surface, axis, 0)
        differs = labels[1:] != labels[:-1]
        surface[1:] |= differs
        surface[:-1] |= differs
        surface[0] = surface[-1] = True
    return ndimage.distance_transform_edt(~at_surface, sampling=spacing_mm) + min(spacing_mm) / 2.0


def _means(labels: np.ndarray, values: np.ndarray, size: int, least_voxels: float) -> np.ndarray:
    """Mean by label; nan for fewer voxels."""
    number = np.bincount(labels, minlength=size)
    total = np.bincount(labels, weights=values, minlength=size)
    return np.where((number >= least_voxels) & (number > 0), total / np.maximum(number, 1), np.nan)


def judge(tracer: str, tissue: str, found: list[Reading]) -> Verdict:
    """One row of the table against everybody who has this tissue."""
    wanted: Lognormal = AFTER_BLUR.get((tracer, tissue)) or SUV_OF_TISSUE[tissue][CHANNELS.index(tracer)]
    drawn, whole, core = (np.array([getattr(r, k) for r in found]) for k in ("drawn", "whole", "core"))
    if tissue in LUMEN:
        tested, values = "none", drawn
    elif (tracer, tissue) in AFTER_BLUR:
        tested, values = "whole", whole[np.isfinite(whole)]
    elif 2 * np.isfinite(core).sum() >= len(found):
        tested, values = "core", core[np.isfinite(core)]
    else:
        tested, values = "drawn", drawn
    on_pet = core if tested == "core" else whole
    ratio = on_pet[np.isfinite(on_pet)] / drawn[np.isfinite(on_pet)]
    n, kept = values.size, float(np.median(ratio)) if ratio.size else float("nan")
    s2 = wanted.sigma**2
    if (tracer, tissue) in BY_MEDIAN:
        logs = np.log(values)
        center, width = wanted.median, wanted.sigma
        pair = (float(np.exp(logs.mean())), float(logs.std(ddof=1)))
        errors = (center * width / math.sqrt(n), width / math.sqrt(2 * n))
    else:
        center, width = wanted.mean, wanted.sd
        pair = (float(values.mean()), float(values.std(ddof=1)))
        kurtosis = math.exp(4 * s2) + 2 * math.exp(3 * s2) + 3 * math.exp(2 * s2) - 3
        errors = (width / math.sqrt(n), width * math.sqrt((kurtosis - 1) / (4 * n)))
    allowed = (
        max(MEAN_TOLERANCE * center, STANDARD_ERRORS * errors[0]),
        max(SD_TOLERANCE * width, STANDARD_ERRORS * errors[1]),
    )
    return Verdict(tracer, tissue, tested, n, (center, width), pair, allowed, kept)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--spacing", type=float, default=4.0, help="mm")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--minutes", type=float, default=math.inf, help="start no more patients after this long")
    args = parser.parse_args()
    patients, start = [], time.monotonic()
    with ProcessPoolExecutor(args.workers) as pool:
        work = partial(read_patient, spacing_mm=args.spacing, seed=args.seed)
        while len(patients) < args.patients and time.monotonic() - start < 60.0 * args.minutes:
            number = min(args.workers, args.patients - len(patients))
            patients += pool.map(work, range(len(patients), len(patients) + number))
            print(f"\r{len(patients)}/{args.patients} patients", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    by_row: dict[tuple[str, str], list[Reading]] = {}
    for p in patients:
        for r in p.readings:
            by_row.setdefault((r.tracer, r.tissue), []).append(r)
    verdicts = [judge(*row, found) for row, found in sorted(by_row.items()) if len(found) > 1]
    print("tracer tissue           tested    n   mean  table   off      sd  table   off   PET / drawn")
    for v in verdicts:
        (m, s), (wm, ws) = v.found, v.wanted
        print(
            f"{v.tracer:6s} {v.tissue:16s} {v.tested:6s} {v.num_patients:4d} "
            f"{m:6.2f} {wm:6.2f} {100 * (m / wm - 1):+5.0f} % "
            f"{s:6.2f} {ws:6.2f} {100 * (s / ws - 1):+5.0f} %   {v.kept_by_pet:5.2f}  {'' if v.passed else 'FAILED'}"
        )
    low, high = LIVER_COV_PERCENT
    covs: dict[str, dict] = {}
    failed = [f"{v.tracer} {v.tissue}" for v in verdicts if not v.passed]
    for name in SCANNERS:
        for tracer in CHANNELS:
            found = np.array([p.liver_cov[tracer] for p in patients if p.scanner == name])
            if found.size:
                inside, median = float(((found >= low) & (found <= high)).mean()), float(np.median(found))
                if not low <= median <= high:
                    failed.append(f"{name} {tracer} liver COV")
                covs[f"{name} {tracer}"] = {
                    "median": round(median, 1),
                    "range": [round(float(f), 1) for f in (found.min(), found.max())],
                    "inside": round(inside, 2),
                }
                print(f"liver COV {name:20s} {tracer:5s} median {median:5.1f} %, {found.min():.1f} to "
                      f"{found.max():.1f}, {100 * inside:3.0f} % of {found.size} in {low:g}-{high:g} %")  # fmt: skip
    print(json.dumps({
        "bench": "phantom_realism", "machine": platform.processor() or platform.machine(),
        "patients": len(patients), "spacing_mm": args.spacing, "seed": args.seed, "rows": len(verdicts),
        "read_on_pet": sum(v.tested in ("core", "whole") for v in verdicts), "failed": failed,
        "liver_cov_percent": covs,
    }))  # fmt: skip
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
