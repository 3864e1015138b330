"""A label map as the list of its foreground voxels, found once and read by everything that counts or measures.

A whole body holds a million times more background than lesion: after this, cost follows the lesions. Knows nothing
about references, predictions or millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False)
class Foreground:
    """labels (I, J, K), C-ordered; flat_N: places of its non-zero voxels in C order, with label_N.

    ids_L: the labels found, rising; owner_N: the position of each voxel's label in ids_L; sizes_L: voxels of each.
    """

    labels: np.ndarray
    flat_N: np.ndarray
    label_N: np.ndarray
    ids_L: np.ndarray
    owner_N: np.ndarray
    sizes_L: np.ndarray

    @cached_property
    def index_N3(self) -> np.ndarray:
        """The voxel indices (N, 3)."""
        return np.stack(np.unravel_index(self.flat_N, self.labels.shape), axis=1)

    @cached_property
    def centroid_L3(self) -> np.ndarray:
        """The mean voxel index (L, 3) of each label."""
        sums = [np.bincount(self.owner_N, self.index_N3[:, a], minlength=len(self.ids_L)) for a in range(3)]
        return np.stack(sums, axis=1) / self.sizes_L[:, None]

    def at(self, image: np.ndarray) -> np.ndarray:
        """The values (N,) of another image of the same shape in these voxels."""
        return image.ravel()[self.flat_N] if image.flags.c_contiguous else image[tuple(self.index_N3.T)]

    def labels_at(self, index_M3: np.ndarray) -> np.ndarray:
        """The label of the voxel nearest to each (fractional) index (M, 3), 0 outside the array."""
        nearest = np.rint(index_M3).astype(int)
        inside = ((nearest >= 0) & (nearest < self.labels.shape)).all(axis=1)
        found = np.zeros(len(nearest), dtype=np.int64)
        found[inside] = self.labels[tuple(nearest[inside].T)]
        return found


def foreground(labels: np.ndarray) -> Foreground:
    """Lists the foreground of (I, J, K) labels or of a mask; an empty one gives empty lists."""
    labels = np.ascontiguousarray(labels)
    flat = np.flatnonzero(labels.ravel() != 0)  # of booleans: several times faster than of integers
    label = labels.ravel()[flat]
    ids, owner, sizes = _grouped(label)
    return Foreground(labels, flat, label, ids, owner, sizes)


def _grouped(label: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As np.unique with inverse and counts; by a table instead of a sort where labels are small numbers."""
    top = int(label.max(initial=0))
    if top > 4 * len(label) + 1000:
        return np.unique(label, return_inverse=True, return_counts=True)
    counts = np.bincount(label, minlength=1)
    ids = np.flatnonzero(counts)
    place = np.zeros(top + 1, dtype=np.int64)
    place[ids] = np.arange(len(ids))
    return ids.astype(label.dtype if label.dtype != bool else np.uint8), place[label.astype(np.int64)], counts[ids]
