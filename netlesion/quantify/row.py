"""The row of the lesion table: every value that is kept of one lesion, with its unit in the column's name.

A row knows no image. What needs something that a case did not have (a probability map, a CT, an organ map, a height) is
None, written n/a: never a default.

Source: clinical.md 2.1-2.5, 5.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any


def _column(unit: str | None, description: str, **default: Any) -> Any:
    units = {} if unit is None else {"Units": unit}
    return field(metadata={"Description": description, **units}, **default)


def _number(unit: str, description: str) -> Any:
    return _column(unit, description, default=None)


def _text(description: str) -> Any:
    return _column(None, description, default=None)


@dataclass(frozen=True)
class LesionRow:
    """What is measured of one lesion; score is its highest probability, None without a probability map."""

    lesion_id: int = _column("1", "Label of the lesion in the label map, from 1")
    num_voxels: int = _column("1", "Voxels of the lesion on the native PET grid")
    volume_ml: float = _column("ml", "Voxels times |det(affine)|: MTV for FDG, SRETV for SSTR tracers")
    suvmax_g_per_ml: float = _column("g/ml", "Highest SUVbw in the lesion, not interpolated")
    suvmean_g_per_ml: float = _column("g/ml", "Mean SUVbw in the lesion's mask")
    suvpeak_g_per_ml: float = _column(
        "g/ml", "Highest mean SUVbw of a 1 ml sphere centred in the lesion, voxels weighted by the fraction inside"
    )
    score: float | None = _column("1", "Highest lesion probability in the lesion; n/a without a probability map")
    centroid_x_mm: float = _column("mm", "Mean position of the lesion's voxels, RAS+ x (to the right)")
    centroid_y_mm: float = _column("mm", "Mean position of the lesion's voxels, RAS+ y (anterior)")
    centroid_z_mm: float = _column("mm", "Mean position of the lesion's voxels, RAS+ z (superior)")

    score_p95: float | None = _number("1", "95th percentile of the lesion probability; n/a without a probability map")
    hottest_x_mm: float | None = _number("mm", "Position of the hottest voxel, RAS+ x; the first of equals")
    hottest_y_mm: float | None = _number("mm", "Position of the hottest voxel, RAS+ y")
    hottest_z_mm: float | None = _number("mm", "Position of the hottest voxel, RAS+ z")
    suvpeak_local_g_per_ml: float | None = _number("g/ml", "Mean SUVbw of the 1 ml sphere on the hottest voxel")
    suvpeak_ibsi_g_per_ml: float | None = _number(
        "g/ml", "Global intensity peak of IBSI (0F91): voxels whose centre is within 6.2 mm, without shares"
    )
    total_uptake_g: float | None = _number("g", "SUVbw times volume, summed: TLG for FDG, TLSRE for SSTR tracers")
    suvsd_g_per_ml: float | None = _number("g/ml", "Standard deviation of SUVbw over the mask")
    cov: float | None = _number("1", "suvsd over suvmean")
    skewness: float | None = _number("1", "Third standardised moment of SUVbw; n/a where all voxels are equal")
    excess_kurtosis: float | None = _number("1", "Fourth standardised moment less 3; n/a where all voxels are equal")
    auc_csh: float | None = _number(
        "1", "Area under the cumulative SUV-volume histogram, lower where more heterogeneous; n/a below 10 voxels"
    )

    sulmax_g_per_ml: float | None = _number("g/ml", "SUVmax by lean body mass (Janmahasatian); n/a where unknown")
    sulmean_g_per_ml: float | None = _number("g/ml", "SUVmean by lean body mass (Janmahasatian)")
    sulpeak_g_per_ml: float | None = _number("g/ml", "SUVpeak by lean body mass (Janmahasatian)")

    volume_fixed4_ml: float | None = _number("ml", "Voxels of the mask of SUVbw at least 4.0")
    volume_rel41_ml: float | None = _number("ml", "Voxels of the mask of at least 41 % of the SUVmax of their basin")
    volume_rel45_grown_ml: float | None = _number(
        "ml", "At least 45 % of the SUVmax of their basin, grown from it inside the mask and one voxel around it"
    )
    suvmean_rel45_g_per_ml: float | None = _number("g/ml", "Mean SUVbw of that 45 % volume")
    volume_adaptive_ml: float | None = _number(
        "ml", "Voxels of the mask above the middle of local background and SUVmax; n/a without a local background"
    )
    num_peaks: int | None = _number(
        "1", "Peaks at least 12 mm apart with a saddle at least 25 % below the lower: more than 1 is confluent disease"
    )
    pet_long_axis_mm: float | None = _number("mm", "Longest extent of the PET mask in an axial slice; not for RECIST")
    pet_short_axis_mm: float | None = _number("mm", "Extent of the PET mask across it in that slice; not for RECIST")
    pet_longest_mm: float | None = _number("mm", "Longest extent of the PET mask in any direction; not for RECIST")
    depth_mm: float | None = _number("mm", "Distance of the hottest point to the nearest skin, by CT, else by PET")

    background_g_per_ml: float | None = _number(
        "g/ml",
        "Mean SUVbw 5 to 15 mm outside the mask, without other lesions and hot organs that do not hold the lesion",
    )
    background_sd_g_per_ml: float | None = _number("g/ml", "Standard deviation of SUVbw there")
    background_ratio_max: float | None = _number("1", "SUVmax over the mean of the local background")
    background_ratio_mean: float | None = _number("1", "SUVmean over the mean of the local background")
    liver_ratio_max: float | None = _number("1", "SUVmax over the liver's SUVmean (tlr_max)")
    liver_ratio_mean: float | None = _number("1", "SUVmean over the liver's SUVmean (tlr_mean)")
    liver_ratio_peak: float | None = _number("1", "SUVpeak over the liver's SUVpeak")
    spleen_ratio_max: float | None = _number("1", "SUVmax over the spleen's SUVmean")
    spleen_ratio_mean: float | None = _number("1", "SUVmean over the spleen's SUVmean")
    spleen_ratio_peak: float | None = _number("1", "SUVpeak over the spleen's SUVpeak")
    blood_pool_ratio_max: float | None = _number("1", "SUVmax over the blood pool's SUVmean")
    blood_pool_ratio_mean: float | None = _number("1", "SUVmean over the blood pool's SUVmean")
    blood_pool_ratio_peak: float | None = _number("1", "SUVpeak over the blood pool's SUVpeak")

    ct_hu_mean: float | None = _number("HU", "Mean CT number where the lesion lies; n/a without a CT")
    mr_t1_ratio: float | None = _number("1", "T1 MR signal where the lesion lies over that 5 to 15 mm around it")
    mr_t2_ratio: float | None = _number("1", "T2 MR signal where the lesion lies over that 5 to 15 mm around it")

    region: str | None = _text("Region of the body by the organ map (clinical.md 5.3); n/a without one")
    region_confidence: float | None = _number("1", "Fraction of the lesion in its region less that in the next")
    runner_up: str | None = _text("The next region; n/a where there is none")
    organ: str | None = _text("The organ that holds most of the lesion; n/a outside every organ")
    bone: str | None = _text("Of a bone lesion the bone, with its level and side")
    station: str | None = _text("Of a node the lymph-node station")
    region_flag: str | None = _text("liver_dome_or_lung, where breathing may have moved a lesion between the two")


#: Columns that hold whole numbers, and those that hold words; all others hold numbers.
WHOLE = tuple(f.name for f in fields(LesionRow) if f.type in ("int", "int | None"))
WORDS = tuple(f.name for f in fields(LesionRow) if f.type == "str | None")
#: Columns that every table of lesions had from the start; the others are n/a where a table does not have them.
FIRST = tuple(f.name for f in fields(LesionRow))[:10]
#: The data dictionary of lesions.tsv; its keys are the columns, in order.
COLUMNS: Mapping[str, Mapping[str, str]] = {f.name: dict(f.metadata) for f in fields(LesionRow)} | {
    "case": {"Description": "The PET measured: patient, session and tracer"}
}
