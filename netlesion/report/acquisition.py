"""How a PET was acquired and how its SUV was made, as rows of name and value for a page.

Takes what the side-car and the SUV rules say (clinical.md 1.3); a fact that is not known is said to be so.
"""

from __future__ import annotations

from netlesion.image.visit import Acquisition
from netlesion.io.bids.pet import sidecar_of
from netlesion.report.results_folder import PetResult, VisitResult

UNKNOWN = "not stated"


def acquisition_rows(visit: VisitResult, pet: PetResult, found: Acquisition | None) -> list[tuple[str, str]]:
    """Name and value of every fact; empty without the cohort."""
    if found is None or visit.files is None:
        return []
    image = visit.files.image(pet.channel)
    sidecar = sidecar_of(image.path) or {}
    scanner = " ".join(part for part in (found.manufacturer, found.model) if part)
    recon = sidecar.get("ReconMethodName")
    rows = [
        ("Tracer", str(sidecar.get("TracerName") or pet.tracer)),
        ("Radionuclide", str(sidecar.get("TracerRadionuclide") or UNKNOWN)),
        ("Scanner", scanner or UNKNOWN),
        ("Reconstruction", str(recon) if isinstance(recon, str) and recon != "n/a" else UNKNOWN),
        ("Injected activity", _number(found.dose_bq, 1e-6, "MBq", 1)),
        ("Injection to scan", _number(found.uptake_s, 1 / 60, "min", 0)),
        ("Half-life used", _number(found.half_life_s, 1 / 60, "min", 2)),
        ("Patient weight", _number(found.weight_kg, 1.0, "kg", 1)),
        ("SUV", "SUVbw, g/ml, as supplied" if found.suv_factor is None else "SUVbw, g/ml, from Bq/ml"),
        ("SUV factor", "n/a" if found.suv_factor is None else f"{found.suv_factor:.6g} g/Bq"),
        ("Reference time of decay", str(found.ref_time_source or UNKNOWN)),
        ("Registered to the visit's first PET", _placed(visit, pet)),
    ]
    return rows + [("Doubt", line) for line in found.warnings]


def _placed(visit: VisitResult, pet: PetResult) -> str:
    assert visit.files is not None
    image = visit.files.image(pet.channel)
    return "yes, by a stored transform" if image.transforms else "same frame of reference"


def _number(value: float | None, scale: float, unit: str, digits: int) -> str:
    return UNKNOWN if value is None else f"{value * scale:.{digits}f} {unit}"
