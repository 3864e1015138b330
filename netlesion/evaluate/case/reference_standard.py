"""What the truth of a lesion rests on, and the rule that a test is not judged by itself.

The comparator of two tests must not be one of them: the reference then scores 100 % by construction. Knows nothing
about files or figures. Source: clinical.md 8.4.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from netlesion.errors import CohortError


class ReferenceStandard(StrEnum):
    """What a reference lesion was called a lesion by."""

    HISTOLOGY = "histology"
    FOLLOWUP = "followup"
    CONSENSUS_MULTIMODALITY = "consensus_multimodality"
    SAME_MODALITY_READER = "same_modality_reader"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class LesionReference:
    """The standard of one lesion; source names the test, reader or model that made it, empty when not recorded."""

    case: str
    lesion: str
    standard: ReferenceStandard
    source: str = ""


def parse_standard(text: str) -> ReferenceStandard:
    """`n/a` and nothing are UNKNOWN; raises CohortError for a word outside the vocabulary."""
    word = text.strip().lower()
    if word in ("", "n/a"):
        return ReferenceStandard.UNKNOWN
    try:
        return ReferenceStandard(word)
    except ValueError:
        known = ", ".join(standard.value for standard in ReferenceStandard)
        raise CohortError(f"reference standard {text!r} is unknown, expected one of {known}") from None


def count_standards(lesions: Iterable[LesionReference]) -> dict[str, int]:
    """Lesions of each standard, standards without any left out."""
    counts = Counter(lesion.standard for lesion in lesions)
    return {standard.value: counts[standard] for standard in ReferenceStandard if counts[standard]}


def require_independent(tests: Sequence[str], lesions: Iterable[LesionReference]) -> None:
    """Raises CohortError, naming the first lesion, when a lesion's reference was made by one of the tests compared."""
    for lesion in lesions:
        if lesion.source and lesion.source in tests:
            raise CohortError(
                f"lesion {lesion.lesion} of case {lesion.case} has {lesion.source} as its reference "
                f"({lesion.standard.value}), which is one of the tests compared and would agree with itself; "
                "take histology, follow-up or a consensus of several modalities as reference"
            )
