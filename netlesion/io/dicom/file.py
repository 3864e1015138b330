"""One DICOM file, read with suspicion: a declared length is believed only as far as the file goes.

`read_header` gives everything before the pixels, `read_whole` everything. Both refuse, in one line that names
the file, what is truncated, lies about its size or cannot be parsed. A message never repeats a text of the
header, which might be a name. Knows nothing about series, geometry or values.
"""

from __future__ import annotations

import io
import os
import re
import stat
import struct
import warnings
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, BinaryIO

import pydicom
from pydicom.datadict import dictionary_VR
from pydicom.errors import InvalidDicomError
from pydicom.tag import BaseTag, Tag

from netlesion.errors import DicomError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pydicom.dataset import FileDataset

#: Classic image storage classes, one frame per file -> modality.
CLASSIC_IMAGES = {
    "1.2.840.10008.5.1.4.1.1.128": "PT",
    "1.2.840.10008.5.1.4.1.1.2": "CT",
    "1.2.840.10008.5.1.4.1.1.4": "MR",
}
#: Multi-frame image storage classes: Enhanced and Legacy Converted Enhanced PET, CT and MR.
MULTIFRAME_IMAGES = {
    "1.2.840.10008.5.1.4.1.1.130": "PT",
    "1.2.840.10008.5.1.4.1.1.128.1": "PT",
    "1.2.840.10008.5.1.4.1.1.2.1": "CT",
    "1.2.840.10008.5.1.4.1.1.2.2": "CT",
    "1.2.840.10008.5.1.4.1.1.4.1": "MR",
    "1.2.840.10008.5.1.4.1.1.4.4": "MR",
}
IMAGES = CLASSIC_IMAGES | MULTIFRAME_IMAGES
RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"
SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
DICOMDIR = "1.2.840.10008.1.3.10"

DEFLATED = "1.2.840.10008.1.2.1.99"
NATIVE = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", DEFLATED)
#: Header elements are small; one that claims more than this is not read.
LARGEST_HEADER_ELEMENT = 64 * 2**20
#: A deflated file may grow to this size (bytes), and beyond 8 MiB to so many times its own; more is a bomb.
LARGEST_INFLATED = 256 * 2**20
LARGEST_INFLATION = 100
UNDEFINED = 0xFFFFFFFF
#: Bytes that pydicom reads at once, beyond the end too, when it looks for the end of an element without a length.
SEARCH_CHUNK = 8192
#: One frame of a tomogram is smaller than this (bytes, decoded); a header that claims more is not believed.
LARGEST_FRAME = 256 * 2**20
#: A compressed file that claims to decode to more bytes than this may claim no more than so often its own size.
SMALL_WHEN_DECODED = 64 * 2**20
LARGEST_RATIO = 200
#: Bytes of a file that are read at once for an index.
HEAD = 32 * 2**10
NAMES_OF_DICOM = (".dcm", ".ima", ".dicom")


class NotDicomError(DicomError):
    """A file that neither is DICOM nor claims to be."""


@dataclass(frozen=True)
class PixelExtent:
    """Where a file's pixel data lie: offset and length of the value in bytes; encapsulated = compressed."""

    offset: int
    length: int
    encapsulated: bool


class BoundedFile:
    """A file for pydicom in which no read or seek goes beyond the end, whatever length an element declares."""

    def __init__(self, path: Path, largest_read: int | None) -> None:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        self._file = os.fdopen(descriptor, "rb", buffering=16384)
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            self._file.close()
            raise NotDicomError(f"{path}: not a regular file")
        self.name = str(path)
        self.size = status.st_size
        self.overran = False
        self._largest_read = largest_read
        self.tell = self._file.tell
        self.close = self._file.close

    def read(self, count: int = -1) -> bytes:
        left = max(0, self.size - self.tell())
        if count is None or count < 0:
            count = left
        if count > left:
            self.overran |= left > 0 and count > 8 and count != SEARCH_CHUNK
            count = left
        if self._largest_read is not None and count > self._largest_read:
            raise DicomError(f"{self.name}: a header element of {count} bytes; the header is broken, restore the file")
        return self._file.read(count)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        target = offset + (0, self.tell(), self.size)[whence]
        if target > self.size:
            self.overran = True
            target = self.size
        return self._file.seek(max(0, target))

    def __enter__(self) -> BoundedFile:
        return self

    def __exit__(self, *_) -> None:
        self.close()


