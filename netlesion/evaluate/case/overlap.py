"""How much two masks share: Dice of two binary masks, and voxel counts of every pair of two label maps.

Takes plain arrays on one grid and returns numbers or counts. Knows nothing about volumes in ml, about which
overlap is enough to call a lesion detected, or about files.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlesion.errors import GeometryError
from netlesion.evaluate.case.foreground import Foreground, foreground


@dataclass(frozen=True, eq=False)
class LabelOverlap:
    """Every pair of labels that share a voxel, counted once.

    reference_ids (R,) and prediction_ids (P,) are the labels found, rising and without 0; reference_voxels (R,)
    and prediction_voxels (P,) their sizes. pairs_N2 holds positions in these two lists, not labels; shared_N
    the voxels the two have in common, at least 1.
    """

    reference_ids: np.ndarray
    prediction_ids: np.ndarray
    reference_voxels: np.ndarray
    prediction_voxels: np.ndarray
    pairs_N2: np.ndarray
    shared_N: np.ndarray

    @property
    def iou_N(self) -> np.ndarray:
        """Intersection over union of each listed pair; pairs that are not listed have 0."""
        rows, columns = self.pairs_N2.T
        return self.shared_N / (self.reference_voxels[rows] + self.prediction_voxels[columns] - self.shared_N)


def dice(reference: np.ndarray, prediction: np.ndarray) -> float:
    """2 |G and P| / (|G| + |P|) of the non-zero voxels; 1.0 when both masks are empty, 0.0 when one is.

    Raises GeometryError when the shapes differ.
    """
    reference, prediction = binary_pair(reference, prediction)
    return overlap_dice(*(int(np.count_nonzero(m)) for m in (reference, prediction, reference & prediction)))


def overlap_dice(num_reference: int, num_prediction: int, num_shared: int) -> float:
    """Dice from counts of voxels, nothing added to numerator or denominator; 1.0 when both masks are empty."""
    total = num_reference + num_prediction
    return 1.0 if total == 0 else 2 * num_shared / total


def label_overlap(reference: np.ndarray, prediction: np.ndarray) -> LabelOverlap:
    """Counts all pairs of labels in one pass over the voxels that are not background in both maps.

    Pairs are kept as a list and not as a matrix: a noisy prediction of 100 000 specks stays small.
    An empty map has no ids and no pairs. Raises GeometryError when the shapes differ.
    """
    binary_shapes(reference, prediction)
    return overlap_of(foreground(reference), foreground(prediction))


def overlap_of(reference: Foreground, prediction: Foreground) -> LabelOverlap:
    """The same of two maps whose foreground is listed already."""
    other = reference.at(prediction.labels)
    both = other != 0
    columns = np.searchsorted(prediction.ids_L, other[both])
    width = max(1, len(prediction.ids_L))
    key, shared = np.unique(reference.owner_N[both] * np.int64(width) + columns, return_counts=True)
    return LabelOverlap(
        reference_ids=reference.ids_L,
        prediction_ids=prediction.ids_L,
        reference_voxels=reference.sizes_L,
        prediction_voxels=prediction.sizes_L,
        pairs_N2=np.stack([key // width, key % width], axis=1),
        shared_N=shared,
    )


def foreground_box(reference: np.ndarray, prediction: np.ndarray) -> tuple[slice, slice, slice]:
    """The smallest box that holds every non-zero voxel of both; one background voxel when there is none.

    What lies outside cannot change any count of this folder, so work on the box and save the rest.
    """
    binary_shapes(reference, prediction)
    seen = []
    for across in ((1, 2), (0, 2), (0, 1)):
        found = [np.asarray(a).max(axis=across, initial=0) != 0 for a in (reference, prediction)]
        seen.append(np.flatnonzero(found[0] | found[1]))
    i, j, k = (slice(int(s[0]), int(s[-1]) + 1) if s.size else slice(0, 1) for s in seen)
    return i, j, k


def binary_pair(reference: np.ndarray, prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as booleans, True where not 0; raises GeometryError rather than broadcast one to the other."""
    binary_shapes(reference, prediction)
    return np.asarray(reference) != 0, np.asarray(prediction) != 0


def binary_shapes(reference: np.ndarray, prediction: np.ndarray) -> None:
    """Raises GeometryError unless both have one shape."""
    reference, prediction = np.asarray(reference), np.asarray(prediction)
    if reference.shape != prediction.shape:
        raise GeometryError(
            f"the reference has shape {reference.shape} and the prediction {prediction.shape}; "
            "bring both to the reference's grid first"
        )
