"""Uptake of a place on a PET, its local background, and uptake against reference organs.

`qkrenning` is this project's quantitative Krenning score (clinical.md 3.2 [P]), not the visual one. Like is compared
with like: a lesion's SUVpeak with the organ's highest 1 ml sphere, or a mean with a mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.ndimage import distance_transform_edt

from netlesion.answers.patient import Lesion, Pet
from netlesion.image.volume import Volume
from netlesion.quantify.peak import suv_peak
from netlesion.quantify.references import ReferenceOrgan

Statistic = Literal["peak", "mean"]


@dataclass(frozen=True)
class PlaceUptake:
    """SUVbw over a place: peak (1 ml sphere centred in it), mean, max; None where it is outside the field of view."""

    peak: float
    mean: float
    max: float


@dataclass(frozen=True)
class Shell:
    """Mean and SD of SUVbw around a place, and how many voxels that is."""

    mean: float
    sd: float
    num_voxels: int


def of_lesion(lesion: Lesion, statistic: Statistic) -> float:
    """The lesion's SUVbw by this statistic."""
    return lesion.suvpeak if statistic == "peak" else lesion.suvmean


def of_organ(organ: ReferenceOrgan | None, statistic: Statistic) -> float | None:
    """The organ's SUVbw by this statistic."""
    return None if organ is None else organ.peak if statistic == "peak" else organ.mean


def qkrenning(
    x: float, blood_pool: float | None, liver: float, spleen: float | None, low: float = 0.8, high: float = 1.1
) -> int:
    """0 to 4 (clinical.md 3.2): all numbers of one statistic.

        0 if x <= B;  1 if x < low L;  2 if x <= high L;  3 if x <= max(S, high L);  4 above

    Without a spleen 3 means at least 3; without a blood pool 1 means at most 1.
    """
    if blood_pool is not None and x <= blood_pool:
        return 0
    if x < low * liver:
        return 1
    if x <= high * liver:
        return 2
    if spleen is None or x <= max(spleen, high * liver):
        return 3
    return 4


def hottest(lesions: Sequence[Lesion], most: int, per_organ: int) -> tuple[Lesion, ...]:
    """By SUVpeak, at most so many of one region; lesions without a region count as of one."""
    chosen: list[Lesion] = []
    for lesion in sorted(lesions, key=lambda x: (-x.suvpeak, x.key)):
        if len(chosen) < most and sum(x.region == lesion.region for x in chosen) < per_organ:
            chosen.append(lesion)
    return tuple(chosen)


def voxels_at(pet: Pet, points_mm: np.ndarray) -> np.ndarray:
    """(M, 3) voxels of this PET that hold points (N, 3) of the patient's frame, each once, inside the grid."""
    index = np.rint(pet.geometry.to_index(pet.of_patient(points_mm))).astype(int)
    inside = ((index >= 0) & (index < pet.geometry.shape)).all(axis=1)
    return np.unique(index[inside], axis=0)


def uptake_at(suv: Volume, voxels_N3: np.ndarray) -> PlaceUptake | None:
    """Uptake over these voxels; None where there are none."""
    if not len(voxels_N3):
        return None
    values = suv.array[tuple(voxels_N3.T)]
    peak = suv_peak(suv.array, voxels_N3, suv.geometry.spacing_mm)
    return PlaceUptake(peak, float(values.mean(dtype=np.float64)), float(values.max()))


def shell_around(
    pet: Pet, suv: Volume, voxels_N3: np.ndarray, inner_mm: float, outer_mm: float, hot: Sequence[str] = ()
) -> Shell | None:
    """Background: voxels between inner and outer mm from these, without lesions and organs whose names start as `hot`
    (clinical.md 2.2); None where fewer than 10 are left.
    """
    spacing = np.asarray(pet.geometry.spacing_mm)
    margin = np.ceil(outer_mm / spacing).astype(int) + 1
    start = np.maximum(voxels_N3.min(axis=0) - margin, 0)
    stop = np.minimum(voxels_N3.max(axis=0) + margin + 1, pet.geometry.shape)
    box = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    away = np.ones(tuple(stop - start), dtype=bool)
    away[tuple((voxels_N3 - start).T)] = False
    distance = distance_transform_edt(away, sampling=spacing)
    shell = (distance > inner_mm) & (distance <= outer_mm)
    for lesion in pet.lesions:
        index = np.rint(pet.geometry.to_index(lesion.points_mm)).astype(int) - start
        inside = ((index >= 0) & (index < shell.shape)).all(axis=1)
        shell[tuple(index[inside].T)] = False
    if hot and pet.read_organs is not None:
        organs = pet.read_organs()
        if organs.geometry.same_grid(pet.geometry):
            labels = [n for n, name in organs.names.items() if name.startswith(tuple(hot))]
            shell &= ~np.isin(organs.labels[box], labels)
    values = suv.array[box][shell].astype(np.float64)
    return None if len(values) < 10 else Shell(float(values.mean()), float(values.std()), len(values))
