"""Gaussian noise of SD 1 whose length of correlation differs from place to place and between x and y.

Takes shapes, spacings and a seed, returns float32 arrays (XYZ). Four stationary fields are made from the same white
noise, narrow or wide along x and along y; a local blend of them has any length in between, and is scaled back to SD 1
by what is known of the kernels. Axially all share one length. A body that fills little of its box gets noise around
itself only. Knows nothing about PET.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from netlesion.phantom.blur import FWHM_PER_SIGMA, TRUNCATE

#: Transverse slices are worked on in chunks of about this many voxels, which stay in the cache; their number does not
#: change a result.
CHUNK_VOXELS = 250_000

#: Transverse slices -> where noise is wanted in them, (x, y); None: nowhere.
Room = Callable[[slice], tuple[slice, slice] | None]


@dataclass(frozen=True)
class Lengths:
    """FWHM of the kernels in mm: in plane where noise is fine and where it is coarse, and axially."""

    fine_mm: float
    coarse_mm: float
    axial_mm: float


@dataclass(frozen=True, eq=False)
class TextureChunk:
    """A box (XYZ): the four fields, SD 1 each (first letter x, second y: fine or coarse).

    likeness: correlation of fine with coarse along x and along y.
    """

    box: tuple[slice, slice, slice]
    ff: np.ndarray
    fc: np.ndarray
    cf: np.ndarray
    cc: np.ndarray
    likeness: tuple[float, float]

    def blend(self, coarse_x: np.ndarray, coarse_y: np.ndarray) -> np.ndarray:
        """A field of SD 1, coarse along x and along y by these shares (0 to 1) of its variance.

        What both axes share is coarse both ways, and only the rest is a streak, so that no grid of crosses appears.
        """
        like_x, like_y = self.likeness
        both = np.sqrt(np.minimum(coarse_x, coarse_y))
        fine = np.sqrt(1.0 - np.maximum(coarse_x, coarse_y))
        streak_x = np.sqrt(np.maximum(coarse_x - coarse_y, 0.0))
        streak_y = np.sqrt(np.maximum(coarse_y - coarse_x, 0.0))
        norm = both * fine
        norm *= np.float32(like_x * like_y)
        norm += streak_x * (fine * np.float32(like_x) + both * np.float32(like_y))
        norm += streak_y * (fine * np.float32(like_y) + both * np.float32(like_x))
        norm *= 2.0
        norm += 1.0
        for weight, field in ((fine, self.ff), (both, self.cc), (streak_x, self.cf), (streak_y, self.fc)):
            weight *= field
        fine += both
        fine += streak_x
        fine += streak_y
        fine /= np.sqrt(norm, out=norm)
        return fine


def texture_chunks(
    shape: tuple[int, ...], spacing_mm: tuple[float, ...], lengths: Lengths, seed: int, room: Room | None = None
) -> Iterator[TextureChunk]:
    """The texture of a whole volume, chunk by chunk along z; the same bytes whatever the chunk's size.

    room: where it is wanted; at the rim of a room, within a kernel's reach, fields of two chunks do not meet.
    """
    white = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    _smooth(white, 2, spacing_mm[2], lengths.axial_mm)
    more_mm = (lengths.coarse_mm**2 - lengths.fine_mm**2) ** 0.5
    plain = np.sqrt(_kernel_moments(shape[2], spacing_mm[2], lengths.axial_mm, 0.0)[0])
    x, y = (_kernel_moments(shape[a], spacing_mm[a], lengths.fine_mm, more_mm) for a in (0, 1))
    likeness = tuple(float(m[2] / np.sqrt(m[0] * m[1])) for m in (x, y))
    step = max(1, int(CHUNK_VOXELS // max(1, shape[0] * shape[1])))
    for start in range(0, shape[2], step):
        slices = slice(start, min(start + step, shape[2]))
        across = (slice(0, shape[0]), slice(0, shape[1])) if room is None else room(slices)
        if across is None:
            continue
        ff = np.ascontiguousarray(white[(*across, slices)])
        for axis in (0, 1):
            _smooth(ff, axis, spacing_mm[axis], lengths.fine_mm)
        fc, cf = ff.copy(), ff.copy()
        _smooth(fc, 1, spacing_mm[1], more_mm)
        _smooth(cf, 0, spacing_mm[0], more_mm)
        cc = fc.copy()
        _smooth(cc, 0, spacing_mm[0], more_mm)
        for field, along_x, along_y in ((ff, x[0], y[0]), (fc, x[0], y[1]), (cf, x[1], y[0]), (cc, x[1], y[1])):
            field *= np.float32(1.0 / (plain * np.sqrt(along_x * along_y)))
        yield TextureChunk((*across, slices), ff, fc, cf, cc, likeness)


def room_around(filled_XYZ: np.ndarray, spacing_mm: tuple[float, ...], margin_mm: float) -> Room:
    """The box of what is filled (bool) in some slices, and margin_mm more to each side."""
    shadows = filled_XYZ.any(axis=1), filled_XYZ.any(axis=0)

    def room(slices: slice) -> tuple[slice, slice] | None:
        found = []
        for shadow, spacing in zip(shadows, spacing_mm, strict=False):
            there = np.flatnonzero(shadow[:, slices].any(axis=1))
            if there.size == 0:
                return None
            margin = int(np.ceil(margin_mm / spacing))
            found.append(slice(max(0, int(there[0]) - margin), min(len(shadow), int(there[-1]) + 1 + margin)))
        return found[0], found[1]

    return room


def _smooth(field: np.ndarray, axis: int, spacing_mm: float, fwhm_mm: float) -> None:
    """A Gaussian along one axis in place, around the border, so that the variance is the same everywhere."""
    sigma = fwhm_mm / FWHM_PER_SIGMA / spacing_mm
    if sigma > 0.0 and field.shape[axis] > 1:
        ndimage.gaussian_filter1d(field, sigma, axis=axis, output=field, mode="wrap", truncate=TRUNCATE)


def _kernel_moments(length: int, spacing_mm: float, fine_mm: float, more_mm: float) -> tuple[float, float, float]:
    """Variance of white noise after the fine kernel, after both, and the covariance of the two, along one axis."""
    fine = np.zeros(length)
    fine[length // 2] = 1.0
    _smooth(fine, 0, spacing_mm, fine_mm)
    coarse = fine.copy()
    _smooth(coarse, 0, spacing_mm, more_mm)
    return float((fine**2).sum()), float((coarse**2).sum()), float((fine * coarse).sum())
