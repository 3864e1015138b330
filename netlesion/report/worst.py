"""The cases of lowest Dice as projections, so that a reader sees what went wrong and not only how much.

A coronal maximum projection along the array axis nearest to front-back: the PET in inverse grey where there is
one, the reference outlined in green, the prediction in red. Reads the few images again, one at a time.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from netlesion.evaluate.case.result import CaseResult
from netlesion.image.volume import Quantity, Volume
from netlesion.io.bids.pet import read_suv_image
from netlesion.io.nifti import read_volume

if TYPE_CHECKING:
    from netlesion.evaluate.cohort.jobs import Job

NUM_WORST = 6
SUV_BLACK = 10.0
PIXEL_MM = 3.0
REFERENCE_RGB = (0, 140, 60)
PREDICTION_RGB = (214, 39, 40)


@dataclass(frozen=True)
class WorstCase:
    """One of the lowest Dice, with what the case counts and its picture."""

    case: str
    dice: float
    num_false_negatives: int
    num_false_positives: int
    png: bytes


def worst_cases(results: Sequence[CaseResult], jobs: Sequence[Job], number: int = NUM_WORST) -> tuple[WorstCase, ...]:
    """The cases of lowest Dice below 1, the lowest first; none where the predictions are points."""
    pairs = [(r, j) for r, j in zip(results, jobs, strict=True) if j.prediction is not None and r.dice < 1]
    pairs.sort(key=lambda pair: (pair[0].dice, pair[0].case))
    return tuple(
        WorstCase(r.case, r.dice, r.num_false_negatives, r.num_false_positives, _picture(j)) for r, j in pairs[:number]
    )


def _picture(job: Job) -> bytes:
    from PIL import Image

    masks = [read_volume(path, Quantity.LABEL) for path in (job.reference, job.mask)]
    pet = None if job.pet is None else read_suv_image(job.pet)
    buffer = io.BytesIO()
    Image.fromarray(projection_rgb(masks[0], masks[1], pet)).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def projection_rgb(reference: Volume, prediction: Volume, suv: Volume | None = None) -> np.ndarray:
    """(height, width, 3) uint8: coronal, head up, the patient's right on the left of the picture."""
    axes, signs = _nearest_axes(reference)
    spacing = reference.geometry.spacing_mm
    step = (spacing[axes[0]] / PIXEL_MM, spacing[axes[2]] / PIXEL_MM)

    def flat(volume: Volume, order: int) -> np.ndarray:
        array = volume.array.max(axis=axes[1])
        if axes[0] > axes[2]:
            array = array.T
        array = array[:: signs[0], :: signs[2]].astype(np.float32)
        return ndimage.zoom(array, step, order=order, mode="nearest", grid_mode=True)

    outlines = [flat(v.with_array(v.array > 0, Quantity.LABEL), 1) >= 0.5 for v in (reference, prediction)]
    level = np.full(outlines[0].shape, 255, dtype=np.uint8)
    if suv is not None:
        level = (255 - np.clip(flat(suv, 1) / SUV_BLACK, 0, 1) * 255).astype(np.uint8)
    rgb = np.repeat(level[..., None], 3, axis=-1)
    for mask, colour in zip(outlines, (REFERENCE_RGB, PREDICTION_RGB), strict=True):
        rgb[mask & ~ndimage.binary_erosion(mask, border_value=1)] = colour
    return np.ascontiguousarray(rgb[::-1, ::-1].transpose(1, 0, 2))


def _nearest_axes(volume: Volume) -> tuple[list[int], list[int]]:
    """Which array axis lies nearest to x, y and z, and the step that makes each grow towards R, A and S."""
    from itertools import permutations

    direction = volume.geometry.affine_ras[:3, :3] / volume.geometry.spacing_mm
    best = max(permutations(range(3)), key=lambda p: sum(abs(direction[w, p[w]]) for w in range(3)))
    return list(best), [1 if direction[w, best[w]] >= 0 else -1 for w in range(3)]
