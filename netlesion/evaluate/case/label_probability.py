"""Whether a label map is that of its probability map: lesions lie where probability is highest, at the threshold used.

A label map that was shifted, flipped or taken from another run gives every lesion a wrong score. What is found is said
and not corrected: a person may have edited the lesions. Knows nothing about references.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from netlesion.image.volume import Volume
from netlesion.io.bids.masks import Extraction
from netlesion.quantify.instances import extract

#: How far from a lesion (voxels) a higher probability outside of all lesions counts against it [P].
NEIGHBOURHOOD = 8
#: Fraction of voxels above the threshold or in a lesion that may be only one of both before it is said [P].
TOLERATED = 0.01


def contradictions(labels: Volume, probability: Volume, extraction: Extraction | None) -> tuple[str, ...]:
    """Lines on lesions and voxels of a label map that its probability map does not bear out; usually none.

    Args:
        labels: lesion instances, 0 elsewhere.
        probability: of lesion, on the same grid.
        extraction: how the one was made of the other; None where no record tells.
    """
    instances, values = labels.array, probability.array
    inside = instances > 0
    found, elsewhere = 0, np.where(inside, 0.0, values)
    boxes = ndimage.find_objects(instances)
    for label, box in enumerate(boxes, start=1):
        if box is None:
            continue
        highest = values[box][instances[box] == label].max()
        around = tuple(slice(max(s.start - NEIGHBOURHOOD, 0), s.stop + NEIGHBOURHOOD) for s in box)
        found += bool(elsewhere[around].max() > highest or (extraction is not None and highest < extraction.threshold))
    number = sum(box is not None for box in boxes)
    lines = []
    if found:
        lines.append(
            f"{found} of {number} predicted lesions do not lie where their probability map is highest; "
            "label map and probability map are of two runs, or one was moved"
        )
    if extraction is not None:
        made = extract(probability, extraction.threshold, extraction.connectivity, extraction.peak_threshold).array > 0
        either, one = int((inside | made).sum()), int((inside ^ made).sum())
        if one > TOLERATED * either:
            lines.append(
                f"{one} of {either} voxels are either in a predicted lesion or in one that the recorded threshold of "
                f"{extraction.threshold:g} makes, and not in both; the label map was changed, or is of another run"
            )
    return tuple(lines)
