"""What an import is going to do, as frozen values: one for each series and each contour, and the plan of them all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from netlesion.datasets.dicom.facts import Roi, SeriesFacts
from netlesion.datasets.key import Key

if TYPE_CHECKING:
    from netlesion.image.geometry import Geometry


class Decision(Enum):
    """What becomes of a series or contour."""

    WRITE = "write"
    PRESENT = "already in the cohort"
    SKIP = "skip"
    REFUSE = "refuse"


@dataclass(frozen=True, eq=False)
class PlannedSeries:
    """One image series: what it was taken for and why, and where it goes (a path below the cohort)."""

    facts: SeriesFacts
    decision: Decision
    taken_for: str
    why: str
    subject: str = ""
    session: str = ""
    target: PurePosixPath | None = None
    digest: str = ""
    pet_uid: str = ""
    belongs_to: PurePosixPath | None = None
    belongs_by: str = ""
    geometry: Geometry | None = None
    warnings: tuple[str, ...] = ()
    place: tuple[str, str, tuple[str, ...]] = field(default=("", "", ()), repr=False)

    @property
    def folder(self) -> str:
        return self.facts.series.folder

    @property
    def path(self) -> PurePosixPath:
        """Where it goes below the cohort, of a series that is placed."""
        assert self.target is not None
        return self.target

    @property
    def day(self) -> str:
        """The day of its examination, of a series that is to be written."""
        assert self.facts.day is not None
        return self.facts.day

    @property
    def grid(self) -> Geometry:
        """Its grid, of a series that is placed."""
        assert self.geometry is not None
        return self.geometry


@dataclass(frozen=True, eq=False)
class PlannedRoi:
    """One contour or segment: the image whose grid its mask has, and the mask that it becomes.

    drawn_on: the CT or MR that it was drawn on, where that is another image.
    """

    facts: SeriesFacts
    roi: Roi
    decision: Decision
    why: str
    image: PurePosixPath | None = None
    target: PurePosixPath | None = None
    digest: str = ""
    warnings: tuple[str, ...] = ()
    drawn_on: PurePosixPath | None = None

    @property
    def path(self) -> PurePosixPath:
        """Where its mask goes below the cohort, of a contour that is placed."""
        assert self.target is not None
        return self.target

    @property
    def grid_of(self) -> PurePosixPath:
        """The image whose grid its mask has, of a contour that is placed."""
        assert self.image is not None
        return self.image


@dataclass(frozen=True, eq=False)
class ImportPlan:
    """Everything an import will do. `refused_files` are lines of files that could not be read at all."""

    images: tuple[PlannedSeries, ...]
    rois: tuple[PlannedRoi, ...]
    refused_files: tuple[str, ...]
    passed: tuple[str, ...]
    visits: Mapping[tuple[str, str], int]
    key: Key
    num_files: int

    @property
    def refusals(self) -> tuple[str, ...]:
        """One line for everything that should have come through but will not."""
        lines = list(self.refused_files)
        lines += [p.why for p in self.images if p.decision is Decision.REFUSE]
        return tuple(lines + [r.why for r in self.rois if r.decision is Decision.REFUSE])
