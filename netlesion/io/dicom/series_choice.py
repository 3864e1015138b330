"""One series of a folder, where it holds several: they are listed by what a person knows them by, and one is named.

Descriptions go through `io.vocabulary`, since a header's text can hold a name. Knows nothing about values.
"""

from __future__ import annotations

from pathlib import Path

from netlesion.errors import ConfigError, DicomError
from netlesion.io.dicom.file import IMAGES, text_of
from netlesion.io.dicom.index import Index, Series, scan
from netlesion.io.vocabulary import description
from netlesion.suv.attenuation import denials


def one_series(folder: str | Path, modality: str, number: int | None = None) -> tuple[Series, tuple[str, ...]]:
    """The series of a modality (PT, CT, MR) in a folder, the `number`th (from 1) where there are several.

    Returns it with one line for whatever else of the folder was passed over. Raises DicomError that lists what is
    there, or names the first broken file; ConfigError for a number that is not in the list.
    """
    index = scan(folder)
    links = links_passed_over(index)
    if index.issues:
        raise DicomError(f"{Path(folder)}/{index.issues[0].line}")
    if not index.series:
        line = f"{folder}: holds no DICOM series; expected files of a PET, CT or MR export"
        raise DicomError("; ".join((line, *links)))
    found = [s for s in index.series if s.modality == modality and s.sop_class in IMAGES]
    if not found:
        others = ", ".join(f"{s.modality} x {len(s.files)} files" for s in index.series)
        line = f"{folder}: expected one {modality} series, found none (it holds {others})"
        raise DicomError("; ".join((line, *links)))
    listing = ", ".join(f"{n}: {_known_by(one)}" for n, one in enumerate(found, start=1))
    if number is not None and not 1 <= number <= len(found):
        raise ConfigError(f"--series is {number}, expected 1 to {len(found)} ({listing})")
    if number is None and len(found) > 1:
        raise DicomError(
            "; ".join((f"{folder}: holds {len(found)} {modality} series, take one with --series N ({listing})", *links))
        )
    return found[(number or 1) - 1], links


def _known_by(series: Series) -> str:
    """`PET WB 3D (267 images in export)`: the known words of its description, its images, and its folder."""
    header = series.header
    words = description(text_of(header, "SeriesDescription"))
    parts = [f"part {series.part}"] if series.part else []
    corrected = tuple((text_of(header, "CorrectedImage") or "").split("\\"))
    if denials(text_of(header, "Units"), text_of(header, "AttenuationCorrectionMethod"), corrected):
        parts.append("without attenuation correction")
    return " ".join((words, *parts, f"({len(series.slices)} images in {series.folder_name})"))


def links_passed_over(index: Index) -> tuple[str, ...]:
    """One line on symbolic links among the files, which are not followed; none where there are none."""
    number = sum(one.is_link for one in index.passed)
    if not number:
        return ()
    files = "symbolic link is" if number == 1 else "symbolic links are"
    return (f"{number} {files} not followed; copy what they point to into the folder if it is part of the series",)
