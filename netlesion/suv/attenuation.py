"""Whether a PET was corrected for attenuation: three elements of a header tell, and each one may deny it.

Units (0054,1001) in proportion to counts, Attenuation Correction Method (0054,1101) "None", and Corrected Image
(0028,0051) without ATTN. Vendors write ATTN beside a method of "None", so that one denial is enough.
"""

from __future__ import annotations

import re
from collections.abc import Collection

#: Units that no calibration and no correction has turned into activity.
UNCORRECTED_UNITS = ("PROPCNTS", "PROPCPS")
_DENIAL = re.compile(r"(none|no|non|nac|not|off|false|unc|uncorrected|without|keine|ohne|aucune|ninguna|nessuna)\b")


def denied_by_method(method: str | None) -> bool:
    """Whether the words for an attenuation correction say that there was none: `None`, `NONE, 0.096 cm-1`, `no AC`."""
    return method is not None and _DENIAL.match(method.strip().strip('"').lower()) is not None


def denials(units: str | None, method: str | None, corrected_image: Collection[str]) -> tuple[str, ...]:
    """What says that attenuation was not corrected, in words for a message; empty where nothing does."""
    found = []
    if "ATTN" not in corrected_image:
        found.append(f"Corrected Image (0028,0051) is {'/'.join(corrected_image) or 'missing'}, without ATTN")
    if denied_by_method(method):
        found.append("Attenuation Correction Method (0054,1101) is none")
    if units in UNCORRECTED_UNITS and found:
        found.append(f"Units (0054,1001) is {units}")
    return tuple(found)
