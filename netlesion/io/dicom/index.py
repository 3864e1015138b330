"""A folder of DICOM -> its series: found by UID in any nesting, without reading a pixel.

`scan` reads the few header fields that tell series apart, in worker processes when there are many files, and
keeps a small record of each file. What is broken becomes an issue of one line and does not stop the rest; what
is no DICOM is passed over. Links are never followed. Knows nothing about patients' visits or about values.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from netlesion.errors import DicomError
from netlesion.io.dicom.duplicates import without_duplicates
from netlesion.io.dicom.entry import Entry, Issue, Passed, read_entry
from netlesion.io.dicom.file import IMAGES
from netlesion.io.dicom.series_files import Series
from netlesion.io.dicom.slices import SAME_POSITION_MM, Slice, offsets_mm
from netlesion.io.dicom.unreadable import among_series, made_incomplete
from netlesion.output.cores import available_cores
from netlesion.output.interrupt import worker_processes

if TYPE_CHECKING:
    pass

#: Files given to a worker at once, and the number from which workers are started at all.
CHUNK = 64
WORTH_WORKERS = 512
#: In which order differences of kind are tried when slices of one series lie at the same position.
SPLIT_BY = ("image_type", "echo_ms", "b_value", "acquisition", "temporal")


@dataclass(frozen=True)
class Index:
    """Everything under a folder: series by patient and date, broken files, and files passed over."""

    root: Path
    series: tuple[Series, ...]
    issues: tuple[Issue, ...]
    passed: tuple[Passed, ...]
    num_files: int


def scan(root: str | Path, workers: int | None = None) -> Index:
    """Indexes every file under `root`; raises DicomError for a missing folder only.

    workers: processes that read headers; by default one per core available, and none for a few files.
    """
    root = Path(root)
    if not root.is_dir():
        raise DicomError(f"{root}: no such folder")
    passed: list[Passed] = []
    issues: list[Issue] = []
    groups: dict[str, list[Entry]] = {}
    shared: dict[object, object] = {}
    files, count = _walk(root, passed), 0
    for result in _read_all(str(root), files, workers):
        count += 1
        if isinstance(result, Passed):
            passed.append(result)
        elif isinstance(result, Issue):
            issues.append(result)
        else:
            groups.setdefault(result.series, []).append(_interned(result, shared))
    unplaced = list(issues)
    series: list[tuple[tuple, Series]] = []
    for uid in sorted(groups):
        entries = sorted(groups.pop(uid), key=lambda e: e.file)
        issues += [Issue(e.file, e.problem) for e in entries if e.problem]
        order = (entries[0].patient, entries[0].date, entries[0].time, uid)
        series += [(order, one) for one in _series_of(root, uid, entries, issues)]
    series.sort(key=lambda pair: (pair[0], pair[1].part))
    found = [one for _, one in series]
    strays = among_series(passed, found)
    passed = [p for p in passed if p.file not in {stray.file for stray in strays}]
    whole_or_not = made_incomplete(found, [*unplaced, *strays])
    return Index(root, tuple(whole_or_not), (*issues, *strays), tuple(passed), count)


def _walk(root: Path, passed: list[Passed]) -> Iterator[str]:
    """Regular files below root by path, hidden ones left out; links and special files are noted as passed over."""
    folders = deque([""])
    while folders:
        folder = folders.popleft()
        try:
            with os.scandir(root / folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            passed.append(Passed(folder, f"a folder that cannot be opened ({error.strerror})"))
            continue
        for entry in entries:
            name = os.path.join(folder, entry.name)
            if entry.name.startswith("."):
                continue
            if entry.is_symlink():
                why = "a symbolic link, not followed; copy its target if it is part of the export"
                passed.append(Passed(name, why, is_link=True))
            elif entry.is_dir(follow_symlinks=False):
                folders.append(name)
            elif entry.is_file(follow_symlinks=False):
                yield name
            else:
                passed.append(Passed(name, "not a regular file"))


def _read_all(root: str, files: Iterator[str], workers: int | None) -> Iterator[Entry | Issue | Passed]:
    """The record of every file, in the order of the files; memory holds a few chunks at a time."""
    workers = available_cores() if workers is None else workers
    first = list(islice(files, WORTH_WORKERS))
    if workers <= 1 or len(first) < WORTH_WORKERS:
        for name in _chain(first, files):
            yield read_entry(root, name)
        return
    with worker_processes(workers) as pool:
        waiting: deque[Future] = deque()
        for chunk in _chunks(_chain(first, files)):
            waiting.append(pool.submit(_read_entries, root, chunk))
            if len(waiting) > 4 * workers:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


def _chain(first: list[str], rest: Iterator[str]) -> Iterator[str]:
    yield from first
    yield from rest


def _chunks(names: Iterable[str]) -> Iterator[list[str]]:
    names = iter(names)
    while chunk := list(islice(names, CHUNK)):
        yield chunk


def _read_entries(root: str, names: list[str]) -> list[Entry | Issue | Passed]:
    return [read_entry(root, name) for name in names]


def _interned(entry: Entry, shared: dict) -> Entry:
    """The same record with planes, kinds and texts shared between files, so that a file costs few bytes."""
    slices = tuple(
        Slice(
            one.file,
            shared.setdefault(one.plane, one.plane),
            one.position,
            one.frame,
            one.instance,
            shared.setdefault(one.kind, one.kind),
        )
        for one in entry.slices
    )
    names = ("series", "study", "sop_class", "modality", "patient", "birth", "date", "time")
    texts = {name: shared.setdefault(getattr(entry, name), getattr(entry, name)) for name in names}
    return Entry(file=entry.file, slices=slices, extent=entry.extent, problem=entry.problem, **texts)


def _series_of(root: Path, uid: str, entries: list[Entry], issues: list[Issue]) -> list[Series]:
    """The stacks of one series; none, and an issue, when its files contradict each other."""
    broken = tuple(e.problem for e in entries if e.problem)
    first = entries[0]
    for other in entries[1:]:
        for what, name in (("patient", "patient"), ("study", "study"), ("kind of object", "sop_class")):
            if getattr(other, name) != getattr(first, name):
                line = (
                    f"{other.file}: another {what} than {first.file}, under one Series Instance UID (...{uid[-8:]}); "
                    "one series holds one, correct the UID"
                )
                issues.append(Issue(other.file, line))
                return []
    entries, num_duplicates, clash = without_duplicates(root, [e for e in entries if not e.problem])
    if clash:
        issues.append(Issue(clash.partition(":")[0], clash))
        return []
    slices = [one for entry in entries for one in entry.slices]
    if not slices:
        return []
    facts = {
        "uid": uid, "modality": first.modality, "sop_class": first.sop_class, "root": root, "study_uid": first.study,
        "patient_id": first.patient, "birth_date": first.birth, "broken": broken, "num_duplicates": num_duplicates,
    }  # fmt: skip
    parts = _localisers_apart(slices) if first.sop_class in IMAGES else [(slices, "")]
    if len(parts) == 1:
        return [Series(slices=tuple(parts[0][0]), split_by=parts[0][1], **facts)]
    return [Series(slices=tuple(part), split_by=why, part=n, **facts) for n, (part, why) in enumerate(parts, start=1)]


def _localisers_apart(slices: list[Slice]) -> list[tuple[list[Slice], str]]:
    scouts = [one for one in slices if "LOCALIZER" in one.kind.image_type]
    rest = [one for one in slices if "LOCALIZER" not in one.kind.image_type]
    parts = _split(rest, SPLIT_BY) if rest else []
    return [*parts, (scouts, "image_type")] if scouts else parts


def _split(slices: list[Slice], names: tuple[str, ...], why: str = "") -> list[tuple[list[Slice], str]]:
    """Slices at one position told apart by the first difference of kind; unsplit where none tells."""
    if not names or not _overlap(slices):
        return [(slices, why)]
    groups: dict[object, list[Slice]] = {}
    for one in slices:
        groups.setdefault(getattr(one.kind, names[0]), []).append(one)
    if len(groups) == 1:
        return _split(slices, names[1:], why)
    return [part for group in groups.values() for part in _split(group, names[1:], names[0])]


def _overlap(slices: list[Slice]) -> bool:
    offsets = offsets_mm(slices)
    return offsets is not None and len(slices) > 1 and bool((np.diff(np.sort(offsets)) < SAME_POSITION_MM).any())
