"""How much two masks share: Dice of two binary masks, and voxel counts of every pair of two label maps.

Takes plain arrays on one grid and returns numbers or counts. Knows nothing about volumes in ml, about which
overlap is enough to call a lesion detected, or about files.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlesion.errors import GeometryError


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
    mask_g, mask_p = binary_pair(reference, prediction)
    either = mask_g | mask_p
    ids_g, rows = np.unique(np.asarray(reference)[either], return_inverse=True)
    ids_p, columns = np.unique(np.asarray(prediction)[either], return_inverse=True)
    key, shared = np.unique(rows * np.int64(len(ids_p)) + columns, return_counts=True)
    pairs = np.stack([key // max(1, len(ids_p)), key % max(1, len(ids_p))], axis=1)
    sizes_g, sizes_p = np.bincount(rows, minlength=len(ids_g)), np.bincount(columns, minlength=len(ids_p))
    skip_g, skip_p = int(0 in ids_g[:1]), int(0 in ids_p[:1])  # background, where one map has it and the other not
    kept = (pairs[:, 0] >= skip_g) & (pairs[:, 1] >= skip_p)
    return LabelOverlap(
        reference_ids=ids_g[skip_g:],
        prediction_ids=ids_p[skip_p:],
        reference_voxels=sizes_g[skip_g:],
        prediction_voxels=sizes_p[skip_p:],
        pairs_N2=pairs[kept] - (skip_g, skip_p),
        shared_N=shared[kept],
    )


def foreground_box(reference: np.ndarray, prediction: np.ndarray) -> tuple[slice, slice, slice]:
    """The smallest box that holds every non-zero voxel of both; one background voxel when there is none.

    What lies outside cannot change any count of this folder, so work on the box and save the rest.
    """
    mask_g, mask_p = binary_pair(reference, prediction)
    box = []
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        found = np.flatnonzero(mask_g.any(axis=others) | mask_p.any(axis=others))
        box.append(slice(int(found[0]), int(found[-1]) + 1) if found.size else slice(0, 1))
    i, j, k = box
    return i, j, k


def binary_pair(reference: np.ndarray, prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as booleans, True where not 0; raises GeometryError rather than broadcast one to the other."""
    reference, prediction = np.asarray(reference), np.asarray(prediction)
    if reference.shape != prediction.shape:
        raise GeometryError(
            f"the reference has shape {reference.shape} and the prediction {prediction.shape}; "
            "bring both to the reference's grid first"
        )
    return reference != 0, prediction != 0
