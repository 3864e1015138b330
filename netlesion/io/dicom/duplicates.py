"""Files under one SOP Instance UID: copies of one image, of which one is kept, or two images, which are refused.

Takes the records of an index, reads pixels and headers of those that claim to be one, knows nothing about series.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from netlesion.io.dicom.file import read_header

if TYPE_CHECKING:
    from netlesion.io.dicom.entry import Entry

#: Groups of a header on which values hang: patient, acquisition, image, PET, frames and the makers' private ones (suv);
#: of group 0008 dates, times and time zone.
VALUE_GROUPS = (0x0009, 0x0010, 0x0018, 0x0020, 0x0028, 0x0054, 0x0071, 0x5200, 0x7053)
VALUE_TAGS = (0x00080021, 0x00080022, 0x0008002A, 0x00080031, 0x00080032, 0x00080201)


def without_duplicates(root: Path, entries: list[Entry]) -> tuple[list[Entry], int, str]:
    """Files under one SOP Instance UID kept once when their content is the same; else a line that says it is not."""
    kept: dict[object, Entry] = {}
    for entry in entries:
        instance = entry.slices[0].instance or entry.file
        known = kept.setdefault(instance, entry)
        what = "" if known is entry else _difference(root, known, entry)
        if what:
            line = f"{entry.file}: differs from {known.file} {what}but has the same SOP Instance UID; keep the true one"
            return [], 0, line
    return list(kept.values()), len(entries) - len(kept), ""


def _difference(root: Path, one: Entry, other: Entry) -> str:
    """In what two files of one SOP Instance UID differ, as words; empty where they hold one image.

    Of the headers the groups count that give voxels their place and value: a file that was corrected and sent again
    has the same pixels with another slope, weight or dose.
    """
    if not _same_content(root, one, other):
        return "in place or pixels "
    if _same_head(root, one, other):
        return ""
    headers = [read_header(root / e.file) for e in (one, other)]
    for tag in sorted(set(headers[0].keys()) | set(headers[1].keys())):
        counts = tag.group in VALUE_GROUPS or tag in VALUE_TAGS
        if counts and headers[0].get(tag) != headers[1].get(tag):
            return f"in ({tag.group:04x},{tag.element:04x}) "
    return ""


def _same_head(root: Path, one: Entry, other: Entry) -> bool:
    """Whether two files of the same content are copies byte for byte, which needs no parsing."""
    if one.extent is None or other.extent is None:
        return one.extent == other.extent  # such files were compared as a whole
    if one.extent[0] != other.extent[0]:
        return False
    with (root / one.file).open("rb") as a, (root / other.file).open("rb") as b:
        return a.read(one.extent[0]) == b.read(one.extent[0])


def _same_content(root: Path, one: Entry, other: Entry) -> bool:
    if [(s.position, s.plane) for s in one.slices] != [(s.position, s.plane) for s in other.slices]:
        return False
    spans = [
        (root / e.file, *(e.extent if e.extent is not None else (0, (root / e.file).stat().st_size)))
        for e in (one, other)
    ]
    (path, start, length), (other_path, other_start, other_length) = spans
    if length != other_length:
        return False
    with path.open("rb") as a, other_path.open("rb") as b:
        a.seek(start)
        b.seek(other_start)
        while length > 0:
            piece = a.read(min(length, 2**20))
            if piece != b.read(len(piece)) or not piece:
                return False
            length -= len(piece)
    return True
