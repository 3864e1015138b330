"""Files that cannot be read and do not say which series they belong to: the series they lie among is not whole.

A series whose first or last slice is such a file has no gap, so nothing else would tell. Takes what the index found;
knows nothing about pixels.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from netlesion.io.dicom.entry import Issue, Passed
from netlesion.io.dicom.file import IMAGES, integer_of

if TYPE_CHECKING:
    from netlesion.io.dicom.series_files import Series


def among_series(passed: Iterable[Passed], series: Sequence[Series]) -> list[Issue]:
    """Files that are no DICOM, yet are named as the files of a series in their folder are, but for the numbers."""
    shapes = {shape for one in _images(series) for shape in map(_shape, _names(one))}
    return [
        Issue(
            p.file, f"{p.file}: {p.why}, but is named like the files of the series beside it; restore it or remove it"
        )
        for p in passed
        if _shape(p.file) in shapes
    ]


def made_incomplete(series: Sequence[Series], issues: Iterable[Issue]) -> list[Series]:
    """The series, those marked as broken that a file which could not be read must belong to.

    It belongs to the series of its folder where there is one; where there are several, to each PET that has fewer
    images than its Number of Slices (0054,0081) says, or does not say how many it has.
    """
    found = {id(one): one for one in series}
    for issue in issues:
        folder = str(PurePath(issue.file).parent)
        beside = [one for one in _images(series) if folder in {str(PurePath(name).parent) for name in _names(one)}]
        if len({one.uid for one in beside}) > 1:
            beside = [one for one in beside if one.modality == "PT" and _may_lack_slices(one)]
        for one in beside:
            marked = found[id(one)]
            found[id(one)] = replace(marked, broken=(*marked.broken, issue.line))
    return list(found.values())


def _may_lack_slices(series: Series) -> bool:
    expected = integer_of(series.header, "NumberOfSlices")
    return expected is None or len(series.slices) < expected


def _images(series: Iterable[Series]) -> list[Series]:
    return [one for one in series if one.sop_class in IMAGES]


def _names(series: Series) -> set[str]:
    return {one.file for one in series.slices}


def _shape(name: str) -> tuple[str, str]:
    """Folder and name, every number in the name replaced."""
    path = PurePath(name)
    return str(path.parent), re.sub(r"\d+", "#", path.name)
