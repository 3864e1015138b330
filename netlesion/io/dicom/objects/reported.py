"""What is said of the lesions of one PET in DICOM objects: names, places and values, without any image.

Values are named by the columns of the lesion table (docs/dicom-objects.md); `measures` knows their codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Site:
    """Where a lesion lies: a SNOMED CT code with its meaning, and the side (left, right) where it has one."""

    value: str
    meaning: str
    side: str | None = None


@dataclass(frozen=True)
class ReportedLesion:
    """One lesion. tracking_id, tracking_uid: the same at every visit and in both tracers.

    values: column of the lesion table -> number. words: name of a project-made score or class -> its value.
    kind: primary or metastasis, None where it is not known.
    """

    lesion_id: int
    tracking_id: str
    tracking_uid: str
    site: Site | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    kind: str | None = None

    @property
    def label(self) -> str:
        return f"L{self.lesion_id:03d}"


@dataclass(frozen=True)
class ReportedCase:
    """The lesions of one PET, in order of their ids, and what they amount to.

    time_point: name of the session. tracer_label: BIDS `trc-` label. algorithm: name, version and checkpoint of what
    found them; by_reader: they were drawn or corrected by a person.
    """

    case: str
    time_point: str
    tracer_label: str
    lesions: tuple[ReportedLesion, ...]
    totals: Mapping[str, float]
    algorithm: str
    algorithm_version: str
