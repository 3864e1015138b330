"""What is known of reference lesions beside their masks, from a table: region, type, and what their truth rests on.

Tab-separated: case, lesion_id, and any of region, lesion_type, reference_standard (histology, followup,
consensus_multimodality, same_modality_reader) and reference_source (the test, reader or model that made it).
lesion_id is the label in the reference mask; of a 0/1 mask it is the lesion's rank in size, from 1. Knows nothing
about images. Source: clinical.md 8.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from netlesion.errors import CohortError
from netlesion.evaluate.case.reference_standard import ReferenceStandard
from netlesion.io.table_file import read_table

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
    table = read_table(path, ("case", "lesion_id"))
    if not set(NAMES) & set(table.columns):
        raise CohortError(
            f"{path}: has columns {', '.join(table.columns)}; expected case, lesion_id and any of {', '.join(NAMES)}"
        )
    for row in table.rows:
        lesion, case = row.whole("lesion_id"), row.text("case")
        if lesion is None or case is None:
            raise CohortError(f"{row.where}: no case or no lesion_id; expected both")
        facts = LesionFacts(**{name: row.text(name) or "" for name in NAMES})
        if facts.reference_standard and facts.reference_standard not in STANDARDS:
            raise CohortError(
                f"{row.where}: reference_standard is {facts.reference_standard!r}, "
                f"expected one of {', '.join(STANDARDS)}"
            )
        if lesion in found.setdefault(case, {}):
            raise CohortError(f"{row.where}: lesion {lesion} of {case} is there twice")
        found[case][lesion] = facts
    return found
