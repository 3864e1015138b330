"""Lesions of a series -> a DICOM Segmentation (clinical.md 9.2), by highdicom: one coded, tracked segment per lesion.

BINARY, without empty frames, on the series' own slices and in its frame of reference.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from netlesion.errors import DicomError
from netlesion.io.dicom.objects.maker import MANUFACTURER, MODEL, NOTICE, as_it_is, finish, highdicom
from netlesion.io.dicom.objects.sites import LEFT, MORPHOLOGICALLY_ABNORMAL, RIGHT, TYPE_OF_KIND
from netlesion.output.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    from netlesion.io.dicom.objects.reported import ReportedCase, ReportedLesion
    from netlesion.io.dicom.objects.source_images import SourceImages


class SegmentationKind(Enum):
    """The value is the SOP class."""

    BINARY = "1.2.840.10008.5.1.4.1.1.66.4"
    LABELMAP = "1.2.840.10008.5.1.4.1.1.66.7"


#: From Series Number on, so that objects follow the images of a study.
SERIES_NUMBER = 9001


def segmentation(
    labels_IJK: np.ndarray,
    case: ReportedCase,
    source: SourceImages,
    uid: Callable[..., str],
    kind: SegmentationKind = SegmentationKind.BINARY,
) -> Dataset:
    """The SEG of a case.

    Args:
        labels_IJK: Lesion ids on the grid of `source`.
        case: The lesions; each must have voxels, and every voxel a lesion.
        source: The series they were found on.
        uid: Makes identifiers, the same for the same words.
        kind: LABELMAP is an option that many viewers lack.

    Raises:
        DicomError: without a lesion, which no SEG can say, or where labels and lesions are not the same.
    """
    hd = highdicom()
    ids = [lesion.lesion_id for lesion in case.lesions]
    found = [int(v) for v in np.unique(labels_IJK) if v]
    if not ids or found != ids:
        raise DicomError(
            f"{case.case}: its label map holds {len(found)} lesions and its table {len(ids)}; a DICOM Segmentation "
            "needs the same, and at least one"
        )
    segment_of = np.zeros(max(ids) + 1, dtype=np.uint16)
    segment_of[ids] = np.arange(1, len(ids) + 1)
    frames = np.ascontiguousarray(segment_of[labels_IJK].transpose(2, 1, 0))
    if source.frames:  # an enhanced image's frames, in the order of the file
        frames = frames[np.argsort(source.frames)]
    with as_it_is():
        made = hd.seg.Segmentation(
            source_images=list(source.headers),
            pixel_array=frames,
            segmentation_type=kind.name,
            segment_descriptions=[_segment(n, lesion, case) for n, lesion in enumerate(case.lesions, start=1)],
            series_instance_uid=uid("series", "SEG"),
            series_number=SERIES_NUMBER,
            sop_instance_uid=uid("object", "SEG"),
            instance_number=1,
            manufacturer=MANUFACTURER,
            manufacturer_model_name=MODEL,
            software_versions=__version__,
            device_serial_number=case.algorithm_version,
            content_label="LESIONS",
            content_description=NOTICE[:64],
            content_creator_name="netlesion^",
        )
    segments = made.SegmentSequence[-len(ids) :]  # a label map has one of the background before
    for segment, lesion in zip(segments, case.lesions, strict=True):
        if lesion.site is not None and lesion.site.side is not None:
            segment.AnatomicRegionSequence[0].AnatomicRegionModifierSequence = [_item(_side(lesion))]
    organization = uid("dimensions")
    for item in (*made.DimensionOrganizationSequence, *made.DimensionIndexSequence):
        item.DimensionOrganizationUID = organization
    finish(made, source, f"Lesions {case.tracer_label} (research)")
    return made


def _segment(number: int, lesion: ReportedLesion, case: ReportedCase):
    hd = highdicom()
    algorithm = hd.AlgorithmIdentificationSequence(
        name=case.algorithm, family=Code("123110", "DCM", "Artificial Intelligence"), version=case.algorithm_version
    )
    site = lesion.site
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=lesion.label,
        segmented_property_category=MORPHOLOGICALLY_ABNORMAL,
        segmented_property_type=TYPE_OF_KIND[lesion.kind],
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=algorithm,
        tracking_uid=lesion.tracking_uid,
        tracking_id=lesion.tracking_id,
        anatomic_regions=None if site is None else [Code(site.value, "SCT", site.meaning)],
    )


def _side(lesion: ReportedLesion) -> Code:
    assert lesion.site is not None
    return LEFT if lesion.site.side == "left" else RIGHT


def _item(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, code.scheme_designator, code.meaning
    return item
