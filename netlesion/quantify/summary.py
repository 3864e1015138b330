"""What the lesions of one PET amount to: counts, whole-body volume and uptake, spread (clinical.md 2.2).

Takes rows of the lesion table; knows nothing about images.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.distance import pdist

from netlesion.io.table_file import read_table
from netlesion.output.tables import write_table
from netlesion.quantify.row import LesionRow
from netlesion.suv.body_size import surface_m2


def _column(unit: str, description: str, **default: Any) -> Any:
    return field(metadata={"Description": description, "Units": unit}, **default)


@dataclass(frozen=True)
class PatientSummary:
    """The disease of one patient as one PET shows it. None (written n/a) where there is no lesion or no body size."""

    num_lesions: int = _column("1", "Lesions")
    volume_ml: float = _column("ml", "Volume of all lesions: whole-body MTV for FDG, WB-SRETV for SSTR tracers")
    total_uptake_g: float = _column("g", "SUVbw times volume of all lesions: whole-body TLG, or WB-TLSRE")
    suvmax_g_per_ml: float | None = _column("g/ml", "Highest SUVmax of all lesions")
    min_suvmean_g_per_ml: float | None = _column("g/ml", "Lowest SUVmean of all lesions")
    dmax_mm: float | None = _column("mm", "Largest distance of two lesions' centroids; 0 with one, n/a with none")
    sdmax_per_m: float | None = _column("1/m", "dmax over body surface (Du Bois); n/a without weight and height")


#: The data dictionary of patients.tsv; its keys are the columns, in order.
COLUMNS: Mapping[str, Mapping[str, str]] = {
    "case": {"Description": "The PET measured: patient, session and tracer"},
    **{f.name: dict(f.metadata) for f in fields(PatientSummary)},
}


def summarise(
    rows: Sequence[LesionRow], weight_kg: float | None = None, height_cm: float | None = None
) -> PatientSummary:
    """The summary of one PET's lesions; weight and height for sdmax_per_m."""
    centroids = np.array([[row.centroid_x_mm, row.centroid_y_mm, row.centroid_z_mm] for row in rows])
    dmax = None if not rows else float(pdist(centroids).max(initial=0.0))
    surface = None if weight_kg is None or height_cm is None else surface_m2(weight_kg, height_cm)
    return PatientSummary(
        num_lesions=len(rows),
        volume_ml=sum(row.volume_ml for row in rows),
        total_uptake_g=sum(row.suvmean_g_per_ml * row.volume_ml for row in rows),
        suvmax_g_per_ml=max((row.suvmax_g_per_ml for row in rows), default=None),
        min_suvmean_g_per_ml=min((row.suvmean_g_per_ml for row in rows), default=None),
        dmax_mm=dmax,
        sdmax_per_m=None if dmax is None or surface is None else dmax / 1000.0 / surface,
    )


def write_summaries(path: str | Path, by_case: Mapping[str, PatientSummary]) -> None:
    """patients.tsv, one row for each case, and its data dictionary (BIDS)."""
    rows: Iterable[dict[str, Any]] = ({"case": case, **vars(summary)} for case, summary in by_case.items())
    write_table(path, tuple(COLUMNS), rows, COLUMNS)


def read_summaries(path: str | Path) -> dict[str, PatientSummary]:
    """Case -> summary of a table that `write_summaries` wrote; CohortError, with the line, for a broken one."""
    found = {}
    for row in read_table(path, tuple(COLUMNS)).rows:
        values: dict[str, Any] = {f.name: row.number(f.name) for f in fields(PatientSummary)}
        values["num_lesions"] = row.whole("num_lesions")
        found[row.cells["case"]] = PatientSummary(**values)
    return found
