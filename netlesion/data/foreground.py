"""Where patches may be centred: voxels of each lesion, of physiologic uptake and of the body, sampled once a visit.

A draw then costs the same whatever the size of the image. A lesion of 20 voxels is drawn as often as one of 20,000, and
a pituitary gland as often as a liver: what a network takes for lesions are the small organs that it seldom saw.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from netlesion.data.labels import IGNORE

#: Voxels kept of each lesion, of each organ of an organ map, and of the body (or of physiologic uptake without a map).
OF_A_LESION, OF_AN_ORGAN, OF_A_REGION = 40, 60, 4000
#: SUV from which a voxel belongs to the body.
BODY_SUV = 0.25


@dataclass(frozen=True, eq=False)
class ForegroundIndex:
    """Voxels (N, 3) of lesions, physiologic uptake and the body; `lesion_of` (N,) says whose lesion voxel each is."""

    lesions: np.ndarray
    lesion_of: np.ndarray
    physiologic: np.ndarray
    body: np.ndarray

    def draw(self, r: np.random.RandomState, lesion_fraction: float, physiologic_fraction: float) -> np.ndarray:
        """One voxel (3,): of a lesion, each lesion alike, of physiologic uptake, or of the body.

        Where a visit has no lesion (no physiologic uptake) its fraction goes to what comes next.
        """
        kind = r.random()
        if kind < lesion_fraction and len(self.lesions):
            first = np.searchsorted(self.lesion_of, r.randint(self.lesion_of[-1] + 1), side="left")
            last = np.searchsorted(self.lesion_of, self.lesion_of[first], side="right")
            return self.lesions[r.randint(first, last)]
        if kind < lesion_fraction + physiologic_fraction and len(self.physiologic):
            return self.physiologic[r.randint(len(self.physiologic))]
        return self.body[r.randint(len(self.body))]


def foreground_index(
    pets: np.ndarray,
    label: np.ndarray,
    instance: np.ndarray,
    physiologic: np.ndarray,
    organ: np.ndarray,
    hosts: Collection[int],
) -> ForegroundIndex:
    """The index of one visit.

    Args:
        pets: (P, I, J, K) SUV of the PETs that are there.
        label: (T, I, J, K) uint8; where every tracer is IGNORE nothing is drawn.
        instance: (T, I, J, K) uint8, 0 or the lesion's number within its tracer.
        physiologic: (I, J, K) bool, used where there is no organ map.
        organ: (I, J, K) uint8, 0 everywhere without an organ map.
        hosts: labels of `organ` that are tissue rather than an organ with uptake of its own.
    """
    r = np.random.RandomState(0)
    known = (label != IGNORE).any(axis=0)
    lesions = []
    for numbers in instance:
        lesions += [_some(r, numbers == n, OF_A_LESION) for n in np.unique(numbers[numbers > 0])]
    body = _some(r, known & (pets.max(axis=0) > BODY_SUV), OF_A_REGION)
    return ForegroundIndex(
        lesions=np.concatenate(lesions) if lesions else np.zeros((0, 3), dtype=np.int64),
        lesion_of=np.repeat(np.arange(len(lesions)), [len(v) for v in lesions]).astype(np.int64),
        physiologic=_organs(r, organ, known, hosts) if organ.any() else _some(r, physiologic & known, OF_A_REGION),
        body=body if len(body) else np.array([np.array(known.shape) // 2]),
    )


def _organs(r: np.random.RandomState, organ: np.ndarray, known: np.ndarray, hosts: Collection[int]) -> np.ndarray:
    """As many voxels of every organ that is no host: (N, 3)."""
    flat = np.where(known, organ, 0).ravel()
    order = np.argsort(flat, kind="stable")
    labels, first, counts = np.unique(flat[order], return_index=True, return_counts=True)
    chosen = [
        order[start + r.randint(0, count, OF_AN_ORGAN)]
        for label, start, count in zip(labels, first, counts, strict=True)
        if label != 0 and label not in hosts
    ]
    voxels = np.concatenate(chosen) if chosen else np.zeros(0, dtype=np.int64)
    return np.stack(np.unravel_index(voxels, organ.shape), axis=1).astype(np.int64)


def _some(r: np.random.RandomState, mask: np.ndarray, most: int) -> np.ndarray:
    """At most so many voxels of a mask, drawn at random: (N, 3)."""
    flat = np.flatnonzero(mask)
    chosen = flat if len(flat) <= most else flat[r.choice(len(flat), most, replace=False)]
    return np.stack(np.unravel_index(chosen, mask.shape), axis=1).astype(np.int64)
