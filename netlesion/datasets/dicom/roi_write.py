"""The mask of one planned contour or segment, on the grid of the image that it was drawn on.

Says what was left out, cut off or interpolated. Writes nothing; knows nothing about the key's table.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from netlesion.errors import DicomError
from netlesion.io.bids.pet import frame_of_reference
from netlesion.io.contour_gaps import contour_gaps, gaps_line, interpolated
from netlesion.io.dicom.file import RTSTRUCT, read_whole
from netlesion.io.dicom.rtstruct import beyond_mm, read_structure, structure_mask
from netlesion.io.dicom.seg import segment_mask

if TYPE_CHECKING:
    from netlesion.datasets.dicom.planned import PlannedRoi
    from netlesion.datasets.key import Key
    from netlesion.image.geometry import Geometry
    from netlesion.image.volume import Volume


@dataclass(frozen=True, eq=False)
class DrawnMask:
    """A mask with what a user should know of it, and the slices that were interpolated; without one, why."""

    mask: Volume | None
    warnings: tuple[str, ...] = ()
    interpolated: tuple[int, ...] = ()
    why: str = ""


def mask_of_roi(planned: PlannedRoi, grid: Geometry, interpolate: bool) -> DrawnMask:
    """Reads the file of a contour or segment; raises DicomError for one that does not fit the grid."""
    path = planned.facts.series.root / planned.roi.file
    dataset, warnings = read_whole(path), []
    if planned.facts.series.sop_class == RTSTRUCT:
        structure, what = (
            read_structure(path, dataset, planned.roi.number),
            f"{planned.roi.file}: ROI {planned.roi.number}",
        )
        if not structure.contours_mm:
            return DrawnMask(None, why=f"{what} holds no closed contour of three points or more")
        if structure.num_open:
            left_out = "points, open contours or contours of one or two points"
            warnings.append(f"{what}: {structure.num_open} {left_out} were left out")
        mask, beyond = structure_mask(structure, grid), beyond_mm(structure, grid)
        if beyond > max(grid.spacing_mm[:2]):
            warnings.append(f"{planned.target}: reaches {beyond:.0f} mm out of its image and is cut off there")
    else:
        mask = segment_mask(path, dataset, planned.roi.number, grid)
    gaps = contour_gaps(mask.array)
    if not gaps:
        return DrawnMask(mask, tuple(warnings))
    if not interpolate:
        warnings.append(f"{planned.target}: {gaps_line(gaps)}; --interpolate-contours fills them")
        return DrawnMask(mask, tuple(warnings))
    slices = tuple(sorted({k for gap in gaps for k in range(gap.before + 1, gap.after)}))
    warnings.append(
        f"{planned.target}: {len(slices)} slices without a contour were interpolated, from slice {slices[0]}"
    )
    filled = mask.with_array(interpolated(mask.array, gaps, grid.spacing_mm[:2]))
    return DrawnMask(filled, tuple(warnings), slices)


def require_one_frame(planned: PlannedRoi, cohort: Path, key: Key) -> None:
    """Raises DicomError unless a contour, its image and the PET it is brought to lie in one frame of reference.

    Read from the side-cars, for an image may be one of an earlier import. What is brought needs to be known to fit.
    """
    frame, brought = planned.roi.frame_of_reference, planned.drawn_on is not None
    hashes = {"the contour": None if frame is None else key.digest(frame, 6)}
    hashes |= {str(i): frame_of_reference(cohort / i) for i in (planned.drawn_on, planned.image) if i is not None}
    known = {name: found for name, found in hashes.items() if found is not None or (brought and name != "the contour")}
    if len(set(known.values())) > 1:
        raise DicomError(
            f"{planned.roi.file}: ROI {planned.roi.number}: {' and '.join(known)} do not lie in one frame of reference "
            "(0020,0052); correct the wrong one at its source"
        )