def read_header(path: Path) -> FileDataset:
    """Everything before the pixels, as stored; raises DicomError for a broken file, NotDicomError for another kind."""
    header, _ = read_checked_header(path)
    return header


def read_checked_header(path: Path, tags: Sequence[BaseTag] | None = None) -> tuple[FileDataset, PixelExtent | None]:
    """The header (only `tags`, if given) and where the pixels lie, which are checked to be there in full.

    Raises DicomError when the file ends before its header or pixel data do, or when rows, columns and bits
    need more bytes than the pixel data have.
    """
    with _open(path, LARGEST_HEADER_ELEMENT) as file:
        force = _require_dicom(path, file)
        if tags is not None and not force:
            quick = _from_head(path, file, tags)
            if quick is not None:
                return quick
        header = _parse(path, file, force=force, stop_before_pixels=True, specific_tags=tags)
        if uid_of(header.file_meta, "MediaStorageSOPClassUID") == DICOMDIR:
            raise NotDicomError(f"{path}: a DICOMDIR; the files themselves are read")
        sop_class = uid_of(header, "SOPClassUID")
        if sop_class is None or uid_of(header, "SeriesInstanceUID") is None:
            raise DicomError(
                f"{path}: the DICOM header holds no SOPClassUID or SeriesInstanceUID, the file is truncated; "
                "restore it from its source"
            )
        if sop_class in IMAGES or sop_class in SEGMENTATIONS:
            return header, _pixel_extent(path, file, header, file.size)
        if file.overran:
            raise DicomError(f"{path}: ends before its header does, the file is truncated; restore it from its source")
        return header, None


def read_salvaged_header(path: Path, tags: Sequence[BaseTag]) -> FileDataset:
    """What can still be parsed of a broken file's header, unchecked: only to tell which series it was part of."""
    with _open(path, LARGEST_HEADER_ELEMENT) as file:
        force = _require_dicom(path, file)
        return _parse(path, file, force=force, stop_before_pixels=True, specific_tags=tags)


def read_whole(path: Path) -> FileDataset:
    """One DICOM file with everything in it; raises DicomError, naming it, when it is broken."""
    with _open(path, None) as file:
        force = _require_dicom(path, file)
        dataset = _parse(path, file, force=force)
        if file.overran and "PixelData" not in dataset:
            raise DicomError(f"{path}: ends before its data do, the file is truncated; restore it from its source")
        return dataset


def uid_of(dataset, name: str) -> str | None:
    """A UID field as text, or None when it is missing or is no UID (digits and dots)."""
    value = text_of(dataset, name)
    return value if value is not None and re.fullmatch(r"[0-9.]{1,64}", value) else None


def text_of(dataset, name: str | BaseTag) -> str | None:
    """A short field as stored text, several values joined by a backslash; None where it is missing or empty."""
    try:
        item = dataset.get_item(_tag(name) if isinstance(name, str) else name)
        value = None if item is None else item.value
    except Exception:  # a field that cannot even be reached says nothing
        return None
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    elif value is not None and (isinstance(value, (list, tuple)) or type(value).__name__ == "MultiValue"):
        value = "\\".join(str(v) for v in value)
    text = "" if value is None else str(value).strip(" \0\t\r\n")
    return text or None


def floats_of(dataset, name: str, count: int) -> tuple[float, ...] | None:
    """`count` finite numbers of a decimal string field, or None for anything else."""
    text = text_of(dataset, name)
    try:
        values = tuple(float(v) for v in (text or "").split("\\"))
    except ValueError:
        return None
    return values if len(values) == count and all(abs(v) < 1e9 for v in values) else None


