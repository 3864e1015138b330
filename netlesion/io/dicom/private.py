"""What vendors hide in private elements of a PET header: found by private creator, never by a fixed block number.

Knows the four elements that SUV needs (clinical.md 1.3): GE's and Siemens' reference time, Philips' two factors.
Notes go into side-cars, so that they repeat no text of the header: it might be a date or a name.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.valuerep import DT

from netlesion.io.vocabulary import manufacturer
from netlesion.suv.reference_time import is_vendor


@dataclass(frozen=True)
class PrivateElement:
    """One vendor's element: found by its private creator, wherever in the group its block lies."""

    group: int
    creator: str
    element: int
    vendors: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.vendors[0]} private ({self.group:04x},xx{self.element:02x})"


GE_SCAN_DATETIME = PrivateElement(0x0009, "GEMS_PETD_01", 0x0D, ("GE", "GEMS"))
SIEMENS_DECAY_DATETIME = PrivateElement(0x0071, "SIEMENS MED PT", 0x22, ("SIEMENS",))
PHILIPS_SUV_FACTOR = PrivateElement(0x7053, "Philips PET Private Group", 0x00, ("PHILIPS",))
PHILIPS_BQML_FACTOR = PrivateElement(0x7053, "Philips PET Private Group", 0x09, ("PHILIPS",))
#: First words of Manufacturer (0008,0070) that name a maker of PET scanners.
MAKERS = (
    *("GE", "GEMS", "SIEMENS", "CPS", "CTI", "PHILIPS", "ADAC", "CANON", "TOSHIBA", "UIH", "UNITED", "MEDISO"),
    *("HITACHI", "SHIMADZU"),
)
PRIVATE = (GE_SCAN_DATETIME, SIEMENS_DECAY_DATETIME, PHILIPS_SUV_FACTOR, PHILIPS_BQML_FACTOR)


def private_datetime(dataset: Dataset, private: PrivateElement, notes: list[str]) -> datetime | None:
    """A vendor's DateTime, with its UTC offset if it names one; None, with a note, for what is none."""
    text = private_text(dataset, private, notes)
    moment = None if text is None else parse_datetime(text)
    if text is not None and moment is None:
        notes.append(f"{private.name} is no DateTime; passed over")
    return moment


def private_number(dataset: Dataset, private: PrivateElement, notes: list[str]) -> float | None:
    """A vendor's number; None, with a note, for what is none."""
    text = private_text(dataset, private, notes)
    try:
        value = None if text is None else float(text)
    except ValueError:
        value = math.nan
    if value is not None and not math.isfinite(value):
        notes.append(f"{private.name} is no finite number; passed over")
        return None
    return value


def private_text(dataset: Dataset, private: PrivateElement, notes: list[str]) -> str | None:
    """A vendor's value as text, found by its private creator; None when it was stripped.

    An element whose block has lost its creator (by de-identification, and in IBSI's reference objects) is taken
    with a note, if it is the only such one and Manufacturer names no other maker of scanners.
    """
    try:
        element = dataset.private_block(private.group, private.creator)[private.element]
    except KeyError:
        element = _orphan(dataset, private, notes)
    if element is None or element.value is None:
        return None
    value = element.value
    text = value.decode("ascii", "ignore") if isinstance(value, bytes) else str(value)
    return text.strip().strip("\0") or None


def parse_datetime(text: str) -> datetime | None:
    """YYYYMMDDHHMM[SS[.F]][+ZZZZ]; None for anything shorter, which would be a moment nobody wrote down."""
    if not re.match(r"\d{12}", text):
        return None
    try:
        moment = DT(text)
    except ValueError:
        return None
    return None if moment is None else datetime.combine(moment.date(), moment.timetz())


def _orphan(dataset: Dataset, private: PrivateElement, notes: list[str]) -> DataElement | None:
    found = [
        tag
        for tag in dataset.keys()  # noqa: SIM118 - a Dataset iterates over its elements, and parses them all
        if tag.group == private.group and tag.element >= 0x1000 and tag.element & 0xFF == private.element
        if Tag(private.group, tag.element >> 8) not in dataset
    ]
    maker = str(dataset.get("Manufacturer") or "").strip()
    if len(found) != 1 or (is_vendor(maker, *MAKERS) and not is_vendor(maker, *private.vendors)):
        return None
    notes.append(
        f"{private.name} has lost its private creator {private.creator!r}; taken all the same, as Manufacturer "
        f"(0008,0070) is {manufacturer(maker) if maker else 'missing'}"
    )
    return dataset[found[0]]
