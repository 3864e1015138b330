"""Compressed frames that pydicom has no decoder for, through SimpleITK: JPEG-LS, lossless JPEG, JPEG of 12 bits.

SimpleITK reads files only, and applies a rescale slope; so each frame goes through a file of its own that holds its
pixels and nothing else of the header. Knows nothing about what the values mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import SecondaryCaptureImageStorage, generate_uid

#: JPEG baseline and extended, lossless JPEG, JPEG-LS, JPEG 2000.
SYNTAXES = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 57, 70, 80, 81, 90, 91))
_PIXEL_FIELDS = (
    *("SamplesPerPixel", "PhotometricInterpretation", "Rows", "Columns"),
    *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
)


def itk_frames(dataset: Dataset, wanted: Sequence[int] | None = None) -> Iterator[np.ndarray]:
    """The stored values, (rows, columns), of every frame of a compressed image, or of those numbered `wanted`.

    Raises RuntimeError for data that ITK cannot decode.
    """
    number = int(dataset.get("NumberOfFrames") or 1)
    frames = list(generate_frames(dataset.PixelData, number_of_frames=number))
    with TemporaryDirectory() as folder:
        for n in range(number) if wanted is None else wanted:
            yield _decoded(dataset, frames[n], Path(folder, "frame.dcm"))


def _decoded(dataset: Dataset, frame: bytes, path: Path) -> np.ndarray:
    import SimpleITK as sitk

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = SecondaryCaptureImageStorage, generate_uid()
    meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    alone = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    alone.SOPClassUID, alone.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    for name in _PIXEL_FIELDS:
        setattr(alone, name, dataset.get(name))
    alone.PixelData = encapsulate([frame])
    alone["PixelData"].VR = "OB"
    alone.save_as(path, enforce_file_format=True)
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path), imageIO="GDCMImageIO")).reshape(
        int(dataset.Rows), int(dataset.Columns)
    )
