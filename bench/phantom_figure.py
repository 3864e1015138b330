"""Coronal maximum-intensity projections of six digital patients, DOTATATE above FDG, and of a real FDG PET beside them.

    python -m bench.phantom_figure OUT.png [--pet FOLDER] [--seed 7] [--spacing 4]

Inverted grey, SUV 0 to 10 (DOTATATE) and 0 to 7 (FDG), seen from the front. --pet: a folder with one DICOM PET; such a
picture is for looking at, not for keeping. Writes the file whole or not at all.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from netlesion.image.volume import Volume
from netlesion.io.dicom.pet_image import read_suvbw, series_facts
from netlesion.io.dicom.series import index_folder, require_one
from netlesion.output.atomic import atomic_path
from netlesion.phantom.biodistribution import CHANNELS, FDG, SSTR
from netlesion.phantom.patient import draw_patient
from netlesion.phantom.scan import render_pets
from netlesion.phantom.settings import PRESETS

WHITE_TO_BLACK_SUV = {SSTR: 10.0, FDG: 7.0}
MM_PER_PIXEL, GAP_PIXELS, GREYS = 3.0, 8, 32
PATIENTS = 6


def mip(volume: Volume, black_suv: float) -> np.ndarray:
    """uint8 (rows, columns): head up, the patient's right on the left, MM_PER_PIXEL in both directions."""
    spacing, signs = volume.geometry.spacing_mm, np.sign(np.diag(volume.geometry.affine_ras)[:3])
    picture = volume.array.max(axis=1)[:: -int(signs[0]), :: -int(signs[2])].T
    picture = ndimage.zoom(picture, (spacing[2] / MM_PER_PIXEL, spacing[0] / MM_PER_PIXEL), order=1)
    grey = np.round((GREYS - 1) * (1.0 - np.clip(picture / black_suv, 0.0, 1.0)))
    return (255.0 / (GREYS - 1) * grey).astype(np.uint8)


def real_pet(folder: Path) -> Volume:
    """The SUVbw image of the one PET in a folder of DICOM."""
    series = require_one(index_folder(folder), "PT", folder)
    _, conversion = series_facts(series)
    return read_suvbw(series, conversion)


def row(pictures: list[np.ndarray]) -> np.ndarray:
    """Side by side with gaps, on white, heads in line."""
    tall = max(p.shape[0] for p in pictures)
    padded = [np.pad(p, ((0, tall - p.shape[0]), (0, GAP_PIXELS)), constant_values=255) for p in pictures]
    return np.concatenate(padded, axis=1)


def stacked(rows: list[np.ndarray]) -> np.ndarray:
    """Rows below each other on white."""
    wide = max(r.shape[1] for r in rows)
    return np.concatenate(
        [np.pad(r, ((0, GAP_PIXELS), (0, wide - r.shape[1])), constant_values=255) for r in rows], axis=0
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--pet", type=Path, help="a folder with one real FDG PET (DICOM, SUV from its tags)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--spacing", type=float, default=4.0, help="mm")
    args = parser.parse_args()
    settings = replace(
        PRESETS["net-petct"], tracers_apart=False, ends=("mid_thigh", "vertex"), spacing_mm=(args.spacing,) * 3
    )
    found: dict[str, list[np.ndarray]] = {c: [] for c in CHANNELS}
    for index in range(PATIENTS):
        patient = draw_patient(index, seed=args.seed, settings=settings)
        pets, _ = render_pets(patient, patient.exams[0], settings)
        for channel in CHANNELS:
            found[channel].append(mip(pets[channel].image, WHITE_TO_BLACK_SUV[channel]))
    if args.pet is not None:
        found[FDG].insert(0, mip(real_pet(args.pet), WHITE_TO_BLACK_SUV[FDG]))
    picture = Image.fromarray(stacked([row(found[c]) for c in CHANNELS]))
    with atomic_path(args.out) as path:
        picture.save(path, format="PNG", optimize=True)


if __name__ == "__main__":
    main()
