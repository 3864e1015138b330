"""Lesion instances of a written image series -> an RTSTRUCT that reads back to exactly the same mask.

One ROI per lesion, named by its tracking id, and one that holds them all. Contours lie in the slice planes along voxel
edges (clinical.md 9.4); holes are inner contours (XOR) or joined by a channel (keyhole). Implicit VR, as the
contour data of a large slice does not fit the 64 KiB of an explicit one.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset

from netlesion.io.dicom.contour_items import STUDY_CLASS, contour_items
from netlesion.io.dicom.outline import Holes
from netlesion.io.dicom.series import RTSTRUCT
from netlesion.io.dicom.write.exam import COMMENT, da, tm
from netlesion.io.dicom.write.lesions import labels_on
from netlesion.io.dicom.write.series import save
from netlesion.output.atomic import atomic_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netlesion.image.volume import Volume
    from netlesion.io.dicom.write.exam import SyntheticExam
    from netlesion.io.dicom.write.lesions import LesionIdentity
    from netlesion.io.dicom.write.series import WrittenSeries

#: The ROI that holds every lesion; an import makes the reference mask of a cohort from it.
ALL_LESIONS = "lesions"


def write_rtstruct(
    instances: Volume,
    image: WrittenSeries,
    lesions: Sequence[LesionIdentity],
    exam: SyntheticExam,
    path: str | Path,
    *,
    holes: Holes = Holes.XOR,
    name: str = "RTSTRUCT lesions",
    number: int = 100,
) -> Path:
    """Writes the lesions that have voxels in `instances` (LABEL, on the image's grid) as one RTSTRUCT.

    Without any lesion it holds the ROI of all lesions with no contour. Raises GeometryError for another grid,
    DicomError for a value of `instances` that no lesion names.
    """
    found = labels_on(instances, image, lesions)
    rois = [(ALL_LESIONS, "every lesion", found.array > 0)]
    rois += [(one.tracking_id, one.description, found.array == one.lesion_id) for one in found.lesions]
    dataset = exam.series_header(RTSTRUCT, "RTSTRUCT", name, number, exam.start)
    dataset.InstanceNumber, dataset.StructureSetLabel, dataset.StructureSetDescription = 1, "SYNTHETIC", COMMENT
    dataset.StructureSetDate, dataset.StructureSetTime = da(exam.start), tm(exam.start)
    dataset.ApprovalStatus, dataset.OperatorsName = "UNAPPROVED", ""
    dataset.ReferencedFrameOfReferenceSequence = [_referenced(image, exam)]
    dataset.StructureSetROISequence, dataset.ROIContourSequence, dataset.RTROIObservationsSequence = [], [], []
    for roi_number, (roi_name, description, mask) in enumerate(rois, start=1):
        roi, contours, observation = Dataset(), Dataset(), Dataset()
        roi.ROINumber = contours.ReferencedROINumber = roi_number
        observation.ObservationNumber = observation.ReferencedROINumber = roi_number
        roi.ReferencedFrameOfReferenceUID, roi.ROIName = exam.uid("frame"), roi_name
        roi.ROIDescription, roi.ROIGenerationAlgorithm = description, "AUTOMATIC"
        items = contour_items(
            mask, image.geometry, lambda k: _reference(image.sop_class, image.instance_uids[k]), holes
        )
        if items:
            contours.ContourSequence = items
        observation.RTROIInterpretedType, observation.ROIInterpreter = "GTV", ""
        dataset.StructureSetROISequence.append(roi)
        dataset.ROIContourSequence.append(contours)
        dataset.RTROIObservationsSequence.append(observation)
    with atomic_path(path) as part:
        save(dataset, part, exam.uid("rtstruct", name), explicit=False)
    return Path(path)


def _referenced(image: WrittenSeries, exam: SyntheticExam) -> Dataset:
    frame, study, series = Dataset(), Dataset(), Dataset()
    series.SeriesInstanceUID = image.series_uid
    series.ContourImageSequence = [_reference(image.sop_class, uid) for uid in image.instance_uids]
    study.ReferencedSOPClassUID, study.ReferencedSOPInstanceUID = STUDY_CLASS, exam.uid("study")
    study.RTReferencedSeriesSequence = [series]
    frame.FrameOfReferenceUID, frame.RTReferencedStudySequence = exam.uid("frame"), [study]
    return frame


def _reference(sop_class: str, uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
    return item
