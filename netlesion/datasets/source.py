"""What a data source finds in somebody else's folder, before anything is read or written.

A `SourceVisit` lists the files of one examination in the source's own names: PETs with what their numbers and labels
mean, other images by channel. Each data source (autopet, deep_psma, hecktor, nnunet, table) makes a `Listing` of them;
`importer` writes it as a cohort. Knows nothing about voxels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from netlesion.io.bids.files import PetRecord
from netlesion.io.bids.suv import SuvConvention


@dataclass(frozen=True)
class SourceLabels:
    """A label map of a PET: its file and what its values mean.

    names: every value that may occur, 0 included. lesions: the values that are lesion; they become desc-lesions.
    unknown: the value of voxels of which nobody knows whether they are lesion; it becomes desc-unknown.
    keep_as: also kept as it is under this `desc-`, where values tell more than lesion or not.
    """

    path: Path
    names: Mapping[int, str]
    lesions: frozenset[int] = frozenset()
    keep_as: str | None = None
    unknown: int | None = None


@dataclass(frozen=True)
class SourcePet:
    """One PET: SUV with its convention, or Bq/ml with its record; exactly one of the two is given.

    labels: lesion labels; further: maps kept under their own `desc-` (organs). label_grid: an image on whose grid
    label maps may lie instead of the PET's own (the CT they were drawn on). facts go into the side-car.
    to_visit_ras: (4, 4) matrix that takes RAS+ mm of this PET to that of the visit, where it was registered; the
    voxels stay as they are.
    """

    tracer_label: str
    path: Path
    convention: SuvConvention | None = None
    record: PetRecord | None = None
    labels: SourceLabels | None = None
    further: tuple[SourceLabels, ...] = ()
    label_grid: Path | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    to_visit_ras: np.ndarray | None = None


@dataclass(frozen=True)
class SourceVisit:
    """One examination. case: its name in the source, unique. patient and study: the source's ids.

    visit_group: studies of a patient with the same group are one clinical time point; None means of its own.
    one_grid: the source promises that all images share one grid, which is then checked.
    transforms: further matrices to be stored, by `from-<a>_to-<b>`.
    """

    case: str
    patient: str
    study: str
    pets: tuple[SourcePet, ...]
    others: Mapping[str, Path] = field(default_factory=dict)
    one_grid: bool = False
    visit_group: str | None = None
    weight_kg: float | None = None
    height_cm: float | None = None
    transforms: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Listing:
    """Visits in a fixed order, and one line for every case that is not as documented; the others can go on."""

    data_source: str
    visits: tuple[SourceVisit, ...]
    problems: tuple[str, ...] = ()
