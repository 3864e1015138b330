"""Organ label maps on disk: one NIfTI with integers and their names, or a folder with one NIfTI per organ.

The names come from a table beside the file (`NAME.tsv`, `NAME.json`, `labels.tsv` or `labels.json`: index and name), or
of a BIDS derivative in a folder above (`desc-organs_dseg.tsv` holds for every `*_desc-organs_dseg.nii.gz` below), else
from the integers the caller knows; in a folder of organs, as TotalSegmentator writes it, from the file names.
Which names mean anything is the caller's business: he passes those he knows. Returns a Volume and index -> name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from netlesion.errors import CohortError, GeometryError
from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.io.files import is_there, visible
from netlesion.io.nifti import read_volume
from netlesion.io.table_file import read_table

#: The BIDS `desc-` of organ maps that lie beside a cohort's masks and in results.
ORGANS_DESC = "organs"
ENDINGS = (".nii.gz", ".nii")
#: Where the public TotalSegmentator data set keeps a patient's organs.
ORGAN_FOLDER = "segmentations"
#: Masks that hold everything; organs are written over them.
UNDERMOST = ("body", "body_trunc", "body_extremities", "skin")


@dataclass(frozen=True, eq=False)
class LabelMap:
    """One person's organs. names: label -> name, known names only; unknown: what else the file or folder named."""

    name: str
    volume: Volume
    names: Mapping[int, str]
    unknown: tuple[str, ...]


def find_label_maps(path: str | Path, known: Collection[str]) -> tuple[Path, ...]:
    """The maps behind a path, in name order: the file or organ folder itself, or all those in a folder of them.

    Raises CohortError when there is none.
    """
    path = Path(path)
    if path.is_file():
        return (path,)
    if not path.is_dir():
        raise CohortError(f"{path}: no such file or folder; expected a label map (.nii.gz) or a folder of them")
    if _is_organ_folder(path, known):
        return (path,)
    found = [
        p
        for p in visible(path)
        if (p.is_file() and p.name.endswith(ENDINGS)) or (p.is_dir() and _is_organ_folder(p, known))
    ]
    if not found:
        raise CohortError(
            f"{path}: holds no label map; expected NIfTI files, organ files with TotalSegmentator's names "
            "(liver.nii.gz), or folders of those"
        )
    return tuple(found)


def read_label_map(path: str | Path, known: Collection[str], default_names: Mapping[int, str]) -> LabelMap:
    """Reads one map. default_names: what integers mean when no table lies beside the file.

    Raises CohortError for a map that is empty, a table that is broken, or no known name in it; GeometryError and
    QuantityError (labels that are not whole) with the file named.
    """
    path = Path(path)
    found = _of_folder(path, known) if path.is_dir() else _of_file(path, known, default_names)
    if not found.names:
        given = ", ".join(found.unknown[:5]) or "no label above 0"
        raise CohortError(
            f"{path}: no known organ in it (found {given}); expected TotalSegmentator's names, such as liver, or its "
            "integers"
        )
    return found


def read_named_map(path: str | Path) -> LabelMap:
    """Reads one file with every name that its table has, known to anyone or not.

    Raises CohortError for a map that is empty, or without a table that names one of its labels: no integer has a
    meaning of its own.
    """
    path = Path(path)
    volume = read_volume(path, Quantity.LABEL)
    present = [int(n) for n in np.unique(volume.array) if n]
    table = next((_read_table(p) for p in _tables_of(path) if is_there(p)), {})
    names = {n: table[n] for n in present if n in table}
    if not names:
        raise CohortError(f"{path}: no table (index, name) names its labels; expected {_stem(path)}.tsv beside it")
    return LabelMap(_stem(path), volume, names, tuple(f"label {n}" for n in present if n not in names))


def digest_of(path: str | Path) -> str:
    """SHA-256 of a map's files, names and content."""
    path = Path(path)
    total = hashlib.sha256()
    beside = [p for p in _tables_of(path) if is_there(p)] if path.is_file() else []
    for file in [path, *beside] if path.is_file() else [p for p in visible(path, "**/*") if p.is_file()]:
        total.update(file.name.encode() + b"\0" + file.read_bytes())
    return total.hexdigest()


