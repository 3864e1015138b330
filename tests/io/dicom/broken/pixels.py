"""Pixel data that end early, lie about their size, or cannot be decoded."""

import zlib

import pydicom
from pydicom.uid import MPEG2MPML, JPEG2000Lossless, JPEGLosslessSV1, RLELossless

from tests.io.dicom.broken.variants import changed, cut, edit, patch, series, set_syntax, variant

for percent in (20, 35, 50, 65, 80, 90, 96, 99):
    cut(f"cut at {percent} percent", percent / 100)
changed("rows lie", Rows=4)
changed("rows gigantic", Rows=65535, Columns=65535)
changed("columns lie", Columns=500)
changed("rows zero", Rows=0)
changed("rows missing", Rows=None)
changed("columns differ", Rows=5, Columns=3)
changed("bits lie", BitsAllocated=32, BitsStored=32, HighBit=31)
changed("bits odd", BitsAllocated=13)
changed("bits zero", BitsAllocated=0)
changed("samples three", SamplesPerPixel=3)
changed("slope zero", RescaleSlope=0)
changed("slope missing", modality="CT", RescaleSlope=None)
changed("frames many", NumberOfFrames=3)
changed("frames negative", NumberOfFrames=-5)


@variant
def v_pixel_length_gigantic(folder):
    path = series(folder)[1]
    patch(path, b"\xe0\x7f\x10\x00OW\0\0" + (30).to_bytes(4, "little"), b"\xe0\x7f\x10\x00OW\0\0\xf0\xff\xff\xff")
    return path.name


@variant
def v_pixel_length_undefined(folder):
    path = series(folder)[1]
    patch(path, b"\xe0\x7f\x10\x00OW\0\0" + (30).to_bytes(4, "little"), b"\xe0\x7f\x10\x00OW\0\0\xff\xff\xff\xff")
    return path.name


@variant
def v_deflate_bomb(folder):
    path = series(folder)[1]
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1.99"
    dataset.save_as(path)
    content = path.read_bytes()
    start = 144 + int.from_bytes(content[140:144], "little")
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    with path.open("wb") as file:
        file.write(content[:start])
        for _ in range(64):
            file.write(packer.compress(b"\0" * 2**20))
        file.write(packer.flush())
    return path.name


@variant
def v_rle_bomb(folder):
    for path in series(folder):
        set_syntax(path, RLELossless)
        edit(path, Rows=60000, Columns=60000)
    return ".dcm"


@variant
def v_jpeg2000_garbage(folder):
    path = series(folder)[1]
    for p in path.parent.iterdir():
        set_syntax(p, JPEG2000Lossless)
    return ".dcm"


@variant
def v_jpeg_lossless_garbage(folder):
    for path in series(folder):
        set_syntax(path, JPEGLosslessSV1)
    return ".dcm"


@variant
def v_a_film(folder):
    for path in series(folder):
        set_syntax(path, MPEG2MPML)
    return "MPEG2"


@variant
def v_unknown_syntax(folder):
    path = series(folder)[1]
    for p in path.parent.iterdir():
        set_syntax(p, "1.2.3.4.5")
    return "not readable"
