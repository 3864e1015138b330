"""The uptake of normal organs that lesions are compared with: liver, spleen, blood pool, marrow and muscle.

The types and their table on disk. An organ that cannot be had is missing with a reason, never a default. How an organ
is found is the business of `reference_map` (an organ map) and `reference_estimate` (none).

Source: clinical.md 2.5.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from netlesion.io.table_file import read_table
from netlesion.output.tables import write_table

#: Organs in the order of tables; marrow and muscle are for quality control only.
REFERENCE_ORGANS = ("liver", "spleen", "blood_pool", "marrow", "muscle")
#: Where a region of interest comes from.
ORGAN_MAP, ESTIMATE = "organ map", "estimate"


@dataclass(frozen=True)
class ReferenceOrgan:
    """SUVbw of one organ's region of interest.

    Args:
        mean, sd, peak: g/ml over the region; peak is the highest 1 ml sphere centred in it, to compare SUVpeak with.
        volume_ml: Of the region.
        centre_mm: Its mean position, RAS+ mm.
        source: "organ map" or "estimate".
        flags: What is doubtful about it, in words; empty where nothing is.
    """

    mean: float
    sd: float
    peak: float
    volume_ml: float
    centre_mm: tuple[float, float, float]
    source: str
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReferenceOrgans:
    """The reference organs of one PET.

    Args:
        found: Organ (REFERENCE_ORGANS) -> its region of interest.
        missing: Organ -> why it cannot be had, for every organ that is not found.
    """

    found: Mapping[str, ReferenceOrgan] = field(default_factory=dict[str, ReferenceOrgan])
    missing: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def liver(self) -> ReferenceOrgan | None:
        return self.found.get("liver")

    @property
    def spleen(self) -> ReferenceOrgan | None:
        return self.found.get("spleen")

    @property
    def blood_pool(self) -> ReferenceOrgan | None:
        return self.found.get("blood_pool")

    def why_not(self, organ: str) -> str | None:
        """The reason that an organ is missing; None where it is found."""
        return None if organ in self.found else self.missing.get(organ, "it was not measured")


#: The data dictionary of reference_organs.tsv; its keys are the columns, in order.
COLUMNS: Mapping[str, Mapping[str, str]] = {
    "case": {"Description": "The PET measured: patient, session and tracer"},
    "organ": {"Description": "liver, spleen, blood_pool (thoracic aorta), marrow (L1-L3) or muscle (gluteus maximus)"},
    "mean_g_per_ml": {"Description": "Mean SUVbw of the organ's region of interest", "Units": "g/ml"},
    "sd_g_per_ml": {"Description": "Standard deviation of SUVbw over it", "Units": "g/ml"},
    "peak_g_per_ml": {"Description": "Highest mean SUVbw of a 1 ml sphere centred in it", "Units": "g/ml"},
    "volume_ml": {"Description": "Its volume", "Units": "ml"},
    "centre_x_mm": {"Description": "Its mean position, RAS+ x (to the right)", "Units": "mm"},
    "centre_y_mm": {"Description": "Its mean position, RAS+ y (anterior)", "Units": "mm"},
    "centre_z_mm": {"Description": "Its mean position, RAS+ z (superior)", "Units": "mm"},
    "source": {"Description": "organ map, or estimate from PET and CT alone"},
    "flags": {"Description": "What is doubtful about it, separated by semicolons"},
    "missing": {"Description": "Why the organ cannot be had, where it has no numbers"},
}


def write_references(path: str | Path, by_case: Mapping[str, ReferenceOrgans]) -> None:
    """reference_organs.tsv, one row for each case and organ, and its data dictionary (BIDS)."""
    write_table(path, tuple(COLUMNS), (row for case, organs in by_case.items() for row in _rows(case, organs)), COLUMNS)


def read_references(path: str | Path) -> dict[str, ReferenceOrgans]:
    """Case -> reference organs of a table that `write_references` wrote; CohortError for a broken one."""
    found: dict[str, dict[str, ReferenceOrgan]] = {}
    missing: dict[str, dict[str, str]] = {}
    for row in read_table(path, tuple(COLUMNS)).rows:
        case, organ = row.cells["case"], row.cells["organ"]
        numbers = [row.number(name) for name in COLUMNS if name.endswith(("_g_per_ml", "_ml", "_mm"))]
        found.setdefault(case, {})
        missing.setdefault(case, {})
        mean, sd, peak, volume_ml, x, y, z = numbers
        if mean is None or sd is None or peak is None or volume_ml is None or x is None or y is None or z is None:
            missing[case][organ] = row.text("missing") or "it was not measured"
            continue
        flags = tuple((row.text("flags") or "").split("; ")) if row.text("flags") else ()
        found[case][organ] = ReferenceOrgan(mean, sd, peak, volume_ml, (x, y, z), row.text("source") or "n/a", flags)
    return {case: ReferenceOrgans(found[case], missing[case]) for case in found}


def _rows(case: str, organs: ReferenceOrgans) -> Iterable[dict[str, str | float | None]]:
    for name in REFERENCE_ORGANS:
        organ = organs.found.get(name)
        row: dict[str, str | float | None] = dict.fromkeys(COLUMNS)
        row |= {"case": case, "organ": name, "missing": organs.why_not(name)}
        if organ is not None:
            x, y, z = organ.centre_mm
            row |= {
                "mean_g_per_ml": organ.mean,
                "sd_g_per_ml": organ.sd,
                "peak_g_per_ml": organ.peak,
                "volume_ml": organ.volume_ml,
                "centre_x_mm": x,
                "centre_y_mm": y,
                "centre_z_mm": z,
                "source": organ.source,
                "flags": "; ".join(organ.flags),
            }
        yield row
