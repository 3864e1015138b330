"""The autoPET III/IV metrics as their organisers coded them, for comparison with published numbers.

Takes binary masks on one grid and the volume of a voxel; returns one number each, NaN where the challenge
leaves the case out of its mean. Connectivity is 18 and not a setting: another value would be another metric.
One shared voxel makes a component "detected", so these are lenient, and one prediction that bridges everything
has FPV 0. That is how they are defined; `match` holds the strict ones. The voxel volume is |det| of the affine
and not the product of header zooms, the one deviation from the published scripts.

Source: ClinicalDataScience/autoPETIII evaluation_metrics.py, lab-midas/autoPETCTIV (clinical.md 8.1).
"""

from __future__ import annotations

import numpy as np

from netlesion.evaluate.overlap import binary_pair, dice

AUTOPET_CONNECTIVITY = 18


def autopet_dice(reference: np.ndarray, prediction: np.ndarray) -> float:
    """Dice of the non-zero voxels; NaN when the reference is empty, whatever was predicted."""
    return dice(reference, prediction) if np.any(reference) else float("nan")


def autopet_fpv_ml(reference: np.ndarray, prediction: np.ndarray, *, voxel_volume_ml: float) -> float:
    """Volume in ml of predicted components with no voxel in the reference; 0.0 when nothing was predicted.

    With an empty reference it is the whole predicted volume.
    """
    reference, prediction = binary_pair(reference, prediction)
    return _untouched_voxels(prediction, by=reference) * voxel_volume_ml


def autopet_fnv_ml(reference: np.ndarray, prediction: np.ndarray, *, voxel_volume_ml: float) -> float:
    """Volume in ml of reference components with no voxel in the prediction; NaN when the reference is empty.

    With an empty prediction it is the whole reference volume.
    """
    reference, prediction = binary_pair(reference, prediction)
    if not reference.any():
        return float("nan")
    return _untouched_voxels(reference, by=prediction) * voxel_volume_ml


def _untouched_voxels(mask: np.ndarray, by: np.ndarray) -> int:
    """Voxels of those components of `mask` that `by` does not touch."""
    import cc3d

    labels, count = cc3d.connected_components(
        np.ascontiguousarray(mask), connectivity=AUTOPET_CONNECTIVITY, return_N=True
    )
    sizes = np.bincount(labels[mask], minlength=count + 1)
    touched = np.bincount(labels[mask & by], minlength=count + 1) > 0
    return int(sizes[~touched].sum())
