"""Which image a contour or segment was drawn on: by the series it names, its slices, or its place in space.

A contour that names no series belongs to the image of its frame of reference whose slices it names, else to the only
one on whose voxels or slices it lies. Several are never chosen between. Takes planned images; opens no file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from netlesion.datasets.dicom.planned import Decision, PlannedSeries
from netlesion.io.dicom.seg import LATTICE_TOLERANCE

if TYPE_CHECKING:
    from netlesion.datasets.dicom.facts import Roi
    from netlesion.datasets.key import Key
    from netlesion.image.geometry import Geometry

NOT_HERE = "was drawn on a series that is not here"


@dataclass(frozen=True)
class Match:
    """The image of a contour, and by what it was found where the contour does not name its series.

    Without an image: why there is none, and whether that is a refusal or only somebody else's contour.
    """

    image: PurePosixPath | None
    by: str = ""
    why: str = ""
    refused: bool = False


def image_of(roi: Roi, patient: str, images: Sequence[PlannedSeries], key: Key, existing: frozenset[str]) -> Match:
    """The image that a contour of a patient was drawn on."""
    here = [one for one in images if one.decision in (Decision.WRITE, Decision.PRESENT)]
    if roi.image_series is None:
        return _by_place(roi, patient, here)
    named = next((one for one in here if one.facts.series.uid == roi.image_series), None)
    if named is not None:
        return _checked(roi, patient, named)
    known = key.series.get(key.digest(roi.image_series))
    if known is not None and known.target in existing:
        return Match(PurePosixPath(known.target))
    apart = next((one for one in images if one.facts.series.uid == roi.image_series), None)
    return Match(None, why=NOT_HERE if apart is None else _was_left_out(apart))


def _was_left_out(image: PlannedSeries) -> str:
    what = "refused" if image.decision is Decision.REFUSE else "skipped"
    return f"was drawn on {image.facts.series.slices[0].file}, which was {what}"


def _checked(roi: Roi, patient: str, image: PlannedSeries) -> Match:
    frames = {roi.frame_of_reference, roi.frame_of_image, image.facts.frame_of_reference} - {None}
    if len(frames) > 1:
        return Match(
            None,
            why=f"names the series of {image.target}, but another Frame of Reference UID (0020,0052); one of the two "
            "is wrong, correct it at its source",
            refused=True,
        )
    if patient and image.facts.series.patient_id and patient != image.facts.series.patient_id:
        return Match(None, why=f"names the series of {image.target}, but another Patient ID (0010,0020)", refused=True)
    return Match(image.target)


def _by_place(roi: Roi, patient: str, here: Sequence[PlannedSeries]) -> Match:
    if roi.frame_of_reference is None:
        return Match(None, why="names neither a series nor a frame of reference; export it again", refused=True)
    same = [
        one
        for one in here
        if one.facts.frame_of_reference == roi.frame_of_reference and one.facts.series.patient_id == patient
    ]
    if not same:
        return Match(None, why=NOT_HERE)
    by_slices = [one for one in same if roi.instances & {part.instance for part in one.facts.series.slices}]
    by_place = [one for one in same if one.geometry is not None and on_lattice(roi.lattice_mm, one.geometry)]
    for found, by in ((by_slices, "the slices that it names"), (by_place, "its frame of reference and lattice")):
        if len(found) == 1:
            return Match(found[0].target, by)
        if found:
            names = ", ".join(str(one.target) for one in found)
            return Match(None, why=f"names no series, and fits several ({names}); name its series", refused=True)
    if len(same) == 1:
        return Match(same[0].target, "its frame of reference")
    return Match(None, why="names no series, and lies on no image of its frame of reference", refused=True)


def on_lattice(points_mm: np.ndarray | None, geometry: Geometry) -> bool:
    """Whether points in RAS+ mm lie on an image: (N, 1, 3) of contours on its slices, (N, 3, 3) of frames on voxels.

    Of a frame the three are its first pixel and the neighbours of that along a row and along a column.
    """
    if points_mm is None or not len(points_mm):
        return False
    index = geometry.to_index(points_mm.reshape(-1, 3)).reshape(points_mm.shape)
    if points_mm.shape[1] == 1:
        k = index[:, 0, 2]
        inside = (k >= -0.5) & (k <= geometry.shape[2] - 0.5)
        return bool((inside & (np.abs(k - np.rint(k)) <= LATTICE_TOLERANCE)).all())
    steps = index[:, 1:] - index[:, :1]
    one_voxel = np.abs(np.abs(steps).sum(axis=2) - 1) <= LATTICE_TOLERANCE / np.max(geometry.shape)
    return bool(one_voxel.all() and (np.abs(index - np.rint(index)) <= LATTICE_TOLERANCE).all())
