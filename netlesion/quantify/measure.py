"""Measuring lesions: a PET in SUVbw and a label map on its native grid -> one row for each lesion (clinical.md 2).

The scan is passed over once, to find the lesions' voxels; everything else costs what the lesions cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from netlesion.errors import QuantityError
from netlesion.image.volume import Quantity, Volume
from netlesion.quantify.axes import pet_axes
from netlesion.quantify.box import LesionBox
from netlesion.quantify.context import HOT_ORGANS, Context
from netlesion.quantify.instances import voxels_by_label
from netlesion.quantify.intensity import auc_csh, moments
from netlesion.quantify.peak import sphere_kernel, sphere_means
from netlesion.quantify.region import LesionRegion, region_of
from netlesion.quantify.row import LesionRow
from netlesion.quantify.skin import Skin
from netlesion.quantify.table import LesionTable
from netlesion.quantify.volumes import secondary_volumes

NOTHING_KNOWN = Context()


def measure(
    suv: Volume, lesions: Volume, probability: Volume | None = None, context: Context = NOTHING_KNOWN
) -> LesionTable:
    """Measures every lesion of a label map on the native PET grid.

    Args:
        suv: PET (I, J, K) in SUVbw, g/ml.
        lesions: Label map of the same grid, one label for each lesion.
        probability: Lesion probability on the same grid, for the score.
        context: What else is known: reference organs, an organ map, CT and MR, lean mass. What is not known leaves
            the columns that need it None.

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
    case = _Case(suv, lesions.array, probability, context)
    return LesionTable(case.row(label, voxels_N3) for label, voxels_N3 in voxels_by_label(lesions.array))


