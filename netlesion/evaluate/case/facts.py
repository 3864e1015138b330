"""What is known of a case beside its images: tracer, scanner, and facts of its lesions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from netlesion.evaluate.case.lesion_table import UNKNOWN_LESION, LesionFacts


@dataclass(frozen=True)
class CaseFacts:
    """What is known of a case beside its masks; empty where the source does not tell.

    lesions: by reference id; unlisted: of every reference lesion that is not among them.
    """

    tracer: str = ""
    scanner: str = ""
    lesions: Mapping[int, LesionFacts] = field(default_factory=dict)
    unlisted: LesionFacts = UNKNOWN_LESION


NO_FACTS = CaseFacts()