def integer_of(dataset, name: str) -> int | None:
    """A whole number (US or IS), or None for anything else."""
    try:
        item = dataset.get_item(_tag(name))
        value = None if item is None else item.value
        if item is not None and isinstance(value, bytes) and _vr(name) == "US":
            return int.from_bytes(value, "little" if item.is_little_endian else "big") if len(value) == 2 else None
        if isinstance(value, bytes):
            value = value.decode("ascii").strip(" \0")
        return None if value is None or value == "" else int(value)
    except Exception:  # a broken value raises many kinds; each means that there is none
        return None


@lru_cache(maxsize=256)
def _vr(name: str) -> str:
    return dictionary_VR(name)


@lru_cache(maxsize=256)
def _tag(name: str) -> BaseTag:
    return Tag(name)


def _open(path: Path, largest_read: int | None) -> BoundedFile:
    try:
        return BoundedFile(path, largest_read)
    except OSError as error:
        raise DicomError(f"{path}: cannot be opened ({error.strerror}); correct its permissions") from error


def _require_dicom(path: Path, file: BoundedFile) -> bool:
    """Whether pydicom must be forced (no preamble); raises for what is not DICOM and for decompression bombs."""
    head = file.read(min(1024, file.size))
    file.seek(0)
    if head[128:132] == b"DICM":
        if DEFLATED.encode() in head:
            _require_small_when_inflated(path, file, head)
        return False
    if head[:2] in (b"\x08\x00", b"\x02\x00") and len(head) > 132:
        return True  # an old export without preamble starts with its first group
    if path.name.lower().endswith(NAMES_OF_DICOM):
        raise DicomError(f"{path}: not a readable DICOM file (no DICM marker); restore it from its source")
    kind = "a zip archive; unpack it first" if head[:2] == b"PK" else "not DICOM"
    raise NotDicomError(f"{path}: {kind}")


def _require_small_when_inflated(path: Path, file: BoundedFile, head: bytes) -> None:
    if len(head) < 144 or head[132:140] != b"\x02\x00\x00\x00UL\x04\x00":
        raise DicomError(f"{path}: broken file meta information; restore the file from its source")
    start = 144 + struct.unpack("<L", head[140:144])[0]
    inflate, grown = zlib.decompressobj(-zlib.MAX_WBITS), 0
    file.seek(start)
    try:
        piece = file.read(2**16)
        while piece and not inflate.eof:
            grown += len(inflate.decompress(piece, 2**24))
            if grown > LARGEST_INFLATED or grown > max(8 * 2**20, LARGEST_INFLATION * file.size):
                raise DicomError(
                    f"{path}: inflates from {file.size} to more than {grown} bytes; convert it to Explicit VR Little "
                    "Endian if it is genuine"
                )
            piece = inflate.unconsumed_tail or file.read(2**16)
    except zlib.error as error:
        raise DicomError(f"{path}: its deflated data are broken; restore the file from its source") from error
    file.seek(0)


def _from_head(path: Path, file: BoundedFile, tags: Sequence[BaseTag]) -> tuple[FileDataset, PixelExtent | None] | None:
    """The header of an image whose pixel data begin within the first HEAD bytes; None for every other file.

    It spares the many small reads of `BoundedFile`: a third of the time of an index.
    """
    head = io.BytesIO(file.read(min(HEAD, file.size)))
    file.seek(0)
    try:
        header = _parse(path, head, stop_before_pixels=True, specific_tags=tags)
    except DicomError:
        return None
    known = uid_of(header, "SOPClassUID") in IMAGES and uid_of(header, "SeriesInstanceUID") is not None
    if not known or transfer_syntax(header) == DEFLATED or head.getbuffer().nbytes - head.tell() < 12:
        return None
    return header, _pixel_extent(path, head, header, file.size)


