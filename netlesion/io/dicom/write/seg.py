"""Lesion instances of a written image series -> a DICOM Segmentation: one coded segment per lesion.

BINARY for exchange; LABELMAP as an option that many viewers lack (clinical.md 9.2). Empty frames are left out. Frames
lie on the image's own slices and name them. Knows nothing about how the lesions were found.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydicom.dataset import Dataset

from netlesion.errors import DicomError
from netlesion.io.dicom.write.exam import code_item, da, tm
from netlesion.io.dicom.write.lesions import MORPHOLOGICALLY_ABNORMAL, SITE_OF_REGION, TYPE_OF_KIND, labels_on
from netlesion.io.dicom.write.series import save, set_plane, slice_positions
from netlesion.output.atomic import atomic_path
from netlesion.output.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netlesion.image.volume import Volume
    from netlesion.io.dicom.write.exam import SyntheticExam
    from netlesion.io.dicom.write.lesions import LabelsOnSeries, LesionIdentity
    from netlesion.io.dicom.write.series import WrittenSeries


class SegmentationKind(Enum):
    """The value is the SOP class."""

    BINARY = "1.2.840.10008.5.1.4.1.1.66.4"
    LABELMAP = "1.2.840.10008.5.1.4.1.1.66.7"


def write_segmentation(
    instances: Volume,
    image: WrittenSeries,
    lesions: Sequence[LesionIdentity],
    exam: SyntheticExam,
    path: str | Path,
    *,
    kind: SegmentationKind = SegmentationKind.BINARY,
    algorithm: str = "netlesion phantom truth",
    name: str = "SEG lesions",
    number: int = 200,
) -> Path:
    """Writes the lesions that have voxels in `instances` (LABEL, on the image's grid) as one SEG, numbered from 1.

    Raises GeometryError for another grid, DicomError for a value that no lesion names, and when there is none at
    all: a Segmentation without a segment is not valid.
    """
    found = labels_on(instances, image, lesions)
    if not found.lesions:
        raise DicomError(f"{path}: no lesion to write; a DICOM Segmentation needs at least one segment")
    binary = kind is SegmentationKind.BINARY
    dataset = exam.series_header(kind.value, "SEG", name, number, exam.start)
    dataset.InstanceNumber, dataset.ImageType = 1, ["DERIVED", "PRIMARY"]
    dataset.ContentDate, dataset.ContentTime = da(exam.start), tm(exam.start)
    dataset.ContentLabel, dataset.ContentCreatorName = "LESIONS", ""
    dataset.ContentDescription = "Synthetic: truth of a digital phantom. Research only."
    dataset.SegmentationType, dataset.SegmentsOverlap = kind.name, "NO"
    dataset.SegmentSequence = [_segment(n, lesion, exam, algorithm) for n, lesion in enumerate(found.lesions, start=1)]
    frames = _frames(found, binary)
    _set_pixels(dataset, found, frames, image, binary)
    _set_dimensions(dataset, frames, image, exam.uid("dimensions", name), binary)
    dataset.ReferencedSeriesSequence = [_referenced(image, frames)]
    with atomic_path(path) as part:
        save(dataset, part, exam.uid("segmentation", name))
    return Path(path)


def _frames(found: LabelsOnSeries, binary: bool) -> list[tuple[int, int]]:
    """(segment, slice) of every frame that is not empty; a label map has one frame per slice, of segment 0."""
    frames: list[tuple[int, int]] = []
    if not binary:
        return [(0, k) for k in np.flatnonzero(found.array.any(axis=(0, 1))).tolist()]
    for segment, lesion in enumerate(found.lesions, start=1):
        slices = np.flatnonzero((found.array == lesion.lesion_id).any(axis=(0, 1)))
        frames += [(segment, k) for k in slices.tolist()]
    return frames


def _set_pixels(
    dataset: Dataset, found: LabelsOnSeries, frames: list[tuple[int, int]], image: WrittenSeries, binary: bool
) -> None:
    columns, rows, _ = image.geometry.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = rows, columns, len(frames)
    dataset.PixelRepresentation, dataset.LossyImageCompression = 0, "00"
    if binary:
        ids = [lesion.lesion_id for lesion in found.lesions]
        planes = [(found.array[:, :, k] == ids[segment - 1]).T for segment, k in frames]
        pixels, bits = np.packbits(np.stack(planes).ravel(), bitorder="little").tobytes(), 1
    else:
        bits = 8 if len(found.lesions) < 256 else 16
        segment_of = np.zeros(found.lesions[-1].lesion_id + 1, dtype="<u1" if bits == 8 else "<u2")
        segment_of[[lesion.lesion_id for lesion in found.lesions]] = np.arange(1, len(found.lesions) + 1)
        pixels = np.stack([segment_of[found.array[:, :, k].T] for _, k in frames]).tobytes()
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit = bits - 1
    dataset.add_new("PixelData", "OW" if bits == 16 else "OB", pixels + b"\0" * (len(pixels) % 2))


def _set_dimensions(
    dataset: Dataset, frames: list[tuple[int, int]], image: WrittenSeries, organization_uid: str, binary: bool
) -> None:
    """Functional groups: what all frames share, and each frame's segment, place and source image."""
    organization = Dataset()
    organization.DimensionOrganizationUID = organization_uid
    dataset.DimensionOrganizationSequence = [organization]
    pointers = [("ImagePositionPatient", "PlanePositionSequence")]
    if binary:
        pointers.insert(0, ("ReferencedSegmentNumber", "SegmentIdentificationSequence"))
    dataset.DimensionIndexSequence = []
    for attribute, group in pointers:
        pointer = Dataset()
        pointer.DimensionOrganizationUID = organization_uid
        pointer.DimensionIndexPointer, pointer.FunctionalGroupPointer = attribute, group
        pointer.DimensionDescriptionLabel = attribute
        dataset.DimensionIndexSequence.append(pointer)
    plane, orientation, measures, shared = Dataset(), Dataset(), Dataset(), Dataset()
    set_plane(plane, image.geometry)
    orientation.ImageOrientationPatient = plane.ImageOrientationPatient
    measures.PixelSpacing, measures.SliceThickness = plane.PixelSpacing, plane.SliceThickness
    measures.SpacingBetweenSlices = plane.SliceThickness
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [orientation], [measures]
    dataset.SharedFunctionalGroupsSequence = [shared]
    positions = slice_positions(image.geometry)
    place = {k: n for n, k in enumerate(sorted({k for _, k in frames}), start=1)}
    dataset.PerFrameFunctionalGroupsSequence = []
    for segment, k in frames:
        content, position, group = Dataset(), Dataset(), Dataset()
        content.DimensionIndexValues = [segment, place[k]] if binary else [place[k]]
        position.ImagePositionPatient = positions[k]
        group.FrameContentSequence, group.PlanePositionSequence = [content], [position]
        group.DerivationImageSequence = [_derivation(image, k)]
        if binary:
            identification = Dataset()
            identification.ReferencedSegmentNumber = segment
            group.SegmentIdentificationSequence = [identification]
        dataset.PerFrameFunctionalGroupsSequence.append(group)


def _segment(number: int, lesion: LesionIdentity, exam: SyntheticExam, algorithm: str) -> Dataset:
    segment = Dataset()
    segment.SegmentNumber, segment.SegmentLabel = number, lesion.tracking_id
    segment.SegmentDescription = lesion.description
    segment.SegmentAlgorithmType, segment.SegmentAlgorithmName = "AUTOMATIC", f"{algorithm} {__version__}"
    segment.TrackingID, segment.TrackingUID = lesion.tracking_id, exam.tracking_uid(lesion.lesion_id)
    segment.SegmentedPropertyCategoryCodeSequence = [code_item(*MORPHOLOGICALLY_ABNORMAL)]
    segment.SegmentedPropertyTypeCodeSequence = [code_item(*TYPE_OF_KIND[lesion.kind])]
    site = SITE_OF_REGION.get(lesion.region or "")
    if site is not None:
        segment.AnatomicRegionSequence = [code_item(*site)]
    return segment


def _derivation(image: WrittenSeries, k: int) -> Dataset:
    source, derivation = Dataset(), Dataset()
    source.ReferencedSOPClassUID, source.ReferencedSOPInstanceUID = image.sop_class, image.instance_uids[k]
    source.PurposeOfReferenceCodeSequence = [code_item("121322", "DCM", "Source image for image processing operation")]
    derivation.DerivationCodeSequence = [code_item("113076", "DCM", "Segmentation")]
    derivation.SourceImageSequence = [source]
    return derivation


def _referenced(image: WrittenSeries, frames: list[tuple[int, int]]) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID, series.ReferencedInstanceSequence = image.series_uid, []
    for k in sorted({k for _, k in frames}):
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = image.sop_class, image.instance_uids[k]
        series.ReferencedInstanceSequence.append(item)
    return series
