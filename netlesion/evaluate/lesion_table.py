"""What is known of reference lesions beside their masks: region and type, from a table.

Columns case and lesion_id, and region, lesion_type or both; tab-separated. lesion_id is the label in the reference
mask; of a 0/1 mask it is the lesion's rank in size, from 1. Knows nothing about images.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from netlesion.errors import CohortError

NAMES = ("region", "lesion_type")


@dataclass(frozen=True)
class LesionFacts:
    """Lesion id -> region, and lesion id -> type, of one case."""

    regions: Mapping[int, str]
    lesion_types: Mapping[int, str]


def read_lesion_facts(path: str | Path) -> dict[str, LesionFacts]:
    """Case -> what the table says of its lesions; raises CohortError for a missing file or column or a bad id."""
    path = Path(path)
    if not path.is_file():
        raise CohortError(f"{path}: no such file; expected columns case, lesion_id and region or lesion_type")
    found: dict[str, dict[str, dict[int, str]]] = {}
    with path.open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t")
        names = rows.fieldnames or ()
        if not {"case", "lesion_id"} <= set(names) or not set(NAMES) & set(names):
            raise CohortError(f"{path}: has columns {', '.join(names)}; expected case, lesion_id, region, lesion_type")
        for number, row in enumerate(rows, start=2):
            try:
                lesion = int(row["lesion_id"])
            except (TypeError, ValueError) as error:
                raise CohortError(
                    f"{path}, line {number}: lesion_id is {row['lesion_id']!r}, expected a whole number"
                ) from error
            of_case = found.setdefault(row["case"], {name: {} for name in NAMES})
            if any(lesion in of_case[name] for name in NAMES):
                raise CohortError(f"{path}, line {number}: lesion {lesion} of {row['case']} is there twice")
            for name in NAMES:
                if row.get(name) not in ("", "n/a", None):
                    of_case[name][lesion] = row[name]
    return {case: LesionFacts(of["region"], of["lesion_type"]) for case, of in found.items()}
