"""The pictures of one visit for a patient's page: turning projections with numbers, lesions in three planes, a preview.

Reads the visit's images and label maps once. Everything comes back small: WebP and text. Knows nothing about pages.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from netlesion.errors import CohortError
from netlesion.image.visit import Acquisition
from netlesion.image.volume import Quantity
from netlesion.io.bids.visit_files import load_visit
from netlesion.io.nifti import read_volume
from netlesion.report.number_places import Place, box_of, place_numbers
from netlesion.report.results_folder import VisitResult
from netlesion.report.rotating_mip import ANGLES_DEG, SUV_BLACK, RotatingMip, rotating_mip, webp_of
from netlesion.report.tiles import ANATOMY, TileMaker

#: More numbers than these on one projection would cover it; the others appear when pointed at [P].
MOST_NUMBERS = 60
#: Pixels of the preview on a cohort's page are this much coarser.
PREVIEW_STEP = 2


@dataclass(frozen=True)
class Viewer:
    """A turning projection, ready for a page.

    sprite: base64 WebP of all views side by side. outlines: lesion -> one SVG path for each view, half pixels.
    numbers: lesion -> place of its number in each view, None where it has none.
    """

    width: int
    height: int
    suv_black: float
    sprite: str
    outlines: Mapping[int, tuple[str, ...]]
    numbers: Mapping[int, tuple[Place | None, ...]]


@dataclass(frozen=True)
class VisitImages:
    """Channel -> viewer, preview (base64 WebP) and facts; (channel, lesion) -> tiles (base64 WebP).

    anatomy: the channel that tiles are laid over; fourth: channel -> what the fourth tile shows.
    """

    viewers: Mapping[str, Viewer]
    previews: Mapping[str, str]
    acquisitions: Mapping[str, Acquisition]
    tiles: Mapping[tuple[str, int], str]
    anatomy: str | None
    fourth: Mapping[str, str | None]


def visit_images(visit: VisitResult, shown: Mapping[str, tuple[int, ...]]) -> VisitImages:
    """Draws a visit; shown: channel -> lesions that get tiles.

    Raises CohortError for a visit without its images, GeometryError where a label map is not on its PET's grid.
    """
    if visit.files is None:
        raise CohortError(f"{visit.visit_id}: its images are not there; give their cohort with --cohort")
    channels = [pet.channel for pet in visit.pets]
    anatomy = [c for c in ANATOMY if c in visit.files.images and visit.files.decides(c)][:1]
    images = load_visit(visit.files, (*channels, *(anatomy if any(shown.values()) else ())), channels)
    labels = {pet.channel: read_volume(pet.label_map, Quantity.LABEL) for pet in visit.pets}
    mips = {c: rotating_mip(images.scans[c].volume, labels[c], SUV_BLACK[c]) for c in channels}
    maker = TileMaker(images, labels)
    tiles = {(c, n): base64_webp(maker.picture(c, n)) for c, ids in shown.items() for n in ids}
    return VisitImages(
        {c: _viewer(mip) for c, mip in mips.items()},
        {c: _preview(mip) for c, mip in mips.items()},
        {c: images.scans[c].acquisition for c in channels},
        tiles,
        None if maker.anatomy is None else maker.anatomy.channel,
        {c: maker.fourth(c) for c in channels},
    )


def base64_webp(picture: np.ndarray, quality: int = 72) -> str:
    """A picture as base64 WebP."""
    return base64.b64encode(webp_of(picture, quality)).decode("ascii")


def _viewer(mip: RotatingMip) -> Viewer:
    _, height, width = mip.views.shape
    boxes = {label: [box_of(path) for path in paths] for label, paths in mip.outlines.items()}
    numbered = sorted(boxes, key=lambda n: -_size(boxes[n]))[:MOST_NUMBERS]
    texts = [str(n) for n in numbered]
    places = [
        place_numbers([boxes[n][view] for n in numbered], texts, (2 * width, 2 * height))
        for view in range(len(ANGLES_DEG))
    ]
    numbers = {n: tuple(view[k] for view in places) for k, n in enumerate(numbered)}
    sprite = base64.b64encode(mip.webp()).decode("ascii")
    return Viewer(width, height, mip.suv_black, sprite, mip.outlines, numbers)


def _size(boxes: list) -> float:
    return max(((b[2] - b[0]) * (b[3] - b[1]) for b in boxes if b is not None), default=0.0)


def _preview(mip: RotatingMip) -> str:
    """The view from the front at half size, lesions in red: the darkest of each four pixels."""
    front = mip.views[0]
    height, width = (n // PREVIEW_STEP * PREVIEW_STEP for n in front.shape)
    blocks = front[:height, :width].reshape(height // PREVIEW_STEP, PREVIEW_STEP, -1, PREVIEW_STEP)
    grey = blocks.min(axis=(1, 3))
    rgb = np.repeat(grey[..., None], 3, axis=-1)
    for paths in mip.outlines.values():
        box = box_of(paths[0])
        if box is None:
            continue
        left, top, right, bottom = (round(v / 2 / PREVIEW_STEP) for v in box)
        left, top = max(left - 1, 0), max(top - 1, 0)
        right, bottom = min(right + 1, rgb.shape[1] - 1), min(bottom + 1, rgb.shape[0] - 1)
        rgb[[top, bottom], left : right + 1] = rgb[top : bottom + 1, [left, right]] = (216, 60, 0)
    return base64_webp(rgb, 60)
