"""Slices that a person forgot, or left out on purpose, between two on which a lesion was drawn.

A region that ends at a slice and begins again a few slices farther, at the same place, is one region drawn on some of
its slices: its volume is too small, and it falls apart into several lesions. Found on masks, so that contours, segments
and label maps of any source are looked at alike. Slices are those of the last axis. Knows nothing about files.

Source of the interpolation (signed distances, linear between slices): Herman 1992, doi:10.1109/38.135915.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

#: Slices that may lie empty between two of one region [P].
LARGEST_GAP = 3
#: Regions with one slice between are one when they share this much of the smaller, and with more, of the larger [P]:
#: two lesions that lie above each other end in small regions.
SHARED = 0.5
SHARED_FARTHER = 0.6


@dataclass(frozen=True, eq=False)
class Gap:
    """Empty slices between two regions (I, J) of one lesion: the last slice before and the first after."""

    before: int
    after: int
    region_before: np.ndarray
    region_after: np.ndarray

    @property
    def num_slices(self) -> int:
        return self.after - self.before - 1


def contour_gaps(mask_IJK: np.ndarray) -> tuple[Gap, ...]:
    """Every gap of a mask, from low to high slices; none in an empty one.

    At most LARGEST_GAP slices are bridged, or as many as lie between the slices drawn, where those lie evenly.
    """
    mask = np.asarray(mask_IJK, dtype=bool)
    drawn = np.flatnonzero(mask.any(axis=(0, 1)))
    if len(drawn) < 2:
        return ()
    rows, columns = (np.flatnonzero(mask.any(axis=axes)) for axes in ((1, 2), (0, 2)))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    largest = max(LARGEST_GAP, int(np.median(np.diff(drawn))) - 1)
    found = []
    for k in drawn[:-1]:
        here = mask[:, :, k][box]
        labels, count = ndimage.label(here, np.ones((3, 3)))
        for number in range(1, count + 1):
            region = labels == number
            if not (mask[:, :, k + 1][box] & region).any():
                found += _next_regions(mask, box, int(k), region, largest)
    return tuple(found)


def _next_regions(mask: np.ndarray, box: tuple[slice, slice], k: int, region: np.ndarray, largest: int) -> list[Gap]:
    """The gaps above a region that ends at slice k: to regions of the next slice that lie over it and begin there."""
    for after in range(k + 2, min(k + largest + 2, mask.shape[2])):
        there = mask[:, :, after][box]
        if not (there & region).any():
            continue
        labels, count = ndimage.label(there, np.ones((3, 3)))
        gaps = []
        for number in range(1, count + 1):
            other = labels == number
            shared, sizes = (other & region).sum(), (other.sum(), region.sum())
            least = SHARED * min(sizes) if after == k + 2 else SHARED_FARTHER * max(sizes)
            if shared < least or (mask[:, :, after - 1][box] & other).any():
                continue
            whole = [np.zeros(mask.shape[:2], dtype=bool) for _ in range(2)]
            whole[0][box], whole[1][box] = region, other
            gaps.append(Gap(k, after, *whole))
        return gaps
    return []


def interpolated(mask_IJK: np.ndarray, gaps: tuple[Gap, ...], spacing_mm: tuple[float, float]) -> np.ndarray:
    """The mask with its gaps filled: between two slices a voxel is inside where the signed distances, weighted by
    nearness, say so.
    """
    filled = np.array(mask_IJK, dtype=bool)
    for gap in gaps:
        low, high = (_signed_distance_mm(r, spacing_mm) for r in (gap.region_before, gap.region_after))
        for k in range(gap.before + 1, gap.after):
            share = (k - gap.before) / (gap.after - gap.before)
            filled[:, :, k] |= (1 - share) * low + share * high > 0
    return filled


def _signed_distance_mm(region: np.ndarray, spacing_mm: tuple[float, float]) -> np.ndarray:
    """Distance to the region's edge, positive inside."""
    inside = ndimage.distance_transform_edt(region, sampling=spacing_mm)
    return inside - ndimage.distance_transform_edt(~region, sampling=spacing_mm)


def gaps_line(gaps: tuple[Gap, ...]) -> str:
    """What a user should know of gaps: how many slices, and what they do."""
    slices = sorted({k for gap in gaps for k in range(gap.before + 1, gap.after)})
    return (
        f"nothing is drawn on {len(slices)} slices between slices of one lesion (the first is {slices[0]}): its volume "
        "is too small, and it falls apart"
    )
