"""Challenge metrics as their organisers coded them, for comparison with published numbers.

Takes binary masks on one grid (and the volume of a voxel); returns one number each, NaN where the challenge
leaves the case out of its mean. `autopet_*` is autoPET III/IV, `autopet1_*` is I/II. Connectivity is 18 and not a
setting: another value would be another metric. One shared voxel makes a component "detected", so these are lenient,
and one prediction that bridges everything has FPV 0. That is how they are defined; `match` holds the strict ones.
The voxel volume is |det| of the affine and not the product of header zooms, the one deviation from the scripts.

Source: clinical.md 8.1, with ClinicalDataScience/autoPETIII evaluation_metrics.py, lab-midas/autoPETCTIV,
lab-midas/autoPET val_script.py, Peter-MacCallum-Cancer-Centre/DEEP-PSMA evaluation.py, BioMedIA-MBZUAI HECKTOR 2025.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netlesion.evaluate.case.foreground import Foreground, foreground
from netlesion.evaluate.case.overlap import binary_pair, dice
from netlesion.evaluate.case.surface import SurfaceVoxels, surface_voxels

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
    return untouched_voxels(foreground(challenge_components(mask)), by)


def challenge_components(mask: np.ndarray) -> np.ndarray:
    """The 18-connected components of a binary mask, as labels."""
    import cc3d

    return cc3d.connected_components(np.ascontiguousarray(mask), connectivity=AUTOPET_CONNECTIVITY)


def untouched_voxels(components: Foreground, by: np.ndarray) -> int:
    """Voxels of those components that the mask or label map `by` does not touch."""
    touched = np.bincount(components.owner_N[components.at(by) != 0], minlength=len(components.ids_L))
    return int(components.sizes_L[touched == 0].sum())


def autopet1_dice(reference: np.ndarray, prediction: np.ndarray) -> float:
    """autoPET I/II: Dice of the non-zero voxels; NaN (0/0) when both masks are empty, 0 when one is."""
    reference, prediction = binary_pair(reference, prediction)
    return dice(reference, prediction) if reference.any() or prediction.any() else float("nan")


def autopet1_fpv_ml(reference: np.ndarray, prediction: np.ndarray, *, voxel_volume_ml: float) -> float:
    """autoPET I/II: the same as in III/IV."""
    return autopet_fpv_ml(reference, prediction, voxel_volume_ml=voxel_volume_ml)


def autopet1_fnv_ml(reference: np.ndarray, prediction: np.ndarray, *, voxel_volume_ml: float) -> float:
    """autoPET I/II: as in III/IV, but 0.0 and not NaN when the reference is empty (it enters the mean)."""
    reference, prediction = binary_pair(reference, prediction)
    return _untouched_voxels(reference, by=prediction) * voxel_volume_ml


def deep_psma_surface_dice(reference: np.ndarray, prediction: np.ndarray) -> float:
    """DEEP-PSMA: share of contour voxels that lie exactly on the other contour; NaN when both are empty.

    A contour voxel has a face neighbour outside the mask within the image: none is drawn at the image's border,
    so give whole images. A shift by one voxel can bring this near 0; `nsd_2mm` is the tolerant metric.
    """
    reference, prediction = binary_pair(reference, prediction)
    return contour_dice(surface_voxels(foreground(reference)), surface_voxels(foreground(prediction)))


def contour_dice(reference: SurfaceVoxels, prediction: SurfaceVoxels) -> float:
    """The same from surfaces that were found already."""
    on_g, on_p = (s.index_N3[s.inside_N] for s in (reference, prediction))
    total = len(on_g) + len(on_p)
    shared = len(np.unique(np.concatenate([on_g, on_p]), axis=0))
    return 2 * (total - shared) / total if total else float("nan")


def deep_psma_suv_mean_ratio(reference: np.ndarray, prediction: np.ndarray, suv: np.ndarray) -> float:
    """DEEP-PSMA: mean SUV of the predicted voxels over that of the reference's; NaN when either mask is empty."""
    reference, prediction = binary_pair(reference, prediction)
    if not reference.any() or not prediction.any():
        return float("nan")
    below = float(suv[reference].mean(dtype=np.float64))
    return float(suv[prediction].mean(dtype=np.float64)) / below if below > 0 else float("nan")


def deep_psma_volume_ratio(reference: np.ndarray, prediction: np.ndarray) -> float:
    """DEEP-PSMA ttb_volume_ratio: |P| / |G|; NaN when the reference is empty. It says nothing about where."""
    reference, prediction = binary_pair(reference, prediction)
    return np.count_nonzero(prediction) / np.count_nonzero(reference) if reference.any() else float("nan")


def hecktor_dice_aggregated(shared: Sequence[int], reference: Sequence[int], prediction: Sequence[int]) -> float:
    """HECKTOR: 2 sum of shared voxels / sum of both masks' voxels over all cases; 1.0 for masks empty everywhere."""
    total = sum(reference) + sum(prediction)
    return 2 * sum(shared) / total if total else 1.0


def hecktor_f1_aggregated(true: Sequence[int], false_positive: Sequence[int], false_negative: Sequence[int]) -> float:
    """HECKTOR: F1 of the lesion counts summed over all cases; 1.0 when there is no lesion at all.

    What counts as found is this project's criterion (`match`): the challenge's was not at hand.
    """
    total = 2 * sum(true) + sum(false_positive) + sum(false_negative)
    return 2 * sum(true) / total if total else 1.0
