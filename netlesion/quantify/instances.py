"""A mask or a probability map -> lesion instances.

A lesion is an 18-connected component on the native PET grid (clinical.md 2.1), in parity with autoPET I-IV
and DEEP-PSMA; a reference that already holds instances keeps them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, get_args

import numpy as np

from netlesion.errors import ConfigError, QuantityError
from netlesion.image.volume import Quantity, Volume

Connectivity = Literal[6, 18, 26]
CONNECTIVITY: Connectivity = 18


def extract(
    probability: Volume,
    threshold: float = 0.5,
    connectivity: int = CONNECTIVITY,
    peak_threshold: float = 0.0,
    min_volume_ml: float = 0.0,
) -> Volume:
    """Lesion label map (1..n, largest first) of the voxels whose probability is at least the threshold.

    Args:
        probability: (I, J, K) of lesion.
        threshold: from which a voxel belongs to a lesion.
        connectivity: 6, 18 or 26.
        peak_threshold: what the highest voxel of a lesion must reach (hysteresis); 0 keeps every component.
        min_volume_ml: what a lesion must measure; 0 keeps every component.

    Raises QuantityError unless the volume is a PROBABILITY. No voxel above threshold gives a map of zeros.
    """
    if probability.quantity is not Quantity.PROBABILITY:
        raise QuantityError(f"lesions are extracted from a PROBABILITY, not from {probability.quantity.name}")
    mask = probability.with_array(probability.array >= threshold, Quantity.LABEL)
    found = components(mask, connectivity, min_volume_ml)
    if peak_threshold <= threshold or not found.array.any():
        return found
    strong = np.unique(found.array[probability.array >= peak_threshold])
    renumber = np.zeros(int(found.array.max()) + 1, dtype=found.array.dtype)
    strong = strong[strong > 0]
    renumber[strong] = np.arange(1, len(strong) + 1)
    return found.with_array(renumber[found.array], Quantity.LABEL)


def instances(mask: Volume, connectivity: int = CONNECTIVITY, min_volume_ml: float = 0.0) -> Volume:
    """The lesions of a mask: one holding only 0 and 1 is split into components, larger labels are kept as they are."""
    if mask.quantity is not Quantity.LABEL:
        raise QuantityError(f"a lesion mask is a LABEL, not {mask.quantity.name}")
    return components(mask, connectivity, min_volume_ml) if mask.array.max(initial=0) <= 1 else mask


def components(mask: Volume, connectivity: int = CONNECTIVITY, min_volume_ml: float = 0.0) -> Volume:
    """Connected components of the non-zero voxels, numbered from 1 by falling size, ties by position.

    The same mask gives the same numbers, in whatever order its array lies in memory.
    """
    import cc3d

    inside = mask.array != 0
    box = bounding_box(inside)
    voxels = np.ascontiguousarray(inside[box])
    labels, count = cc3d.connected_components(voxels, connectivity=checked(connectivity), return_N=True)
    found = np.zeros_like(mask.array, dtype=np.min_scalar_type(count))
    found[box] = numbered_by_size(labels, count, _voxels_of(min_volume_ml, mask))
    return mask.with_array(found, Quantity.LABEL)


def _voxels_of(volume_ml: float, volume: Volume) -> int:
    """The fewest voxels that hold this volume; a rounding error of the grid asks for none more."""
    return int(np.ceil(volume_ml / volume.geometry.voxel_volume_ml - 1e-6))


def numbered_by_size(labels: np.ndarray, count: int, min_voxels: int = 1) -> np.ndarray:
    """Labels 1..count of a map numbered anew from 1 by falling size, ties in their order; smaller ones are left out."""
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    order = np.argsort(-sizes[1:], kind="stable")
    kept = order[sizes[1:][order] >= max(min_voxels, 1)]
    renumber = np.zeros(count + 1, dtype=np.min_scalar_type(count))
    renumber[kept + 1] = np.arange(1, len(kept) + 1)
    return renumber[labels]


def voxels_by_label(labels: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """(label, voxels (N, 3) in array order) of every label above 0 of a map (I, J, K), in label order; one pass."""
    turned = labels.flags.f_contiguous and not labels.flags.c_contiguous  # as nibabel reads: go through memory in order
    flat = np.flatnonzero(labels.T if turned else labels)
    index = np.unravel_index(flat, labels.shape[::-1] if turned else labels.shape)
    found = np.stack(index[::-1] if turned else index, axis=1)
    if not len(found):
        return
    values = labels[tuple(found.T)]
    order = np.lexsort((found[:, 2], found[:, 1], found[:, 0], values) if turned else (values,))
    found, values = found[order], values[order]
    starts = np.flatnonzero(np.diff(values, prepend=0))
    for start, voxels_N3 in zip(starts, np.split(found, starts[1:]), strict=True):
        yield int(values[start]), voxels_N3


def checked(connectivity: int) -> Connectivity:
    """The connectivity of three-dimensional components; raises ConfigError for another one."""
    for known in get_args(Connectivity):
        if connectivity == known:
            return known
    raise ConfigError(f"connectivity is {connectivity}, expected 6, 18 or 26")


def bounding_box(mask: np.ndarray) -> tuple[slice, ...]:
    """The smallest box that holds every True, of one voxel where there is none: most of a body has no lesion."""
    slices = []
    for axis in range(3):
        at = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        slices.append(slice(int(at[0]), int(at[-1]) + 1) if at.size else slice(0, 1))
    return tuple(slices)
