"""A PET whose unsigned values were declared signed: its hottest voxels read as negative ones.

Uptake is not negative. Noise around zero is, in cold places and by little; a value beyond 32767 that was wrapped to
-32768 and up lies inside what takes up much, or is as low as the image is high. Takes an array, knows nothing about
headers.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

#: Noise is not lower than this fraction of the highest value [P].
LOWEST_SHARE = 0.5
#: Negative noise lies at the border, or where half of what surrounds it is below this part of the highest value [P].
SURROUND_SHARE = 0.1


def looks_wrapped(values: np.ndarray) -> bool:
    """Whether negative voxels of (I, J, K) can only be large values that lost their highest bit."""
    lowest, highest = float(values.min(initial=0.0)), float(values.max(initial=0.0))
    if lowest >= 0:
        return False
    if -lowest > LOWEST_SHARE * highest:
        return True
    labels, count = ndimage.label(values < 0, np.ones((3, 3, 3)))
    near = ndimage.maximum(ndimage.maximum_filter(values, 3), labels, np.arange(1, count + 1))
    for n, box in enumerate(ndimage.find_objects(labels, count), start=1):
        if near[n - 1] <= SURROUND_SHARE * highest:
            continue
        if any(s.start == 0 or s.stop == size for s, size in zip(box, values.shape, strict=True)):
            continue
        around = tuple(slice(max(s.start - 1, 0), s.stop + 1) for s in box)
        hole = labels[around] == n
        shell = ndimage.binary_dilation(hole, np.ones((3, 3, 3))) & ~hole
        if np.median(values[around][shell]) > SURROUND_SHARE * highest:
            return True
    return False
