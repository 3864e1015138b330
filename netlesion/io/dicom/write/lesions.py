"""Which lesion a value of a label volume is, and the codes by which DICOM names its kind and place.

Codes: clinical.md 9.1. Knows nothing about contours or segments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from netlesion.errors import DicomError, QuantityError
from netlesion.image.volume import Quantity, Volume
from netlesion.io.dicom.objects.sites import OF_REGION, TYPE_OF_KIND
from netlesion.io.dicom.write.series import WrittenSeries, right_handed

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Region as the phantom calls it -> anatomic site; a region without a code stays free text.
SITE_OF_REGION = OF_REGION | {"adrenal": "23451007", "jejunum": "21306003", "ileum": "34516001", "foot": "56459004"}


@dataclass(frozen=True)
class LesionIdentity:
    """What a value of an instance LABEL volume stands for; kind is primary, metastasis or None, region free text."""

    lesion_id: int
    kind: str | None = None
    region: str | None = None

    def __post_init__(self) -> None:
        if self.lesion_id < 1 or self.kind not in TYPE_OF_KIND:
            raise DicomError(
                f"lesion {self.lesion_id} of kind {self.kind!r}; expected an id from 1, "
                "and primary, metastasis or None as its kind"
            )

    @property
    def tracking_id(self) -> str:
        return f"L{self.lesion_id:03d}"

    @property
    def description(self) -> str:
        return ", ".join(word for word in (self.kind or "lesion", self.region) if word is not None)


@dataclass(frozen=True, eq=False)
class LabelsOnSeries:
    """Labels (I, J, K) on a written series' grid, and the lesions that have at least one voxel, by id."""

    array: np.ndarray
    lesions: tuple[LesionIdentity, ...]


def labels_on(instances: Volume, image: WrittenSeries, lesions: Sequence[LesionIdentity]) -> LabelsOnSeries:
    """Instances in the slice order of `image`; raises as `write_rtstruct` says."""
    if instances.quantity is not Quantity.LABEL:
        raise QuantityError(f"lesion instances must be a LABEL volume, not {instances.quantity.name}")
    instances = right_handed(instances)
    image.geometry.require_same_grid(instances.geometry, f"the series in {image.folder}", "its lesion instances")
    known = {lesion.lesion_id: lesion for lesion in lesions}
    values = [int(v) for v in np.unique(instances.array) if v > 0]
    unknown = [v for v in values if v not in known]
    if unknown:
        raise DicomError(f"lesion instances hold {unknown[0]}, which no lesion names; known are {sorted(known)}")
    return LabelsOnSeries(instances.array, tuple(known[v] for v in values))
