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
        "g/ml", "Highest mean SUVbw of a 1 ml sphere centred in the lesion, voxels weighted by the share inside"
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


#: Columns that hold whole numbers, and those that hold words; all others hold numbers.
WHOLE = tuple(f.name for f in fields(LesionRow) if f.type == "int")
WORDS = tuple(f.name for f in fields(LesionRow) if f.type == "str | None")
#: Columns that every table of lesions had from the start; the others are n/a where a table does not have them.
FIRST = tuple(f.name for f in fields(LesionRow))[:10]
#: The data dictionary of lesions.tsv; its keys are the columns, in order.
COLUMNS: Mapping[str, Mapping[str, str]] = {f.name: dict(f.metadata) for f in fields(LesionRow)} | {
    "case": {"Description": "The PET measured: patient, session and tracer"}
}
