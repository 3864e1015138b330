"""One thing that is wrong, or may be, and what was looked at without finding any.

A Finding says which visit and image, which check, how bad, the value found, what was expected and what to do. A check
that could not be made is not a finding: it is counted, with the reason, so that silence is not taken for health.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netlesion.validate.fingerprint import Fingerprint


class Level(Enum):
    """error: do not use this as it is. warning: a person must look. note: to be known, nothing to be done."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


#: Every check, in the order in which they are reported, and what it asks.
CHECKS: Mapping[str, str] = {
    "readable": "can every image be read, with its SUV?",
    "suv": "is the mean SUV of the body that of a body?",
    "activity": "does the image hold a possible fraction of the injected activity?",
    "liver": "is the liver's SUV that of a liver (organ map, else the largest thick region off the midline)?",
    "slices": "are slices missing, empty or repeated?",
    "alignment": "do the outlines of the body in PET and CT lie on each other?",
    "ct-coverage": "does the CT reach as far as the PET's body, arms included?",
    "field-of-view": "is the body in the field of view from end to end, as expected?",
    "side": "is the liver on the right?",
    "mask-grid": "do masks share the grid of their PET, and hold labels?",
    "mask-gaps": "are slices left out between slices of one lesion?",
    "lesions-in-body": "does every lesion lie in the body?",
    "lesion-uptake": "does every lesion take up more than the body at large?",
    "duplicate": "is one image there under two ids?",
    "split": "is every patient in one part of a split?",
}


@dataclass(frozen=True)
class Finding:
    """visit and image name what it is about; image is a channel, or empty where it is the visit or patient."""

    visit: str
    image: str
    check: str
    level: Level
    value: str
    expectation: str
    remedy: str


@dataclass(frozen=True)
class VisitReport:
    """What one visit gave: findings, checks made (with the images), checks not made with the reason, fingerprints."""

    visit: str
    patient: str
    findings: tuple[Finding, ...] = ()
    made: tuple[tuple[str, str], ...] = ()
    not_made: Mapping[tuple[str, str], str] = field(default_factory=dict)
    fingerprints: Mapping[str, Fingerprint] = field(default_factory=dict)
