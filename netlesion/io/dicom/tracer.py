"""The radiopharmaceutical of a PET header -> its BIDS `trc-` label, and how that was told.

Codes come first (SNOMED CT, its older SRT form, UMLS; clinical.md 9.1), text is the last resort and says so.
A tracer that contradicts its radionuclide is refused. Knows nothing about activity or time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netlesion.errors import DicomError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydicom.dataset import Dataset

#: (coding scheme, code value) -> label. Vendors write SNOMED under 99SDM and SNM3 too.
CODES = {
    ("SCT", "35321007"): "fdg",
    ("SRT", "C-B1031"): "fdg",
    ("SCT", "724025002"): "dotatate",
    ("UMLS", "C2713594"): "dotatoc",
    ("99NETLES", "CU64DOTATATE"): "dotatate",
}
SAME_SCHEME = {"99SDM": "SRT", "SNM3": "SRT"}
#: Words found in text, letters and digits only, lower case -> label.
WORDS = {
    "dotatate": "dotatate",
    "octreotate": "dotatate",
    "netspot": "dotatate",
    "detectnet": "dotatate",
    "dotatoc": "dotatoc",
    "edotreotide": "dotatoc",
    "somakit": "dotatoc",
    "dotanoc": "dotanoc",
    "fdg": "fdg",
    "fluorodeoxyglucose": "fdg",
    "fluorodesoxyglucose": "fdg",
    "fludeoxyglucose": "fdg",
}
#: Radionuclides each tracer is made with.
NUCLIDES = {
    **{"fdg": ("18F",), "dotatate": ("68Ga", "64Cu"), "dotatoc": ("68Ga",), "dotanoc": ("68Ga",)},
    "psma": ("18F", "68Ga", "64Cu"),
}
#: Symbols and names of the elements whose nuclides are known here.
NUCLIDE_OF_WORDS = {"18f": "18F", "18fluorine": "18F", "68ga": "68Ga", "68gallium": "68Ga"} | {
    "64cu": "64Cu",
    "64copper": "64Cu",
}


@dataclass(frozen=True)
class Tracer:
    """A label and its source: "code", "radiopharmaceutical text" or "series text"."""

    label: str
    source: str


def tracer_of(dose: Dataset, nuclide: str | None, series_texts: Iterable[str] = ()) -> Tracer | None:
    """The tracer of a radiopharmaceutical item; None when neither code nor text tells.

    Raises DicomError when texts name two tracers, or tracer and radionuclide (18F, 68Ga, 64Cu) contradict.
    """
    found = _coded(dose)
    if found is None:
        items = dose.get("RadiopharmaceuticalCodeSequence") or ()
        own = [str(dose.get("Radiopharmaceutical", "")), *(str(item.get("CodeMeaning", "")) for item in items)]
        found = _worded(own, "radiopharmaceutical text") or _worded(series_texts, "series text")
    if found is not None and nuclide is not None and nuclide not in NUCLIDES[found.label]:
        raise DicomError(
            f"tracer {found.label} (from {found.source}) with radionuclide {nuclide}, "
            f"expected {' or '.join(NUCLIDES[found.label])}; correct the header"
        )
    return found


def nuclide_of_words(text: str) -> str | None:
    """18F, 68Ga or 64Cu of `^18^Fluorine`, `Ga-68`, `F18` or `Copper 64`; None for any other."""
    mass, element = re.findall(r"[0-9]+", text), re.findall(r"[a-z]+", text.lower())
    return NUCLIDE_OF_WORDS.get(mass[0] + element[0]) if len(mass) == 1 and element else None


def _coded(dose: Dataset) -> Tracer | None:
    for item in dose.get("RadiopharmaceuticalCodeSequence") or ():
        scheme = str(item.get("CodingSchemeDesignator", "")).strip().upper()
        value = str(item.get("CodeValue", "")).strip().upper()
        label = CODES.get((SAME_SCHEME.get(scheme, scheme), value))
        if label is not None:
            return Tracer(label, "code")
    return None


def _worded(texts: Iterable[str], source: str) -> Tracer | None:
    plain = ["".join(c for c in text.lower() if c.isalnum()) for text in texts]
    labels = {label for text in plain for word, label in WORDS.items() if word in text}
    if len(labels) > 1:
        raise DicomError(f"its {source} names {len(labels)} tracers ({', '.join(sorted(labels))}); code the true one")
    return Tracer(labels.pop(), source) if labels else None
