"""Is the phantom's PET noise that of OSEM? Compares `netlesion.phantom.noise` with a real one, case by case.

    python -m bench.phantom_noise [--realisations 60] [--pet FOLDER]

The reference is bench/osem.py: Poisson counts, attenuation, scatter, randoms, OSEM, Gaussian post filter, 60
realisations of each slice. One number per reconstruction, the gain k, is fitted (in the middle of the 30 cm cylinder);
everything else is predicted; the lengths of correlation were fitted to these same slices. Prints, per place: COV of
OSEM; SD and COV of the model over OSEM's; rms error of log SD over all even regions of the slice; FWHM of the
autocorrelation in x and y of both. --pet: a folder of DICOM whose noise
autocorrelation is shown beside it; with --patients, beside that of digital patients on its grid, and nothing else. The
last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from scipy import ndimage

from bench.osem import PIXEL_MM, PIXELS, Osem, Slice2D, ellipse, realisations, system_matrix
from netlesion.image.volume import Volume
from netlesion.io.dicom.series import index_folder, read_image, require_one
from netlesion.phantom.biodistribution import FDG
from netlesion.phantom.lesions import LesionSettings
from netlesion.phantom.noise import Reconstruction, add_noise, noise_maps
from netlesion.phantom.patient import draw_patient
from netlesion.phantom.scan import render_pets
from netlesion.phantom.scanners import SCANNERS
from netlesion.phantom.settings import PRESETS

WATER_PER_MM, LUNG_PER_MM = 0.0096, 0.0028
#: Trues per unit of attenuated line integral: 12 to 25 % of noise in a 30 cm cylinder.
RATE = 3.0
#: (reconstruction, its convergence in mm): netlesion.phantom.scanners interpolates between these.
RECONSTRUCTIONS = ((Osem(2, 14), 158.0), (Osem(3, 21), 251.0))
#: Warm organs of a digital FDG PET: the liver, above all. Its bladder may be too hot for a share of the maximum.
WARM_SUV = 1.5
SPACING_MM = (PIXEL_MM, PIXEL_MM, PIXEL_MM)


@dataclass(frozen=True, eq=False)
class Case:
    """A slice, where its noise is read (name -> pixel), and counts relative to RATE."""

    truth: Slice2D
    places: Mapping[str, tuple[int, int]]
    rate: float = field(default=1.0)


def place(x_mm: float, y_mm: float) -> tuple[int, int]:
    return round(x_mm / PIXEL_MM + PIXELS / 2 - 0.5), round(y_mm / PIXEL_MM + PIXELS / 2 - 0.5)


def cylinder(diameter_mm: float, mu: float = WATER_PER_MM, rate: float = 1.0) -> Case:
    body = ellipse((0, 0), (diameter_mm / 2, diameter_mm / 2))
    name = f"cylinder {diameter_mm / 10:.0f} cm" + (" no attenuation" if mu == 0 else "") + f" x{rate:g}"
    edge = diameter_mm / 2 - 20.0
    places = {"centre": place(0, 0), "edge": place(edge * 0.71, edge * 0.71)}
    return Case(Slice2D(name, body, body * np.float32(mu)), places, rate)


def inserts() -> Case:
    body = ellipse((0, 0), (150, 150))
    activity, places = body.copy(), {"background": place(0, 0)}
    for turn, (name, value) in enumerate({"hot 8": 8.0, "hot 4": 4.0, "cold 1/4": 0.25}.items()):
        centre = (70 * np.cos(turn * np.pi / 2), 70 * np.sin(turn * np.pi / 2))
        inside = ellipse(centre, (22, 22))
        activity = activity * (1 - inside) + np.float32(value) * inside
        places[name] = place(*centre)
    return Case(Slice2D("cylinder 30 cm, inserts", activity, body * np.float32(WATER_PER_MM)), places)


def flat_trunk() -> Case:
    body = ellipse((0, 0), (180, 90))
    places = {"centre": place(0, 0), "side": place(120, 0)}
    return Case(Slice2D("ellipse 36 x 18 cm", body, body * np.float32(WATER_PER_MM)), places)


def torso(mu_scale: float = 1.0) -> Case:
    body = ellipse((0, 0), (180, 115))
    activity, mu = body * np.float32(0.9), body * np.float32(WATER_PER_MM)
    for x in (-85, 85):
        lung = ellipse((x, 20), (60, 75))
        activity, mu = activity * (1 - lung) + 0.45 * lung, mu * (1 - lung) + np.float32(LUNG_PER_MM) * lung
    liver = ellipse((95, -40), (65, 50))
    activity = activity * (1 - liver) + 5.0 * liver
    mu = (mu * (1 - liver) + np.float32(WATER_PER_MM) * liver) * np.float32(mu_scale)
    places = {"mediastinum": place(0, 0), "lung": place(-85, 20), "liver": place(95, -40)}
    name = "torso with lungs and liver" if mu_scale else "the same, no attenuation"
    return Case(Slice2D(name, activity.astype(np.float32), mu.astype(np.float32)), places)


CASES = (
    cylinder(300), cylinder(200), cylinder(400), cylinder(300, rate=0.25), cylinder(300, rate=4.0),
    cylinder(200, mu=0.0), cylinder(300, mu=0.0), cylinder(400, mu=0.0), inserts(), flat_trunk(), torso(),
    torso(mu_scale=0.0),
)  # fmt: skip


def acf_fwhm_mm(noise_RXY: np.ndarray, at: tuple[int, int], half: int, spacing_mm: float = PIXEL_MM) -> list[float]:
    """FWHM of the autocorrelation along x and along y, averaged over a window and all realisations."""
    found = []
    for dx, dy in ((1, 0), (0, 1)):
        here = noise_RXY[:, at[0] - half : at[0] + half, at[1] - half : at[1] + half]
        previous, lag = 1.0, 0
        while True:
            lag += 1
            x, y = at[0] - half + dx * lag, at[1] - half + dy * lag
            there = noise_RXY[:, x : x + 2 * half, y : y + 2 * half]
            value = float((here * there).mean() / np.sqrt((here**2).mean() * (there**2).mean()))
            if value < 0.5 or lag > 12:
                found.append(2 * spacing_mm * (lag - 1 + (previous - 0.5) / (previous - value)))
                break
            previous = value
    return found


def smooth_sd(stack_RXY: np.ndarray) -> np.ndarray:
    """SD over realisations, its own noise averaged over 3x3 pixels."""
    return np.sqrt(np.maximum(ndimage.uniform_filter(stack_RXY.var(axis=0, ddof=1), 3), 1e-12))


def model(
    case: Case, osem: Osem, convergence_mm: float, gain: float, trues: float, number: int
) -> tuple[np.ndarray, np.ndarray]:
    """The image-space model of the same scan: SD map as formula, and `number` noisy images."""
    width = np.hypot(osem.detector_fwhm_mm, osem.post_fwhm_mm) / 2.3548 / PIXEL_MM
    clean = ndimage.gaussian_filter(case.truth.activity, width)[..., None].astype(np.float32)
    mu = case.truth.mu_per_mm[..., None] * np.float32(10.0)
    reconstruction = Reconstruction(
        counts=trues,
        gain=gain,
        convergence_mm=convergence_mm,
        filter_mm=(osem.post_fwhm_mm, osem.post_fwhm_mm),
        scatter_fraction=osem.scatter_fraction,
        randoms_per_true=osem.randoms_per_true,
    )
    maps = noise_maps(clean, mu, SPACING_MM, reconstruction=reconstruction, sensitivity_Z=np.ones(1))
    sd = (clean * np.sqrt(maps.fine((*(slice(0, n) for n in clean.shape[:2]), slice(0, 1))).squared_cov(clean)))[..., 0]
    images = np.empty((number, PIXELS, PIXELS), dtype=np.float32)
    for n in range(number):
        noisy = clean.copy()
        add_noise(noisy, maps, SPACING_MM, filter_mm=reconstruction.filter_mm, seed=n)
        images[n] = noisy[..., 0]
    return sd, images


@dataclass(frozen=True)
class Row:
    """One place of one case. Ratios are model over OSEM; map_error is the rms of log SD over the slice."""

    osem: str
    case: str
    where: str
    cov_osem: float
    sd_ratio: float
    cov_ratio: float
    map_error: float
    acf_osem_mm: list[float]
    acf_model_mm: list[float]


def compare(number: int) -> list[Row]:
    """Every case with every reconstruction, `number` realisations each."""
    matrix, rows = system_matrix(), []
    for osem, convergence_mm in RECONSTRUCTIONS:
        gain = None
        for case in CASES:
            survival = np.exp(-(matrix @ case.truth.mu_per_mm.ravel()))
            per_mm = RATE * case.rate
            trues = float((survival * (matrix @ case.truth.activity.ravel())).sum()) * per_mm
            stack = realisations(matrix, case.truth, osem, trues, number, seed=1)[:-1]
            reference = smooth_sd(stack)
            if gain is None:
                sd, _ = model(case, osem, convergence_mm, 1.0, per_mm, 0)
                middle = (slice(PIXELS // 2 - 8, PIXELS // 2 + 8),) * 2
                gain = float(np.sqrt((reference[middle] ** 2).mean() / (sd[middle] ** 2).mean()))
            sd, images = model(case, osem, convergence_mm, gain, per_mm, number)
            inside = ndimage.binary_erosion(case.truth.activity > 0, iterations=4)
            span = ndimage.maximum_filter(case.truth.activity, 5) - ndimage.minimum_filter(case.truth.activity, 5)
            even = inside & (span < 0.02)
            for where, at in case.places.items():
                half = 3 if where == "edge" or where.startswith(("hot", "cold")) else 6
                box = tuple(slice(c - half // 2, c + half // 2 + 1) for c in at)
                sd_ratio = float(sd[box].mean() / reference[box].mean())
                rows.append(
                    Row(
                        osem=f"{osem.iterations}x{osem.subsets}",
                        case=case.truth.name,
                        where=where,
                        cov_osem=float(reference[box].mean() / stack.mean(axis=0)[box].mean()),
                        sd_ratio=sd_ratio,
                        cov_ratio=float(sd_ratio * stack.mean(axis=0)[box].mean() / images.mean(axis=0)[box].mean()),
                        map_error=float(np.sqrt((np.log(sd[even] / reference[even]) ** 2).mean())),
                        acf_osem_mm=acf_fwhm_mm(stack - stack.mean(axis=0), at, half),
                        acf_model_mm=acf_fwhm_mm(images - images.mean(axis=0), at, half),
                    )
                )
    return rows


def pet_acf_mm(volume: Volume, warm_from: float | None = None) -> list[float]:
    """FWHM of the noise autocorrelation along I, J, K of a PET: the median of its six evenest warm boxes.

    A box is 40 mm wide, warm from `warm_from` on (None: a third of the 99.9th percentile); a linear trend is taken out.
    Noise and true mottle cannot be told apart.
    """
    array, spacing = volume.array, volume.geometry.spacing_mm
    size = [max(3, round(40.0 / h)) for h in spacing]
    mean = ndimage.uniform_filter(array, size)
    variance = ndimage.uniform_filter(array.astype(np.float64) ** 2, size) - mean.astype(np.float64) ** 2
    warm = mean > (np.percentile(array, 99.9) / 3.0 if warm_from is None else warm_from)
    cov = np.where(warm, np.sqrt(np.maximum(variance, 0.0)) / np.maximum(mean, 1e-9), np.inf)
    for axis, n in enumerate(size):
        cov.swapaxes(0, axis)[:n] = cov.swapaxes(0, axis)[-n:] = np.inf
    found = []
    for _ in range(6):
        at = np.unravel_index(np.argmin(cov), cov.shape)
        box = array[tuple(slice(c - n // 2, c - n // 2 + n) for c, n in zip(at, size, strict=True))].astype(np.float64)
        found.append([_acf_fwhm(box, axis) * spacing[axis] for axis in range(3)])
        cov[tuple(slice(max(0, c - n), c + n + 1) for c, n in zip(at, size, strict=True))] = np.inf
    return np.median(found, axis=0).round(1).tolist()


def phantom_acf_mm(spacing_mm: tuple[float, ...], number: int) -> dict[str, list[float]]:
    """The same of the FDG PETs of digital patients without lesions on a grid this fine: the median, by scanner."""
    found = {}
    for name, scanner in SCANNERS.items():
        settings = replace(
            PRESETS["net-petct" if scanner.modality == "PET/CT" else "net-petmr"],
            tracers_apart=False, spacing_mm=spacing_mm, petct_scanners=(name,), petmr_scanners=(name,),
            lesions=LesionSettings(negative_share=1.0),
        )  # fmt: skip
        lengths = []
        for index in range(number):
            patient = draw_patient(index, seed=7, settings=settings)
            pets, _ = render_pets(patient, patient.exams[0], settings)
            lengths.append(pet_acf_mm(pets[FDG].image, WARM_SUV))
        found[name] = np.median(lengths, axis=0).round(1).tolist()
        print(f"{name:20s} autocorrelation of {found[name]} mm along I, J, K", flush=True)
    return found


def _acf_fwhm(box: np.ndarray, axis: int) -> float:
    """FWHM, in voxels, of the autocorrelation of a box without its linear trend."""
    terms = np.stack([np.ones(box.size), *(g.ravel() for g in np.indices(box.shape))], axis=1)
    rest = box - (terms @ np.linalg.lstsq(terms, box.ravel(), rcond=None)[0]).reshape(box.shape)
    rest = rest.swapaxes(0, axis)
    previous = 1.0
    for lag in range(1, rest.shape[0]):
        value = float(np.corrcoef(rest[:-lag].ravel(), rest[lag:].ravel())[0, 1])
        if value < 0.5:
            return 2 * (lag - 1 + (previous - 0.5) / (previous - value))
        previous = value
    return float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--realisations", type=int, default=60)
    parser.add_argument("--pet", type=Path, help="a folder with one DICOM PET")
    parser.add_argument(
        "--patients", type=int, default=0, help="with --pet: digital patients per scanner beside it, only"
    )
    arguments = parser.parse_args()
    pet = None if arguments.pet is None else read_image(require_one(index_folder(arguments.pet), "PT", arguments.pet))
    if pet is not None and arguments.patients:
        real = pet_acf_mm(pet)
        print(f"{arguments.pet.parent.name}: autocorrelation of {real} mm along I, J, K")
        digital = phantom_acf_mm(pet.geometry.spacing_mm, arguments.patients)
        print(json.dumps({"bench": "phantom_noise", "real_pet_acf_mm": real, "digital_pet_acf_mm": digital}))
        return
    rows = compare(arguments.realisations)
    print(
        "OSEM  case                                where         COV  SD ratio  COV ratio  map   ACF x/y  model's, mm"
    )
    for r in rows:
        (ox, oy), (mx, my) = r.acf_osem_mm, r.acf_model_mm
        print(
            f"{r.osem}  {r.case:35s} {r.where:12s} {r.cov_osem:5.3f} {r.sd_ratio:7.2f} {r.cov_ratio:9.2f} "
            f"{r.map_error:8.2f}  {ox:5.1f} {oy:5.1f}  {mx:5.1f} {my:5.1f}"
        )
    sd = np.array([r.sd_ratio for r in rows])
    warm = sd[[not r.where.startswith("cold") for r in rows]]
    lengths = np.array([np.divide(r.acf_model_mm, r.acf_osem_mm) for r in rows]).ravel()
    real = None if pet is None else pet_acf_mm(pet)
    if real is not None:
        print(f"{arguments.pet.parent.name}: autocorrelation of {real} mm along I, J, K")
    print(json.dumps({
        "bench": "phantom_noise", "machine": platform.processor() or platform.machine(),
        "realisations": arguments.realisations, "places": len(rows),
        "sd_rms_error": round(float(np.sqrt((np.log(sd) ** 2).mean())), 3),
        "sd_rms_error_but_cold": round(float(np.sqrt((np.log(warm) ** 2).mean())), 3),
        "sd_ratio_min_max": [round(float(sd.min()), 2), round(float(sd.max()), 2)],
        "acf_rms_error": round(float(np.sqrt((np.log(lengths) ** 2).mean())), 3),
        "acf_ratio_min_max": [round(float(lengths.min()), 2), round(float(lengths.max()), 2)],
        "real_pet_acf_mm": real,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
