"""Small RTSTRUCT, SEG and Enhanced multi-frame files written by pydicom, for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"
SEG, LABELMAP = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"
ENHANCED = {
    "PT": "1.2.840.10008.5.1.4.1.1.130",
    "CT": "1.2.840.10008.5.1.4.1.1.2.1",
    "MR": "1.2.840.10008.5.1.4.1.1.4.1",
}


def write_rtstruct(path: Path, image: Path, rois: list[tuple[str, list[tuple[str, list]]]]) -> Path:
    """rois: (name, [(geometric type, points (N, 3) in LPS mm)]); drawn on the series of `image`."""
    source = pydicom.dcmread(image, stop_before_pixels=True)
    dataset = _new(RTSTRUCT, "RTSTRUCT", source)
    frame, study, series = Dataset(), Dataset(), Dataset()
    series.SeriesInstanceUID = source.SeriesInstanceUID
    study.RTReferencedSeriesSequence = [series]
    frame.FrameOfReferenceUID, frame.RTReferencedStudySequence = source.FrameOfReferenceUID, [study]
    dataset.ReferencedFrameOfReferenceSequence = [frame]
    dataset.StructureSetROISequence, dataset.ROIContourSequence = [], []
    for number, (name, contours) in enumerate(rois, start=1):
        roi, item = Dataset(), Dataset()
        roi.ROINumber, roi.ROIName = number, name
        roi.ReferencedFrameOfReferenceUID = source.FrameOfReferenceUID
        item.ReferencedROINumber, item.ContourSequence = number, []
        for kind, points in contours:
            contour = Dataset()
            contour.ContourGeometricType, contour.NumberOfContourPoints = kind, len(points)
            contour.ContourData = [f"{v:.6f}" for point in points for v in point]
            item.ContourSequence.append(contour)
        dataset.StructureSetROISequence.append(roi)
        dataset.ROIContourSequence.append(item)
    return _save(dataset, path)


def square(x: float, y: float, z: float, half: float) -> list[tuple[float, float, float]]:
    return [(x - half, y - half, z), (x + half, y - half, z), (x + half, y + half, z), (x - half, y + half, z)]


def write_seg(path: Path, image: Path, frames: list[dict], kind: str = "BINARY", labels=("lesion",)) -> Path:
    """frames: dicts of pixels (rows, columns), segment (from 1), position, orientation, spacing; all LPS."""
    source = pydicom.dcmread(image, stop_before_pixels=True)
    dataset = _new(LABELMAP if kind == "LABELMAP" else SEG, "SEG", source)
    dataset.SegmentationType = kind
    if kind == "FRACTIONAL":
        dataset.SegmentationFractionalType, dataset.MaximumFractionalValue = "PROBABILITY", 200
    dataset.SegmentSequence = []
    for number, label in enumerate(labels, start=1):
        segment = Dataset()
        segment.SegmentNumber, segment.SegmentLabel = number, label
        dataset.SegmentSequence.append(segment)
    series = Dataset()
    series.SeriesInstanceUID = source.SeriesInstanceUID
    dataset.ReferencedSeriesSequence = [series]
    dataset.SharedFunctionalGroupsSequence = [Dataset()]
    dataset.PerFrameFunctionalGroupsSequence = []
    for frame in frames:
        group = _plane_groups(frame["position"], frame["orientation"], frame["spacing"])
        if kind != "LABELMAP":
            item = Dataset()
            item.ReferencedSegmentNumber = frame["segment"]
            group.SegmentIdentificationSequence = [item]
        dataset.PerFrameFunctionalGroupsSequence.append(group)
    pixels = np.stack([f["pixels"] for f in frames]).astype(np.uint8)
    _set_frames(dataset, pixels, 1 if kind == "BINARY" else 8)
    return _save(dataset, path)


def write_enhanced(
    path: Path, classic: list[Path], modality: str, order=None, edit=lambda group, index: None, **fields
) -> Path:
    """One Enhanced file from the files of a classic series, frames in the order given (indices).

    edit: changes the functional groups of one frame, given the index of its slice. A dose is written in MBq.
    """
    order = range(len(classic)) if order is None else order
    sources = [pydicom.dcmread(p) for p in classic]
    sources = [sources[i] for i in order]
    dataset = _new(ENHANCED[modality], modality, sources[0])
    dataset.SeriesInstanceUID = sources[0].SeriesInstanceUID
    for name in (
        "PatientWeight",
        "PatientSize",
        "PatientSex",
        "SeriesDescription",
        "RadiopharmaceuticalInformationSequence",
    ):
        if name in sources[0]:
            setattr(dataset, name, sources[0].get(name))
    for dose in (d for d in dataset.get("RadiopharmaceuticalInformationSequence", ()) if "RadionuclideTotalDose" in d):
        dose.RadionuclideTotalDose = float(dose.RadionuclideTotalDose) / 1e6
    measures = Dataset()
    measures.PixelSpacing, measures.SliceThickness = sources[0].PixelSpacing, sources[0].SliceThickness
    shared = Dataset()
    shared.PixelMeasuresSequence = [measures]
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = []
    for n, source in enumerate(sources):
        group = _plane_groups(source.ImagePositionPatient, source.ImageOrientationPatient, None)
        if "RescaleSlope" in source:
            value = Dataset()
            value.RescaleSlope, value.RescaleIntercept = source.RescaleSlope, source.RescaleIntercept
            value.RescaleType = "BQML" if modality == "PT" else "HU"
            group.PixelValueTransformationSequence = [value]
        content = Dataset()
        content.FrameAcquisitionDateTime = f"20240314{110000 + n}"
        content.FrameAcquisitionDuration = 180000.0
        group.FrameContentSequence = [content]
        edit(group, order[n])
        dataset.PerFrameFunctionalGroupsSequence.append(group)
    for name, value in fields.items():
        setattr(dataset, name, value)
    pixels = np.stack([s.pixel_array for s in sources]).astype("<i2")
    _set_frames(dataset, pixels, 16)
    return _save(dataset, path)


def _plane_groups(position, orientation, spacing) -> Dataset:
    group, place, plane = Dataset(), Dataset(), Dataset()
    place.ImagePositionPatient = [float(f"{float(v):.10g}") for v in position]
    plane.ImageOrientationPatient = [float(f"{float(v):.10g}") for v in orientation]
    group.PlanePositionSequence, group.PlaneOrientationSequence = [place], [plane]
    if spacing is not None:
        measures = Dataset()
        measures.PixelSpacing = [float(v) for v in spacing]
        group.PixelMeasuresSequence = [measures]
    return group


def _set_frames(dataset: Dataset, pixels: np.ndarray, bits: int) -> None:
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelRepresentation = int(bits == 16)
    payload = np.packbits(pixels.ravel(), bitorder="little") if bits == 1 else pixels
    dataset.PixelData = payload.tobytes() + b"\0" * (payload.nbytes % 2)


def _new(sop_class: str, modality: str, source: Dataset) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = sop_class, generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    dataset.Modality, dataset.SeriesInstanceUID = modality, generate_uid()
    for name in ("PatientID", "PatientName", "PatientBirthDate", "StudyInstanceUID", "StudyDate", "StudyTime",
                 "FrameOfReferenceUID", "SeriesDate", "SeriesTime"):  # fmt: skip
        if name in source:
            setattr(dataset, name, source.get(name))
    return dataset


def _save(dataset: FileDataset, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path
