"""One table for the organ names of every segmenter: (source, label) -> organ, region of the body and SNOMED CT code.

`region_map.tsv` lists every label of TotalSegmentator's CT and MR tasks (2.18), of MOOSE (3.2), of this package's
digital bodies and of the models' organ head. organ is one spelling for all of them; region is None where a label is
deliberately none (`unmapped` says why: a vessel, a muscle). Labels that two sources share mean the same in both.

Source: clinical.md 5.4, 9.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from netlesion.io.table_file import read_table

TABLE = Path(__file__).with_name("region_map.tsv")


@dataclass(frozen=True)
class Organ:
    """organ: its name in this package. snomed: SNOMED CT code without side. unmapped: why it is no region."""

    organ: str
    region: str | None
    snomed: str | None
    unmapped: str | None


@cache
def region_map() -> Mapping[tuple[str, str], Organ]:
    """(source, label) -> organ, for every label that is known."""
    rows = read_table(TABLE, ("source", "label", "organ", "region", "snomed", "unmapped")).rows
    return MappingProxyType(
        {
            (row.cells["source"], row.cells["label"]): Organ(
                row.cells["organ"], row.text("region"), row.text("snomed"), row.text("unmapped")
            )
            for row in rows
        }
    )


def organ_of(label: str) -> Organ | None:
    """The organ that a label names, whoever wrote it; None for a name that no source has."""
    return _by_label().get(label)


@cache
def _by_label() -> Mapping[str, Organ]:
    return MappingProxyType({label: organ for (_, label), organ in region_map().items()})
