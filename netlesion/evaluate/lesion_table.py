"""What is known of reference lesions beside their masks, from a table: region, type, and what their truth rests on.

Tab-separated: case, lesion_id, and any of region, lesion_type, reference_standard (histology, followup,
consensus_multimodality, same_modality_reader) and reference_source (the test, reader or model that made it).
lesion_id is the label in the reference mask; of a 0/1 mask it is the lesion's rank in size, from 1. Knows nothing
about images. Source: clinical.md 8.4.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from netlesion.errors import CohortError
from netlesion.evaluate.reference_standard import ReferenceStandard

STANDARDS = tuple(s.value for s in ReferenceStandard if s is not ReferenceStandard.UNKNOWN)


@dataclass(frozen=True)
class LesionFacts:
    """One reference lesion; an empty text where the table does not tell."""

    region: str = ""
    lesion_type: str = ""
    reference_standard: str = ""
    reference_source: str = ""


NAMES = tuple(f.name for f in fields(LesionFacts))
UNKNOWN_LESION = LesionFacts()


def read_lesion_facts(path: str | Path) -> Mapping[str, Mapping[int, LesionFacts]]:
    """Case -> lesion id -> facts.

    Raises CohortError for a missing file or column, an id that is no number or is there twice, or a reference
    standard outside the vocabulary.
    """
    path = Path(path)
    if not path.is_file():
        raise CohortError(f"{path}: no such file; expected columns case, lesion_id and any of {', '.join(NAMES)}")
    found: dict[str, dict[int, LesionFacts]] = {}
    with path.open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t")
        names = rows.fieldnames or ()
        if not {"case", "lesion_id"} <= set(names) or not set(NAMES) & set(names):
            raise CohortError(
                f"{path}: has columns {', '.join(names)}; expected case, lesion_id and any of {', '.join(NAMES)}"
            )
        for number, row in enumerate(rows, start=2):
            try:
                lesion = int(row["lesion_id"])
            except (TypeError, ValueError) as error:
                raise CohortError(
                    f"{path}, line {number}: lesion_id is {row['lesion_id']!r}, expected a whole number"
                ) from error
            facts = LesionFacts(**{name: "" if row.get(name) in ("n/a", None) else row[name] for name in NAMES})
            if facts.reference_standard and facts.reference_standard not in STANDARDS:
                raise CohortError(
                    f"{path}, line {number}: reference_standard is {facts.reference_standard!r}, "
                    f"expected one of {', '.join(STANDARDS)}"
                )
            if lesion in found.setdefault(row["case"], {}):
                raise CohortError(f"{path}, line {number}: lesion {lesion} of {row['case']} is there twice")
            found[row["case"]][lesion] = facts
    return found
