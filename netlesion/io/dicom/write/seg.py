"""Lesion instances of a written image series -> a DICOM Segmentation, as results of patients become one.

The object is that of `io.dicom.objects.segmentation`, under a synthetic exam's identifiers and words. Knows nothing
about how the lesions were found.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from netlesion.errors import DicomError
from netlesion.io.dicom.file import read_header
from netlesion.io.dicom.objects.reported import ReportedCase, ReportedLesion
from netlesion.io.dicom.objects.segmentation import SegmentationKind, segmentation
from netlesion.io.dicom.objects.sites import site
from netlesion.io.dicom.objects.source_images import SourceImages
from netlesion.io.dicom.write.exam import da, tm
from netlesion.io.dicom.write.lesions import SITE_OF_REGION, labels_on
from netlesion.io.dicom.write.series import save
from netlesion.output.atomic import atomic_path
from netlesion.output.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netlesion.image.volume import Volume
    from netlesion.io.dicom.write.exam import SyntheticExam
    from netlesion.io.dicom.write.lesions import LesionIdentity
    from netlesion.io.dicom.write.series import WrittenSeries

__all__ = ["SegmentationKind", "write_segmentation"]


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
    source = SourceImages(image.folder.name, image.geometry, tuple(read_header(p) for p in image.files))
    named = tuple(
        ReportedLesion(
            one.lesion_id,
            one.tracking_id,
            exam.tracking_uid(one.lesion_id),
            site(SITE_OF_REGION[one.region]) if one.region in SITE_OF_REGION else None,
            kind=one.kind,
        )
        for one in found.lesions
    )
    case = ReportedCase(name, "", "", named, {}, algorithm, __version__)
    dataset = segmentation(found.array, case, source, lambda *what: exam.uid("segmentation", name, *what), kind)
    for element in exam.series_header(kind.value, "SEG", name, number, exam.start):
        dataset[element.tag] = element
    dataset.ContentDate, dataset.ContentTime = da(exam.start), tm(exam.start)
    dataset.ContentDescription = "Synthetic: truth of a digital phantom. Research only."
    with atomic_path(path) as part:
        save(dataset, part, exam.uid("segmentation", name))
    return Path(path)
