"""One series of a folder of DICOM: what it is and which files hold its slices; no pixels are read."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from netlesion.io.dicom import file as dicom_file
from netlesion.io.dicom.multiframe import frame_headers
from netlesion.io.dicom.slices import Slice, SliceKind

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


@dataclass(frozen=True, eq=False)
class Series:
    """One DICOM series, or one image stack of it: what it is, and its slices in path order; no pixels yet.

    part: 0 for a whole series, else the number of the stack; split_by: the difference that made it one.
    broken: one line for each file of the series that could not be read, which makes the series incomplete.
    """

    uid: str
    modality: str
    sop_class: str
    root: Path
    slices: tuple[Slice, ...] = field(repr=False)
    study_uid: str = ""
    patient_id: str = ""
    birth_date: str = ""
    part: int = 0
    split_by: str = ""
    broken: tuple[str, ...] = ()
    num_duplicates: int = 0

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """Every file once, in path order."""
        return tuple(self.root / name for name in dict.fromkeys(one.file for one in self.slices))

    @cached_property
    def header(self) -> Dataset:
        """The header of the first slice, as a classic one, without pixels."""
        header = dicom_file.read_header(self.files[0])
        frame = self.slices[0].frame
        return header if frame is None else frame_headers(self.files[0], header)[frame]

    @property
    def kind(self) -> SliceKind:
        return self.slices[0].kind

    @property
    def folder(self) -> str:
        """Where its first file lies below the folder that was scanned."""
        return str(Path(self.slices[0].file).parent)

    @property
    def folder_name(self) -> str:
        """The same for a message; the scanned folder by its own name."""
        return self.folder if self.folder != "." else self.root.resolve().name or str(self.root)

    @property
    def label(self) -> str:
        """What to call the series in a message: modality, last digits of its UID, and where it lies."""
        part = f" (part {self.part})" if self.part else ""
        return f"{self.modality} series ...{self.uid[-8:]}{part} in {self.folder_name}"

    @property
    def frame_of_reference_uid(self) -> str | None:
        value = self.header.get("FrameOfReferenceUID")
        return None if value is None or str(value) == "" else str(value)
