"""How deep a place lies below the skin (for the way of a needle, and for lesions that lie in the skin).

The body's surface comes from the CT where there is one, else from the PET: a threshold on blocks of about 4 mm, without
what is one or two blocks thin (a table), the largest piece, holes filled slice by slice [P]. Takes images and places;
knows nothing about lesions.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from netlesion.image.volume import Quantity, Volume
from netlesion.preprocess.body_box import block_means

#: Body against air [P].
BODY_HU, BODY_SUV = -400.0, 0.1
BLOCK_MM = 4.0


class Skin:
    """The surface of a body, in RAS+ mm of its image's frame."""

    def __init__(self, image: Volume) -> None:
        """image: a CT in HU or a PET in SUVbw; the whole body of it is looked at."""
        step = [max(1, round(BLOCK_MM / s)) for s in image.geometry.spacing_mm]
        coarse = block_means(image.array, step)
        body = _body(coarse > (BODY_HU if image.quantity is Quantity.HU else BODY_SUV), image)
        ends = np.zeros_like(body)
        for axis in range(3):  # a body cut off by the field of view has no skin there
            inner = ndimage.minimum_filter1d(body, 3, axis=axis, mode="nearest")
            ends |= body & ~inner
        centres = np.argwhere(ends) * step + (np.array(step) - 1) / 2
        self._tree = cKDTree(image.geometry.to_world(centres)) if len(centres) else None
        self._half_block_mm = float(np.mean(np.array(step) * image.geometry.spacing_mm)) / 2

    def depth_mm(self, points_N3: np.ndarray) -> np.ndarray | None:
        """(N,) distance of places (N, 3) to the nearest skin, mm; None where the image shows no body."""
        return None if self._tree is None else np.asarray(self._tree.query(points_N3)[0]) + self._half_block_mm


def _body(above: np.ndarray, image: Volume) -> np.ndarray:
    import cc3d

    kept = ndimage.binary_erosion(above, border_value=1)  # the scan's end is no surface
    opened = above & ndimage.binary_dilation(kept)
    pieces, count = cc3d.connected_components(np.ascontiguousarray(opened), connectivity=6, return_N=True)
    if count == 0:
        return np.zeros_like(above)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    body = pieces == int(sizes.argmax())
    upright = image.geometry.nearest_ras()[0][2]
    for k in range(body.shape[upright]):
        part: list[slice | int] = [slice(None)] * 3
        part[upright] = k
        body[tuple(part)] = ndimage.binary_fill_holes(body[tuple(part)])
    return body