@dataclass(frozen=True, eq=False)
class _Case:
    """One PET with what is known of it; what all lesions need is made once, for the first that asks."""

    suv: Volume
    labels: np.ndarray
    probability: Volume | None
    context: Context

    @cached_property
    def kernel(self) -> np.ndarray:
        return sphere_kernel(self.suv.geometry.spacing_mm)

    @cached_property
    def ibsi_kernel(self) -> np.ndarray:
        return sphere_kernel(self.suv.geometry.spacing_mm, "ibsi_centre")

    @cached_property
    def skin(self) -> Skin:
        return Skin(self.suv)

    def row(self, label: int, voxels_N3: np.ndarray) -> LesionRow:
        geometry = self.suv.geometry
        at = tuple(voxels_N3.T)
        values = self.suv.array[at].astype(np.float64)
        scores = None if self.probability is None else self.probability.array[at]
        hottest = int(values.argmax())
        centroid, hottest_mm = geometry.to_world(np.stack([voxels_N3.mean(axis=0), voxels_N3[hottest]]))
        points_mm = geometry.to_world(voxels_N3)
        volume_ml = len(values) * geometry.voxel_volume_ml
        organs = self.context.organs
        region = None if organs is None else region_of(organs, points_mm, volume_ml)
        spread = moments(values)
        means = sphere_means(self.suv.array, voxels_N3, self.kernel)
        uptake = {"max": float(values[hottest]), "mean": spread.mean, "peak": float(means.max())}
        box = LesionBox.around(self.suv.array, self.labels, label, voxels_N3, geometry)
        axes = pet_axes(voxels_N3, geometry)
        return LesionRow(
            lesion_id=label,
            num_voxels=len(values),
            volume_ml=volume_ml,
            suvmax_g_per_ml=uptake["max"],
            suvmean_g_per_ml=uptake["mean"],
            suvpeak_g_per_ml=uptake["peak"],
            score=None if scores is None else float(scores.max()),
            **_place("centroid", centroid),
            score_p95=None if scores is None else float(np.percentile(scores, 95)),
            **_place("hottest", hottest_mm),
            suvpeak_local_g_per_ml=float(means[values == values[hottest]].max()),
            suvpeak_ibsi_g_per_ml=float(sphere_means(self.suv.array, voxels_N3, self.ibsi_kernel, "leave_out").max()),
            total_uptake_g=spread.mean * volume_ml,
            suvsd_g_per_ml=spread.sd,
            cov=spread.cov,
            skewness=spread.skewness,
            excess_kurtosis=spread.excess_kurtosis,
            auc_csh=auc_csh(values),
            **self._lean(uptake),
            pet_long_axis_mm=axes.long_mm,
            pet_short_axis_mm=axes.short_mm,
            pet_longest_mm=axes.longest_mm,
            depth_mm=self._depth_mm(hottest_mm),
            **self._around(box, uptake, region, points_mm),
            **self._ratios(uptake),
            **_where(region),
        )

    def _lean(self, uptake: dict[str, float]) -> dict[str, float | None]:
        ratio = self.context.sul_per_suv
        return {f"sul{name}_g_per_ml": None if ratio is None else value * ratio for name, value in uptake.items()}

    def _depth_mm(self, point_mm: np.ndarray) -> float | None:
        ct = self.context.images.get("ct")
        skin = self.skin if ct is None else ct.skin
        point = point_mm[None] if ct is None else ct.places(point_mm[None])
        depth = skin.depth_mm(point)
        return None if depth is None else float(depth[0])

    def _around(
        self, box: LesionBox, uptake: dict[str, float], region: LesionRegion | None, points_mm: np.ndarray
    ) -> dict[str, Any]:
        """Local background, the volumes that need it, and CT and MR."""
        shell_N3 = np.argwhere(box.shell)
        around_mm = box.to_world(shell_N3)
        cold = self._not_hot(around_mm, region)
        shell = box.suv[tuple(shell_N3[cold].T)].astype(np.float64)
        mean = float(shell.mean()) if len(shell) else None
        volumes = secondary_volumes(box, mean)
        ct = self.context.images.get("ct")
        return {
            "background_g_per_ml": mean,
            "background_sd_g_per_ml": float(shell.std()) if len(shell) else None,
            "background_ratio_max": _ratio(uptake["max"], mean),
            "background_ratio_mean": _ratio(uptake["mean"], mean),
            "volume_fixed4_ml": volumes.fixed4_ml,
            "volume_rel41_ml": volumes.rel41_ml,
            "volume_rel45_grown_ml": volumes.rel45_grown_ml,
            "suvmean_rel45_g_per_ml": volumes.rel45_suvmean,
            "volume_adaptive_ml": volumes.adaptive_ml,
            "num_peaks": volumes.num_basins,
            "ct_hu_mean": None if ct is None else ct.mean_at(points_mm),
            "mr_t1_ratio": self._mr_ratio("mr_t1", points_mm, around_mm),
            "mr_t2_ratio": self._mr_ratio("mr_t2", points_mm, around_mm),
        }

    def _not_hot(self, around_mm: np.ndarray, region: LesionRegion | None) -> np.ndarray:
        """(N,) bool: places outside the organs of much normal uptake, but for the one that holds the lesion."""
        organs = self.context.organs
        if organs is None or not len(around_mm):
            return np.ones(len(around_mm), dtype=bool)
        own = None if region is None else region.organ
        hot = [
            label
            for label, organ in organs.organ_of_label.items()
            if organ.startswith(HOT_ORGANS[self.context.tracer]) and organ != own
        ]
        return ~np.isin(organs.labels_near(around_mm, 0.0)[:, 0], hot)

    def _mr_ratio(self, channel: str, points_mm: np.ndarray, around_mm: np.ndarray) -> float | None:
        image = self.context.images.get(channel)
        if image is None:
            return None
        inside, outside = image.mean_at(points_mm), image.mean_at(around_mm)
        return None if inside is None else _ratio(inside, outside)

    def _ratios(self, uptake: dict[str, float]) -> dict[str, float | None]:
        """Like compared with like, mean with mean and peak with peak; SUVmax with the mean, as papers do."""
        found = {}
        for name in ("liver", "spleen", "blood_pool"):
            organ = self.context.references.found.get(name)
            mean, peak = (None, None) if organ is None else (organ.mean, organ.peak)
            found[f"{name}_ratio_max"] = _ratio(uptake["max"], mean)
            found[f"{name}_ratio_mean"] = _ratio(uptake["mean"], mean)
            found[f"{name}_ratio_peak"] = _ratio(uptake["peak"], peak)
        return found


def _ratio(value: float, reference: float | None) -> float | None:
    return None if reference is None or reference <= 0 else value / reference


def _place(name: str, point_mm: np.ndarray) -> dict[str, float]:
    return {f"{name}_{axis}_mm": float(value) for axis, value in zip("xyz", point_mm, strict=True)}


def _where(region: LesionRegion | None) -> dict[str, Any]:
    if region is None:
        return {}
    return {
        "region": region.name,
        "region_confidence": region.confidence,
        "runner_up": region.runner_up,
        "organ": region.organ,
        "bone": region.bone,
        "station": region.station,
        "region_flag": region.flag,
    }
