"""What CT and MR show where a PET lesion lies: mean CT number, and MR signal over that around it.

Takes an image in a frame of its own, the transform that leads there, and places in the PET's frame. MR numbers have no
unit, so only ratios within one image mean anything. Knows nothing about files.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage

from netlesion.image.transform import Transform
from netlesion.image.volume import Volume
from netlesion.quantify.skin import Skin

#: Fewer places than this fraction inside the image's field of view give no value [P].
MIN_SEEN = 0.5


@dataclass(frozen=True, eq=False)
class AnatomicalImage:
    """A CT or MR. from_pet: take points of the PET's frame to the image's own, first to last; empty: one frame."""

    volume: Volume
    from_pet: tuple[Transform, ...] = ()

    @cached_property
    def skin(self) -> Skin:
        """The surface of the body in the image's own frame (of a CT)."""
        return Skin(self.volume)

    def places(self, points_N3: np.ndarray) -> np.ndarray:
        """Places (N, 3) of the PET's frame in the image's own."""
        for transform in self.from_pet:
            points_N3 = transform.apply(points_N3)
        return points_N3

    def mean_at(self, points_N3: np.ndarray) -> float | None:
        """The mean over places (N, 3) in the PET's frame, trilinear; None where most lie outside or there is none."""
        if not len(points_N3):
            return None
        index = self.volume.geometry.to_index(self.places(points_N3))
        seen = ((index >= -0.5) & (index <= np.asarray(self.volume.array.shape) - 0.5)).all(axis=1)
        if seen.mean() < MIN_SEEN:
            return None
        values = ndimage.map_coordinates(self.volume.array, index[seen].T, np.float64, order=1, mode="nearest")
        return float(values.mean())