def _parse(path: Path, file: BinaryIO | BoundedFile, **options) -> FileDataset:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what matters is refused below, in one line of ours
            return pydicom.dcmread(file, **options)
    except DicomError:
        raise
    except InvalidDicomError as error:
        raise DicomError(f"{path}: not a readable DICOM file; restore it from its source") from error
    except Exception as error:  # pydicom raises many kinds for a broken file; each means the same here
        raise DicomError(f"{path}: broken DICOM header ({type(error).__name__}); restore it from its source") from error


def _pixel_extent(path: Path, file: BinaryIO | BoundedFile, header: FileDataset, size: int) -> PixelExtent | None:
    """Reads the tag at which the header stopped in a file of `size` bytes; None for a deflated file."""
    if transfer_syntax(header) == DEFLATED:
        return None
    implicit, little = header.original_encoding
    order = "<" if little else ">"
    tag = file.read(8)
    group, element = struct.unpack(f"{order}HH", tag[:4]) if len(tag) == 8 else (0, 0)
    if (group, element) != (0x7FE0, 0x0010):
        raise DicomError(f"{path}: an image without pixel data, the file is truncated; restore it from its source")
    raw = tag[4:] if implicit else file.read(4)
    length = struct.unpack(f"{order}L", raw)[0] if len(raw) == 4 else 0
    offset = file.tell()
    if length == UNDEFINED:
        if not transfer_syntax_is_compressed(header):
            raise DicomError(f"{path}: uncompressed pixel data of undefined length; restore the file from its source")
        require_size(path, header, size - offset, compressed=True)
        return PixelExtent(offset, size - offset, True)
    if offset + length > size:
        raise DicomError(
            f"{path}: ends {offset + length - size} bytes before its pixel data does; restore it from its source"
        )
    require_size(path, header, length, compressed=False)
    return PixelExtent(offset, length, False)


def require_size(path: Path, header, found: int, compressed: bool) -> None:
    """Raises DicomError when `found` bytes of pixel data cannot hold the frames that a header declares.

    Checked before anything is decoded or allocated. Compressed frames may be LARGEST_RATIO times their bytes.
    """
    needed, frames = needed_bytes(path, header), integer_of(header, "NumberOfFrames")
    frames = 1 if frames is None else frames
    if frames < 1 or needed / frames > LARGEST_FRAME:
        raise DicomError(
            f"{path}: {frames} frames of {needed / max(1, abs(frames)) / 2**20:.0f} MiB, which no tomogram has; "
            "the header lies, restore the file from its source"
        )
    if not compressed and found < needed:
        raise DicomError(
            f"{path}: {found} bytes of pixel data, but its rows, columns and frames need {needed}; "
            "the header lies or the file is truncated, restore it from its source"
        )
    if compressed and needed > SMALL_WHEN_DECODED and needed > LARGEST_RATIO * found:
        raise DicomError(
            f"{path}: {found} bytes claim to hold {needed / 2**20:.0f} MiB of pixels; "
            "the header lies, restore the file from its source"
        )


def needed_bytes(path: Path, header) -> int:
    """Bytes that the frames of an image take when uncompressed; raises DicomError when a size is missing."""
    sizes: dict[str, int] = {}
    for name in ("Rows", "Columns", "BitsAllocated"):
        value = integer_of(header, name)
        if value is None or value < 1:
            raise DicomError(f"{path}: {name} is {value}, expected a whole number above 0; restore it from its source")
        sizes[name] = value
    frames = integer_of(header, "NumberOfFrames")
    samples = integer_of(header, "SamplesPerPixel")
    pixels = sizes["Rows"] * sizes["Columns"] * (1 if samples is None else samples) * (1 if frames is None else frames)
    return (pixels * sizes["BitsAllocated"] + 7) // 8


def transfer_syntax(header) -> str | None:
    """The UID of the transfer syntax, None where the file does not say (implicit little endian by default)."""
    return uid_of(getattr(header, "file_meta", {}), "TransferSyntaxUID")


def transfer_syntax_is_compressed(header) -> bool:
    """Whether the pixels are encapsulated: every syntax but the four native ones."""
    return transfer_syntax(header) not in (None, *NATIVE)
