"""The lesion table: one row per lesion, every value with its unit in the column's name, and its dictionary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from netlesion.errors import CohortError, QuantityError
from netlesion.image.volume import Quantity, Volume
from netlesion.io.table_file import read_table
from netlesion.output.atomic import write_json, write_text
from netlesion.output.html import row_table
from netlesion.output.tables import tsv
from netlesion.quantify.instances import bounding_box
from netlesion.quantify.peak import sphere_kernel, sphere_means

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class LesionRow:
    """What is measured of one lesion; score is its highest probability, None without a probability map."""

    lesion_id: int
    num_voxels: int
    volume_ml: float
    suvmax_g_per_ml: float
    suvmean_g_per_ml: float
    suvpeak_g_per_ml: float
    score: float | None
    centroid_x_mm: float
    centroid_y_mm: float
    centroid_z_mm: float


COLUMNS: Mapping[str, Mapping[str, str]] = {
    "lesion_id": {"Description": "Label of the lesion in the label map, from 1", "Units": "1"},
    "num_voxels": {"Description": "Voxels of the lesion on the native PET grid", "Units": "1"},
    "volume_ml": {"Description": "Voxels times |det(affine)|: MTV for FDG, SRETV for SSTR tracers", "Units": "ml"},
    "suvmax_g_per_ml": {"Description": "Highest SUVbw in the lesion, not interpolated", "Units": "g/ml"},
    "suvmean_g_per_ml": {"Description": "Mean SUVbw in the lesion's mask", "Units": "g/ml"},
    "suvpeak_g_per_ml": {
        "Description": "Highest mean SUVbw of a 1 ml sphere centred in the lesion, voxels weighted by the share inside",
        "Units": "g/ml",
    },
    "score": {"Description": "Highest lesion probability in the lesion; n/a without a probability map", "Units": "1"},
    "centroid_x_mm": {"Description": "Mean position of the lesion's voxels, RAS+ x (to the right)", "Units": "mm"},
    "centroid_y_mm": {"Description": "Mean position of the lesion's voxels, RAS+ y (anterior)", "Units": "mm"},
    "centroid_z_mm": {"Description": "Mean position of the lesion's voxels, RAS+ z (superior)", "Units": "mm"},
    "case": {"Description": "The PET measured: patient, session and tracer"},
}


class LesionTable(tuple[LesionRow, ...]):
    """The lesions of one PET, one row each; a notebook shows them as a table."""

    __slots__ = ()

    def frame(self) -> DataFrame | LesionTable:
        """A pandas DataFrame with the fields of `LesionRow` as columns where pandas is installed, else these rows."""
        try:
            from pandas import DataFrame
        except ImportError:
            return self
        return DataFrame([asdict(row) for row in self], columns=[f.name for f in fields(LesionRow)])

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        cells = [[_cell(v) for v in asdict(row).values()] for row in self]
        return row_table(f"{len(self)} lesions", [f.name for f in fields(LesionRow)], cells)


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
    kernel = sphere_kernel(suv.geometry.spacing_mm)
    box = bounding_box(lesions.array)
    labels, corner = np.ascontiguousarray(lesions.array[box], dtype=np.int32), [s.start for s in box]
    rows = []
    for label, part in enumerate(ndimage.find_objects(labels), start=1):
        if part is not None:
            voxels = np.argwhere(labels[part] == label) + [s.start for s in part] + corner
            rows.append(_row(label, voxels, suv, probability, kernel))
    return LesionTable(rows)


def _row(label: int, voxels: np.ndarray, suv: Volume, probability: Volume | None, kernel: np.ndarray) -> LesionRow:
    at = tuple(voxels.T)
    values = suv.array[at].astype(np.float64)
    x, y, z = suv.geometry.to_world(voxels.mean(axis=0)[None])[0]
    return LesionRow(
        lesion_id=label,
        num_voxels=len(voxels),
        volume_ml=len(voxels) * suv.geometry.voxel_volume_ml,
        suvmax_g_per_ml=float(values.max()),
        suvmean_g_per_ml=float(values.mean()),
        suvpeak_g_per_ml=float(sphere_means(suv.array, voxels, kernel).max()),
        score=None if probability is None else float(probability.array[at].max()),
        centroid_x_mm=float(x),
        centroid_y_mm=float(y),
        centroid_z_mm=float(z),
    )


def write_lesions(path: str | Path, rows_by_case: Mapping[str, Iterable[LesionRow]]) -> None:
    """lesions.tsv, with the case as last column, and its data dictionary lesions.json (BIDS)."""
    path = Path(path)
    names = [f.name for f in fields(LesionRow)]
    cells = ([*map(_cell, asdict(row).values()), case] for case, rows in rows_by_case.items() for row in rows)
    text = tsv([*names, "case"], cells)
    write_json(path.with_suffix(".json"), dict(COLUMNS))
    write_text(path, text)


def read_lesions(path: str | Path) -> dict[str, tuple[LesionRow, ...]]:
    """Case -> rows of a table that `write_lesions` wrote (cases without a lesion have no row)."""
    rows: dict[str, list[LesionRow]] = {}
    names = [f.name for f in fields(LesionRow)]
    for row in read_table(path, (*names, "case")).rows:
        values: dict[str, Any] = {name: row.number(name) for name in names}
        values |= {name: row.whole(name) for name in ("lesion_id", "num_voxels")}
        missing = [name for name, value in values.items() if value is None and name != "score"]
        if missing:
            raise CohortError(f"{row.where}: {missing[0]} is missing; only a score may be, measure the lesions again")
        rows.setdefault(row.cells["case"], []).append(LesionRow(**values))
    return {case: tuple(found) for case, found in rows.items()}


def _cell(value: float | int | None) -> str:
    if value is None:
        return "n/a"
    return str(value) if isinstance(value, int) else f"{value:.6g}"
