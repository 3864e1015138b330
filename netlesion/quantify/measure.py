"""Measuring lesions: a PET in SUVbw and a label map on its native grid -> one row for each lesion (clinical.md 2).

The scan is passed over once, to find the lesions' voxels; everything else costs what the lesions cost.
"""

from __future__ import annotations

import numpy as np

from netlesion.errors import QuantityError
from netlesion.image.volume import Quantity, Volume
from netlesion.quantify.instances import voxels_by_label
from netlesion.quantify.intensity import auc_csh, moments
from netlesion.quantify.peak import sphere_kernel, sphere_means
from netlesion.quantify.row import LesionRow
from netlesion.quantify.table import LesionTable


def measure(suv: Volume, lesions: Volume, probability: Volume | None = None) -> LesionTable:
    """Measures every lesion of a label map on the native PET grid.

    Args:
        suv: PET (I, J, K) in SUVbw, g/ml.
        lesions: Label map of the same grid, one label for each lesion.
        probability: Lesion probability on the same grid, for the score.

    Returns:
        One row for each label, in label order; no lesion gives no row.

    Raises:
        QuantityError: unless `suv` is SUVBW.
        GeometryError: unless all share one grid.

    Example:
        >>> pet = nl.read_volume("pet_suv.nii.gz", nl.Quantity.SUVBW)
        >>> for lesion in nl.measure(pet, nl.read_volume("mask.nii.gz", nl.Quantity.LABEL)):
        ...     print(lesion.lesion_id, lesion.num_voxels, round(lesion.volume_ml, 3), lesion.suvmax_g_per_ml)
        1 2 0.096 9.0
    """
    if suv.quantity is not Quantity.SUVBW:
        raise QuantityError(f"lesions are measured in SUVbw, not in {suv.quantity.name}; convert the PET first")
    suv.geometry.require_same_grid(lesions.geometry, "the PET", "the lesion mask")
    if probability is not None:
        suv.geometry.require_same_grid(probability.geometry, "the PET", "the probability map")
    kernels = sphere_kernel(suv.geometry.spacing_mm), sphere_kernel(suv.geometry.spacing_mm, "ibsi_centre")
    rows = []
    for label, voxels_N3 in voxels_by_label(lesions.array):
        rows.append(_row(label, voxels_N3, suv, probability, kernels))
    return LesionTable(rows)


def _row(
    label: int, voxels_N3: np.ndarray, suv: Volume, probability: Volume | None, kernels: tuple[np.ndarray, np.ndarray]
) -> LesionRow:
    at = tuple(voxels_N3.T)
    values = suv.array[at].astype(np.float64)
    scores = None if probability is None else probability.array[at]
    hottest = int(values.argmax())
    centroid, hottest_mm = suv.geometry.to_world(np.stack([voxels_N3.mean(axis=0), voxels_N3[hottest]])).tolist()
    fractional = sphere_means(suv.array, voxels_N3, kernels[0])
    centre_rule = sphere_means(suv.array, voxels_N3, kernels[1], "leave_out")
    spread = moments(values)
    volume_ml = len(values) * suv.geometry.voxel_volume_ml
    return LesionRow(
        lesion_id=label,
        num_voxels=len(values),
        volume_ml=volume_ml,
        suvmax_g_per_ml=float(values[hottest]),
        suvmean_g_per_ml=spread.mean,
        suvpeak_g_per_ml=float(fractional.max()),
        score=None if scores is None else float(scores.max()),
        centroid_x_mm=centroid[0],
        centroid_y_mm=centroid[1],
        centroid_z_mm=centroid[2],
        score_p95=None if scores is None else float(np.percentile(scores, 95)),
        hottest_x_mm=hottest_mm[0],
        hottest_y_mm=hottest_mm[1],
        hottest_z_mm=hottest_mm[2],
        suvpeak_local_g_per_ml=float(fractional[values == values[hottest]].max()),
        suvpeak_ibsi_g_per_ml=float(centre_rule.max()),
        total_uptake_g=spread.mean * volume_ml,
        suvsd_g_per_ml=spread.sd,
        cov=spread.cov,
        skewness=spread.skewness,
        excess_kurtosis=spread.excess_kurtosis,
        auc_csh=auc_csh(values),
    )
