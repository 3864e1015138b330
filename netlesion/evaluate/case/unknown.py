"""Voxels of which nobody knows whether they are lesion (nnU-Net's ignore label) take no part in an evaluation.

A prediction is neither right nor wrong there: a predicted lesion that lies there for at least half of its voxels is
left out, of any other only those voxels. Knows nothing about files.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlesion.image.volume import Quantity, Volume
from netlesion.quantify.instances import instances

#: A predicted lesion with this fraction in unknown voxels is left out, unless it meets a reference lesion [P].
LEFT_OUT_SHARE = 0.5


@dataclass(frozen=True, eq=False)
class KnownPrediction:
    """A prediction without what lies in unknown voxels, and the remarks that say so."""

    prediction: Volume
    probability: Volume | None
    remarks: tuple[str, ...]


def without_unknown(
    prediction: Volume, probability: Volume | None, reference: Volume, unknown: np.ndarray, connectivity: int
) -> KnownPrediction:
    """Takes unknown voxels (I, J, K) bool out of a predicted mask and its probability map.

    Raises GeometryError where prediction and reference are on different grids.
    """
    reference.geometry.require_same_grid(prediction.geometry, "the reference", "the prediction")
    labels = instances(prediction, connectivity).array
    largest = int(labels.max(initial=0)) + 1
    sizes, there, met = (
        np.bincount(labels[where].ravel(), minlength=largest)
        for where in (labels > 0, unknown & (labels > 0), (reference.array > 0) & (labels > 0))
    )
    left_out = np.flatnonzero((there > 0) & (there >= LEFT_OUT_SHARE * sizes) & (met == 0))
    gone = unknown | np.isin(labels, left_out)
    array = np.where(gone, 0, prediction.array).astype(prediction.array.dtype)
    remarks = [f"{int(unknown.sum())} voxels of unknown label take no part"]
    if len(left_out):
        remarks.append(f"{len(left_out)} predicted lesions lie in voxels of unknown label and are not counted")
    if probability is not None:
        reference.geometry.require_same_grid(probability.geometry, "the reference", "the probability map")
        probability = probability.with_array(np.where(gone, np.float32(0), probability.array))
    return KnownPrediction(prediction.with_array(array, Quantity.LABEL), probability, tuple(remarks))


def known_marks(points_mm: np.ndarray, reference: Volume, unknown: np.ndarray) -> np.ndarray:
    """Which of the marks (P, 3) in RAS+ mm lie in no unknown voxel, (P,) bool; those outside the image are kept."""
    index = np.rint(reference.geometry.to_index(np.asarray(points_mm, dtype=np.float64).reshape(-1, 3))).astype(int)
    inside = ((index >= 0) & (index < reference.geometry.shape)).all(axis=1)
    known = np.ones(len(index), dtype=bool)
    known[inside] = ~unknown[tuple(index[inside].T)]
    return known
