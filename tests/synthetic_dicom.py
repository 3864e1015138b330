"""Small DICOM series written by pydicom, for tests: any orientation, spacing, modality and fact."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

SOP_CLASS = {
    "PT": "1.2.840.10008.5.1.4.1.1.128",
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "MR": "1.2.840.10008.5.1.4.1.1.4",
}


def write_series(
    folder: Path,
    stored_IJK: np.ndarray,
    modality: str = "PT",
    row=(1.0, 0.0, 0.0),
    column=(0.0, 1.0, 0.0),
    spacing=(3.0, 2.0, 4.0),
    origin=(-10.0, -20.0, 30.0),
    slopes=None,
    intercept: float | None = None,
    reverse_names: bool = False,
    changes: dict | None = None,
) -> list[Path]:
    """Writes stored values (I, J, K) of int16, I along `row`, J along `column`, K along their cross product.

    spacing: (row spacing between J neighbours, column spacing between I neighbours, slice step), mm, all LPS.
    intercept: by default -1000 in a CT, else 0.
    `changes` sets header fields of every slice; a value of None deletes the field.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if intercept is None:
        intercept = -1000.0 if modality == "CT" else 0.0
    row, column = np.asarray(row, float), np.asarray(column, float)
    normal = np.cross(row, column)
    series, study, frame = generate_uid(), generate_uid(), generate_uid()
    paths = []
    for k in range(stored_IJK.shape[2]):
        dataset = _dataset(modality, series, study, frame)
        dataset.ImagePositionPatient = [float(f"{v:.10g}") for v in np.asarray(origin) + k * spacing[2] * normal]
        dataset.ImageOrientationPatient = [float(f"{v:.10g}") for v in (*row, *column)]
        dataset.PixelSpacing = [spacing[0], spacing[1]]
        dataset.SliceThickness = spacing[2]
        dataset.InstanceNumber = k + 1
        dataset.Rows, dataset.Columns = stored_IJK.shape[1], stored_IJK.shape[0]
        if modality != "MR":
            dataset.RescaleSlope = 1.0 if slopes is None else float(slopes[k])
            dataset.RescaleIntercept = intercept
        dataset.PixelData = stored_IJK[:, :, k].T.astype("<i2").tobytes()
        _change(dataset, changes or {})
        number = stored_IJK.shape[2] - k if reverse_names else k
        path = folder / f"{number:03d}.dcm"
        dataset.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def _dataset(modality: str, series: str, study: str, frame: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SOP_CLASS[modality]
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    dataset.SeriesInstanceUID, dataset.StudyInstanceUID, dataset.FrameOfReferenceUID = series, study, frame
    dataset.Modality = modality
    dataset.PatientID, dataset.PatientName = "HOSPITAL-4711", "Doe^Jane"
    dataset.PatientBirthDate = "19500102"
    dataset.StudyDate = dataset.SeriesDate = dataset.AcquisitionDate = "20240314"
    dataset.StudyTime = dataset.SeriesTime = dataset.AcquisitionTime = "110000"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 1
    if modality == "PT":
        dataset.Units, dataset.DecayCorrection = "BQML", "START"
        dataset.CorrectedImage = ["DECY", "ATTN", "SCAT"]
        dataset.PatientWeight, dataset.PatientSize = 70.0, 1.75
        dataset.ActualFrameDuration, dataset.FrameReferenceTime = 180000, 90000.0
        item = Dataset()
        item.Radiopharmaceutical = "Dotatate Ga68"
        item.RadiopharmaceuticalStartTime = "100000"
        item.RadionuclideTotalDose, item.RadionuclideHalfLife = 150e6, 4062.6
        nuclide = Dataset()
        nuclide.CodeValue, nuclide.CodingSchemeDesignator, nuclide.CodeMeaning = "C-131A3", "SRT", "^68^Gallium"
        item.RadionuclideCodeSequence = [nuclide]
        dataset.RadiopharmaceuticalInformationSequence = [item]
    return dataset


def _change(dataset: Dataset, changes: dict) -> None:
    for name, value in changes.items():
        target = dataset
        if name.startswith("dose."):
            target, name = dataset.RadiopharmaceuticalInformationSequence[0], name.removeprefix("dose.")
        if value is None:
            delattr(target, name)
        else:
            setattr(target, name, value)
