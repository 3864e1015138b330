"""How well two images agree where one lies over the other: mutual information in bits, by numpy alone.

The referee of a registration: independent of the optimiser's own metric. Knows nothing about how a transform was found.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from netlesion.image.transform import Transform, grid_points
from netlesion.image.volume import Quantity, Volume

NUM_BINS = 32
#: Fewer points than this fraction of the mask inside the moving image's field of view are no overlap [P].
LEAST_OVERLAP = 0.3


def compressed(volume: Volume) -> Volume:
    """Intensities as a metric should see them: CT cut to -200..300 HU, log(1 + SUV), MR cut at its 99th percentile."""
    array = volume.array
    if volume.quantity is Quantity.HU:
        return volume.with_array(np.clip(array, -200.0, 300.0))
    if volume.quantity is Quantity.MR:
        return volume.with_array(np.clip(array, 0.0, max(float(np.percentile(array, 99)), 1e-6)))
    return volume.with_array(np.log1p(np.clip(array, 0.0, None)))


def mutual_information(fixed: np.ndarray, moving: np.ndarray) -> float:
    """Bits shared by two lists of values, 32 x 32 bins between each one's extremes; 0 when either is constant."""
    if fixed.size == 0:
        return 0.0
    counts = np.bincount(_bins(fixed) * NUM_BINS + _bins(moving), minlength=NUM_BINS**2)
    joint = counts.reshape(NUM_BINS, NUM_BINS) / fixed.size
    product = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    there = joint > 0
    return float((joint[there] * np.log2(joint[there] / product[there])).sum())


def _bins(values: np.ndarray) -> np.ndarray:
    """The bin of every value; all in the first where there is only one value."""
    low, high = float(values.min()), float(values.max())
    if not high > low:
        return np.zeros(values.shape, dtype=np.intp)
    return np.minimum(((values - low) * (NUM_BINS / (high - low))).astype(np.intp), NUM_BINS - 1)


class Referee:
    """Mutual information of one pair under any transform, over the fixed image's mask (bool, its grid)."""

    def __init__(self, fixed: Volume, moving: Volume, mask: np.ndarray, most_points: int = 60_000) -> None:
        places = np.flatnonzero(mask)
        places = places[:: max(1, places.size // most_points)]
        self.points = grid_points(fixed.geometry, places)
        self.values = fixed.array.ravel()[places]
        self.moving = moving

    def overlap(self, transform: Transform | None) -> float:
        """Fraction of the mask that lies inside the moving image."""
        return float(self._inside(self._index(transform)).mean()) if len(self.points) else 0.0

    def score(self, transform: Transform | None) -> float:
        """Bits; 0 where the two hardly overlap."""
        index = self._index(transform)
        inside = self._inside(index)
        if not len(self.points) or inside.mean() < LEAST_OVERLAP:
            return 0.0
        found = ndimage.map_coordinates(self.moving.array, index[inside].T, order=1, mode="nearest")
        return mutual_information(self.values[inside], found)

    def _index(self, transform: Transform | None) -> np.ndarray:
        points = self.points if transform is None else transform.apply(self.points)
        return self.moving.geometry.to_index(points)

    def _inside(self, index: np.ndarray) -> np.ndarray:
        inside = (index >= -0.5) & (index <= np.array(self.moving.geometry.shape) - 0.5)
        return np.asarray(inside.all(axis=1))
