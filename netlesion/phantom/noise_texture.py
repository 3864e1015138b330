"""Gaussian noise of SD 1 whose length of correlation differs from place to place and between x and y.

Takes shapes, spacings and a seed, returns float32 arrays (XYZ). Four stationary fields are made from the same white
noise, narrow or wide along x and along y; a local blend of them has any length in between, and is scaled back to SD 1
by what is known of the kernels. Axially all share one length. A body that fills little of its box gets noise around
itself only. Knows nothing about PET.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage

from netlesion.phantom.blur import FWHM_PER_SIGMA, gaussian_kernel

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
class Weights:
    """How much of each field makes a blend of SD 1; arrays that broadcast."""

    fine: np.ndarray
    both: np.ndarray
    streak: np.ndarray


@dataclass(frozen=True, eq=False)
class TextureChunk:
    """A box (XYZ) of four fields, SD 1 each (first letter x, second y: fine or coarse); coarse ones are made when used.

    kernels: along x and along y, each makes a fine field a coarse one. likeness: correlation of both, along x and y.
    """

    box: tuple[slice, slice, slice]
    ff: np.ndarray
    kernels: tuple[np.ndarray, np.ndarray]
    likeness: tuple[float, float]

    @cached_property
    def cf(self) -> np.ndarray:
        return ndimage.correlate1d(self.ff, self.kernels[0], axis=0, mode="wrap")

    @cached_property
    def fc(self) -> np.ndarray:
        return ndimage.correlate1d(self.ff, self.kernels[1], axis=1, mode="wrap")

    @cached_property
    def cc(self) -> np.ndarray:
        return ndimage.correlate1d(self.fc, self.kernels[0], axis=0, mode="wrap")

    def weights(self, coarse_x: np.ndarray, coarse_y: np.ndarray) -> tuple[np.ndarray, Weights]:
        """Where a blend is coarse along x rather than y, and its weights; coarse along x and y by these shares.

        Shares are 0 to 1 of the variance. What both axes share is coarse both ways, and only the rest is a streak, so
        that no grid of crosses appears.
        """
        along_x = coarse_x > coarse_y
        lower, higher = np.minimum(coarse_x, coarse_y), np.maximum(coarse_x, coarse_y)
        streak = higher - lower
        both = np.sqrt(lower, out=lower)
        np.sqrt(streak, out=streak)
        np.subtract(1.0, higher, out=higher)
        fine = np.sqrt(higher, out=higher)
        like_x, like_y = (np.float32(like) for like in self.likeness)
        norm = fine * np.where(along_x, like_x, like_y)
        norm += both * np.where(along_x, like_y, like_x)
        norm *= streak
        norm += both * fine * (like_x * like_y)
        norm *= 2.0
        norm += 1.0
        np.sqrt(norm, out=norm)
        for weight in (fine, both, streak):
            weight /= norm
        return along_x, Weights(fine, both, streak)

    def blend(self, coarse_x: np.ndarray, coarse_y: np.ndarray) -> np.ndarray:
        """A field of SD 1, coarse along x and along y by these shares of its variance."""
        along_x, weights = self.weights(coarse_x, coarse_y)
        field = weights.fine * self.ff
        field += weights.both * self.cc
        field += weights.streak * np.where(along_x, self.cf, self.fc)
        return field


def texture_chunks(
    shape: tuple[int, ...], spacing_mm: tuple[float, ...], lengths: Lengths, seed: int, room: Room | None = None
) -> Iterator[TextureChunk]:
    """The texture of a whole volume, chunk by chunk along z; the same bytes whatever the chunk's size.

    room: where it is wanted; at the rim of a room, within a kernel's reach, fields of two chunks do not meet.
    """
    more_mm = (lengths.coarse_mm**2 - lengths.fine_mm**2) ** 0.5
    axial = _kernel(lengths.axial_mm, spacing_mm[2])
    fine, more = ([_kernel(mm, h) for h in spacing_mm[:2]] for mm in (lengths.fine_mm, more_mm))
    moments = [_moments(n, f, m) for n, f, m in zip(shape, fine, more, strict=False)]
    fine[0] *= 1.0 / np.sqrt(moments[0][0] * moments[1][0] * _moments(shape[2], axial, np.ones(1))[0])
    for kernel, (of_fine, of_both, _) in zip(more, moments, strict=True):
        kernel *= np.sqrt(of_fine / of_both)
    along_x, along_y = (float(m[2] / np.sqrt(m[0] * m[1])) for m in moments)
    white = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    white = ndimage.correlate1d(white, axial, axis=2, mode="wrap", output=white)
    step = max(1, int(CHUNK_VOXELS // max(1, shape[0] * shape[1])))
    for start in range(0, shape[2], step):
        slices = slice(start, min(start + step, shape[2]))
        across = (slice(0, shape[0]), slice(0, shape[1])) if room is None else room(slices)
        if across is None:
            continue
        box = across[0], across[1], slices
        ff = ndimage.correlate1d(white[box], fine[0], axis=0, mode="wrap")
        ff = ndimage.correlate1d(ff, fine[1], axis=1, mode="wrap", output=ff)
        yield TextureChunk(box, ff, (more[0], more[1]), (along_x, along_y))


def room_around(filled_XYZ: np.ndarray, spacing_mm: tuple[float, ...], margin_mm: float) -> Room:
    """The box of what is filled (bool) in some slices, and margin_mm more to each side."""
    shadows = np.asarray(filled_XYZ.any(axis=1)), np.asarray(filled_XYZ.any(axis=0))

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


def _kernel(fwhm_mm: float, spacing_mm: float) -> np.ndarray:
    return gaussian_kernel(max(fwhm_mm / spacing_mm / FWHM_PER_SIGMA, 1e-3))


def _moments(length: int, fine: np.ndarray, more: np.ndarray) -> tuple[float, float, float]:
    """Variance of white noise after the fine kernel, after both, and the covariance of the two, around an axis."""
    once = np.zeros(length)
    once[length // 2] = 1.0
    once = ndimage.correlate1d(once, fine, mode="wrap")
    twice = ndimage.correlate1d(once, more, mode="wrap")
    return float((once**2).sum()), float((twice**2).sum()), float((once * twice).sum())
