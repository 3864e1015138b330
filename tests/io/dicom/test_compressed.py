"""Compressed PETs give the values of the uncompressed one, with nothing installed beside the dependencies.

The JPEG-LS frames (lossless, and near-lossless with an error of 2) were encoded by CharLS 2.4 from 16 x 24 pixels of
1000 with a block of 8000; the others are written here by ITK.
"""

import base64

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import UID

from netlesion.errors import DicomError
from netlesion.io.dicom.pixels import undecodable
from netlesion.io.dicom.series import index_folder, read_image
from tests.synthetic_dicom import write_series

ROWS_COLUMNS = np.full((16, 24), 1000, np.uint16)
ROWS_COLUMNS[5:8, 9:13] = 8000
LOSSLESS = base64.b64decode(
    "/9j/9wALDQAQABgBAREA//gADQEf/wASAEMBFABA/9oACAEBAAAAAAAAz4CBAgggghCEIQhCIiIiIgP/f+kqdEQAAAAAAUp1MAcDhgHB/3D/2Q=="
)
NEAR = base64.b64decode(
    "/9j/9wALDQAQABgBAREA//gADQEf/wAYAE0BIgBA/9oACAEBAAIAAAAF8EIRESSSVVVVB/9/0jeqAAAAAAE71MBw4YHH/0D/2Q=="
)


def by_itk(folder, compressor: str) -> bytes:
    import SimpleITK as sitk

    writer = sitk.ImageFileWriter()
    writer.SetImageIO("GDCMImageIO")
    writer.SetFileName(str(folder / "itk.dcm"))
    writer.UseCompressionOn()
    writer.SetCompressor(compressor)
    writer.Execute(sitk.GetImageFromArray(ROWS_COLUMNS[None]))
    return next(generate_frames(pydicom.dcmread(folder / "itk.dcm").PixelData, number_of_frames=1))


FRAMES = {
    "1.2.840.10008.1.2.4.80": lambda folder: LOSSLESS,
    "1.2.840.10008.1.2.4.81": lambda folder: NEAR,
    "1.2.840.10008.1.2.4.70": lambda folder: by_itk(folder, "JPEG"),
    "1.2.840.10008.1.2.4.90": lambda folder: by_itk(folder, "JPEG2000"),
}


def compressed(folder, syntax: str, frame: bytes, **fields):
    """Three slices of ROWS_COLUMNS under a transfer syntax."""
    stored = np.repeat(ROWS_COLUMNS.T[:, :, None], 3, axis=2).astype(np.int16)
    for path in write_series(folder, stored, slopes=[1.0, 2.0, 3.0], changes={"PixelRepresentation": 0} | fields):
        dataset = pydicom.dcmread(path)
        dataset.file_meta.TransferSyntaxUID = UID(syntax)
        dataset.PixelData = encapsulate([frame])
        dataset["PixelData"].VR = "OB"
        dataset.save_as(path)
    return folder


@pytest.mark.parametrize("syntax", FRAMES, ids=lambda s: UID(s).keyword)
def test_a_compressed_pet_has_the_values_of_the_uncompressed_one(tmp_path, syntax):
    (tmp_path / "pet").mkdir()
    folder = compressed(tmp_path / "pet", syntax, FRAMES[syntax](tmp_path))
    values = read_image(index_folder(folder)[0]).array
    assert np.array_equal(values, ROWS_COLUMNS.T[:, :, None] * np.array([1.0, 2.0, 3.0]))
    assert undecodable(syntax) is None


def test_a_broken_compressed_frame_is_one_line_that_names_its_file(tmp_path):
    folder = compressed(tmp_path, "1.2.840.10008.1.2.4.80", LOSSLESS[:40] + b"\0" * 40)
    with pytest.raises(DicomError, match=r"00\d\.dcm: pixel data cannot be decoded") as refused:
        read_image(index_folder(folder)[0])
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.110"])
def test_a_remedy_names_no_package_of_another_licence(syntax):
    line = undecodable(syntax)
    assert "libjpeg" not in line.replace("pylibjpeg-openjpeg", "").replace("pylibjpeg ", "")
    assert "pylibjpeg-openjpeg" in line or "export the series uncompressed" in line
