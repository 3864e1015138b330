"""Lesions of a series -> an RTSTRUCT (clinical.md 9.4): one ROI for each lesion, contours along voxel edges.

Filled by the even-odd rule the contours give exactly the same voxels again. The SEG stays the source of truth. Implicit
VR, as the contour data of a large slice does not fit the 64 KiB of an explicit one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ImplicitVRLittleEndian

from netlesion.io.dicom.contour_items import STUDY_CLASS, contour_items
from netlesion.io.dicom.file import RTSTRUCT
from netlesion.io.dicom.objects.maker import IMPLEMENTATION, MANUFACTURER, MODEL, NOTICE, finish
from netlesion.io.dicom.objects.segmentation import SERIES_NUMBER
from netlesion.io.dicom.objects.source_images import day_of
from netlesion.io.dicom.outline import Holes
from netlesion.output.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    from netlesion.io.dicom.objects.reported import ReportedCase
    from netlesion.io.dicom.objects.source_images import SourceImages

#: What an object takes over of its patient and study.
TAKEN_OVER = (
    *("SpecificCharacterSet", "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex"),
    *("PatientAge", "PatientSize", "PatientWeight", "StudyInstanceUID", "StudyID", "StudyDate", "StudyTime"),
    *("AccessionNumber", "ReferringPhysicianName", "StudyDescription", "FrameOfReferenceUID"),
)


def structure_set(
    labels_IJK: np.ndarray,
    case: ReportedCase,
    source: SourceImages,
    uid: Callable[..., str],
    holes: Holes = Holes.KEYHOLE,
) -> Dataset:
    """The RTSTRUCT of a case; labels_IJK: lesion ids on the grid of `source`.

    holes: KEYHOLE, which programs that join contours read as well as those that cut them out of each other.
    """
    dataset = Dataset()
    for name in TAKEN_OVER:
        if name in source.first:
            dataset[name] = source.first[name]
    day, time = day_of(source)
    dataset.SOPClassUID, dataset.Modality, dataset.SOPInstanceUID = RTSTRUCT, "RTSTRUCT", uid("object", "RTSTRUCT")
    dataset.SeriesInstanceUID, dataset.SeriesNumber = uid("series", "RTSTRUCT"), SERIES_NUMBER + 2
    dataset.PositionReferenceIndicator, dataset.OperatorsName, dataset.InstanceNumber = "", "", 1
    dataset.Manufacturer, dataset.ManufacturerModelName = MANUFACTURER, MODEL
    dataset.SoftwareVersions = __version__
    dataset.StructureSetLabel, dataset.StructureSetDescription = "NETLESION", NOTICE
    dataset.StructureSetDate, dataset.StructureSetTime, dataset.ApprovalStatus = day, time, "UNAPPROVED"
    dataset.ReferencedFrameOfReferenceSequence = [_referenced(source)]
    dataset.StructureSetROISequence, dataset.ROIContourSequence, dataset.RTROIObservationsSequence = [], [], []
    for number, lesion in enumerate(case.lesions, start=1):
        roi, contours, observation = Dataset(), Dataset(), Dataset()
        roi.ROINumber = contours.ReferencedROINumber = observation.ReferencedROINumber = number
        roi.ReferencedFrameOfReferenceUID, roi.ROIName = source.frame_of_reference_uid, lesion.tracking_id[:64]
        roi.ROIDescription = lesion.label if lesion.site is None else f"{lesion.label}, {lesion.site.meaning}"
        roi.ROIGenerationAlgorithm = "AUTOMATIC"
        mask = labels_IJK == lesion.lesion_id
        contours.ContourSequence = contour_items(mask, source.geometry, source.reference, holes)
        observation.ObservationNumber, observation.ROIInterpreter = number, ""
        observation.RTROIInterpretedType = "GTV"
        dataset.StructureSetROISequence.append(roi)
        dataset.ROIContourSequence.append(contours)
        dataset.RTROIObservationsSequence.append(observation)
    dataset.file_meta = _meta(dataset)
    finish(dataset, source, f"Lesion contours {case.tracer_label} (research)")
    return dataset


def _referenced(source: SourceImages) -> Dataset:
    frame, study, series = Dataset(), Dataset(), Dataset()
    series.SeriesInstanceUID, series.ContourImageSequence = source.series_uid, source.references()
    study.ReferencedSOPClassUID, study.ReferencedSOPInstanceUID = STUDY_CLASS, source.first.StudyInstanceUID
    study.RTReferencedSeriesSequence = [series]
    frame.FrameOfReferenceUID, frame.RTReferencedStudySequence = source.frame_of_reference_uid, [study]
    return frame


def _meta(dataset: Dataset) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    meta.TransferSyntaxUID, meta.ImplementationClassUID = ImplicitVRLittleEndian, UID(IMPLEMENTATION)
    return meta