def _of_file(path: Path, known: Collection[str], default_names: Mapping[int, str]) -> LabelMap:
    volume = read_volume(path, Quantity.LABEL)
    present = [int(n) for n in np.unique(volume.array) if n]
    if not present:
        raise CohortError(f"{path}: the label map is empty; expected organs with labels above 0")
    table = next((_read_table(p) for p in _tables_of(path) if is_there(p)), default_names)
    names = {n: table[n] for n in present if table.get(n) in known}
    unknown = tuple(table.get(n, f"label {n}") for n in present if n not in names)
    return LabelMap(_stem(path), volume, names, unknown)


def _of_folder(path: Path, known: Collection[str]) -> LabelMap:
    """All organs of a folder in one map; where masks overlap, the later name in the caller's order stays."""
    folder = path if not (path / ORGAN_FOLDER).is_dir() else path / ORGAN_FOLDER
    files = {_stem(p): p for p in visible(folder) if p.name.endswith(ENDINGS)}
    order = [
        *(n for n in UNDERMOST if n in files and n in known),
        *(n for n in known if n in files and n not in UNDERMOST),
    ]
    merged: np.ndarray | None = None
    grid: Geometry | None = None
    names, first = {}, ""
    for label, name in enumerate(order, start=1):
        volume = read_volume(files[name], Quantity.LABEL)
        if merged is None or grid is None:
            merged, grid, first = np.zeros(volume.array.shape, dtype=np.uint16), volume.geometry, files[name].name
        try:
            grid.require_same_grid(volume.geometry, first, files[name].name)
        except GeometryError as error:
            raise GeometryError(f"{folder}: {error}") from error
        inside = volume.array > 0
        if inside.any():
            merged[inside] = label
            names[label] = name
    if merged is not None and not merged.any():
        raise CohortError(f"{folder}: all {len(order)} organ files are empty; expected voxels above 0")
    there = {} if merged is None else {n: names[n] for n in np.unique(merged).tolist() if n}
    unknown = tuple(n for n in files if n not in order)
    if merged is None or grid is None:
        raise CohortError(
            f"{folder}: no file with a known organ's name (found {', '.join(list(files)[:5]) or 'no NIfTI'}); "
            "expected TotalSegmentator's names, such as liver.nii.gz"
        )
    return LabelMap(path.name, Volume(merged, grid, Quantity.LABEL), there, unknown)


def _is_organ_folder(path: Path, known: Collection[str]) -> bool:
    if (path / ORGAN_FOLDER).is_dir():
        return True
    return any(p.name.endswith(ENDINGS) and _stem(p) in known for p in visible(path) if p.is_file())


def _tables_of(path: Path) -> list[Path]:
    """Where the names of a map may be, the nearest first."""
    found = [path.with_name(name + end) for name in (_stem(path), "labels") for end in (".tsv", ".json")]
    for folder in path.parents[1:] if "_desc-" in path.name else ():
        found.append(folder / f"desc-{_stem(path).split('_desc-')[1]}.tsv")
        if (folder / "dataset_description.json").is_file():
            break
    return found


def _read_table(path: Path) -> dict[int, str]:
    """index -> name from TSV columns (index, name) or JSON: {"5": "liver"}, {"liver": 5}, or a list of both keys."""
    if path.suffix == ".tsv":
        rows = [(row.whole("index"), row.cells["name"]) for row in read_table(path, ("index", "name")).rows]
        return {index: name for index, name in rows if index is not None}
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        if isinstance(content, list):
            return {int(row["index"]): str(row["name"]).strip() for row in content}
        if all(isinstance(v, str) for v in content.values()):
            return {int(k): v.strip() for k, v in content.items()}
        return {int(v): k.strip() for k, v in content.items()}
    except (ValueError, KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise CohortError(
            f"{path}: not a table of labels ({type(error).__name__}); expected columns index and name, or JSON such as "
            '{"5": "liver"}'
        ) from error


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".nii")
