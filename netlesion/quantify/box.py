"""A lesion and what lies around it: the crop of a PET and of its label map that measurements look at.

Everything that needs more than a lesion's own voxels works on this crop, so that it costs what the lesion costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage

from netlesion.image.geometry import Geometry

#: The local background: a shell this far outside the mask [P] (clinical.md 2.2).
SHELL_MM = (5.0, 15.0)


@dataclass(frozen=True, eq=False)
class LesionBox:
    """The crop that holds a lesion and 15 mm around it.

    Args:
        start: Index of the crop's first voxel in the PET.
        suv: (i, j, k) of the crop, SUVbw.
        labels: Label map of the crop, of every lesion.
        label: The lesion's label.
        geometry: Of the whole PET.
    """

    start: np.ndarray
    suv: np.ndarray
    labels: np.ndarray
    label: int
    geometry: Geometry

    @classmethod
    def around(
        cls, suv: np.ndarray, labels: np.ndarray, label: int, voxels_N3: np.ndarray, geometry: Geometry
    ) -> LesionBox:
        """The crop of (I, J, K) arrays around a lesion's voxels (N, 3)."""
        margin = np.ceil(SHELL_MM[1] / np.asarray(geometry.spacing_mm)).astype(int) + 1
        start = np.maximum(voxels_N3.min(axis=0) - margin, 0)
        stop = np.minimum(voxels_N3.max(axis=0) + margin + 1, labels.shape)
        part = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
        return cls(start, np.ascontiguousarray(suv[part]), np.ascontiguousarray(labels[part]), label, geometry)

    @cached_property
    def mask(self) -> np.ndarray:
        """(i, j, k) bool: the lesion."""
        return self.labels == self.label

    @cached_property
    def shell(self) -> np.ndarray:
        """(i, j, k) bool: 5 to 15 mm outside the lesion, without other lesions."""
        distance = ndimage.distance_transform_edt(~self.mask, sampling=self.geometry.spacing_mm)
        return (distance > SHELL_MM[0]) & (distance <= SHELL_MM[1]) & (self.labels == 0)

    def tight(self) -> LesionBox:
        """The same lesion with one voxel around it."""
        found = np.argwhere(self.mask)
        low = np.maximum(found.min(axis=0) - 1, 0)
        part = tuple(slice(a, b) for a, b in zip(low, found.max(axis=0) + 2, strict=True))
        return LesionBox(self.start + low, self.suv[part], self.labels[part], self.label, self.geometry)

    def to_world(self, index_N3: np.ndarray) -> np.ndarray:
        """Indices (N, 3) of the crop -> RAS+ mm."""
        return self.geometry.to_world(index_N3 + self.start)
