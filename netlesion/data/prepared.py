"""A visit prepared for training once, and the cache that keeps it: arrays on the working grid in physical units.

A cached visit is a folder of plain `.npy` files, which training maps into memory: a patch is read without decompressing
what it does not need, and several workers share one copy. The folder's name is a hash of the content of the visit's
files, of all settings that decide the arrays and of `CACHE_VERSION`, so that it is made anew when and only when one of
them changes. It is written under another name and renamed: two trainings that start at once both end well.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import shutil
import tempfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cc3d
import numpy as np

from netlesion.data.foreground import ForegroundIndex, foreground_index
from netlesion.data.labels import IGNORE, OTHERWISE_OFFSET, LabelScheme
from netlesion.errors import CohortError, say
from netlesion.image.geometry import Geometry
from netlesion.image.visit import Scan
from netlesion.image.volume import Quantity, Volume
from netlesion.io.bids.cohort import UNKNOWN_DESC
from netlesion.io.bids.label_maps import ORGANS_DESC, read_named_map
from netlesion.io.bids.visit_files import VisitFiles, load_visit
from netlesion.io.nifti import read_volume
from netlesion.models.card import ModelCard
from netlesion.models.organs import hosts_of, organ_table
from netlesion.output.provenance import hash_file
from netlesion.preprocess.harmonise import harmonise, resample
from netlesion.preprocess.normalise import scaled_mr

#: Raised whenever the arrays of a prepared visit change for the same input.
CACHE_VERSION = 2
#: Instance numbers beyond this share the last one; those above are kept for inserted lesions.
MOST_INSTANCES = 199
MAPS = ("image", "label", "instance", "organ", "organ_class")
INDEX = ("lesions", "lesion_of", "physiologic", "body")


@dataclass(frozen=True, eq=False)
class PreparedVisit:
    """One visit on the working grid.

    image (C, I, J, K) float16: SUV, HU, MR signal scaled to its percentiles; present (C,) of bool; label, instance
    (T, I, J, K) uint8; organ (I, J, K) uint8, 0 everywhere where the cohort has no organ map; organ_class (I, J, K)
    uint8, the class of the organ head, IGNORE everywhere where the cohort has no organ map. hosts: labels of the organ
    map in which a lesion may be inserted, 0 alone where there is no map. key: a hash of all that
    decides the arrays, by which the cache knows it.
    """

    visit_id: str
    patient_id: str
    present: tuple[bool, ...]
    image: np.ndarray
    label: np.ndarray
    instance: np.ndarray
    organ: np.ndarray
    organ_class: np.ndarray
    index: ForegroundIndex
    hosts: tuple[int, ...] = ()
    key: str = ""

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.organ.shape


def prepare_visit(files: VisitFiles, card: ModelCard, labels: LabelScheme) -> PreparedVisit:
    """Reads a visit, brings it to the working grid and indexes its foreground.

    Raises:
        CohortError: where a PET has no reference mask, or a mask a label without meaning.
    """
    visit = load_visit(files, card.channels, card.required_channels, labels.descs)
    unlabelled = [t for t in card.classes if t in visit.scans and t not in visit.masks]
    if unlabelled:
        raise CohortError(
            f"{files.visit_id}: no reference mask desc-{' or desc-'.join(labels.descs)} for {unlabelled[0]}; "
            "training and validation need one for every PET"
        )
    grid = harmonise(visit, card.channels, card.spacing_mm)
    shape, tracers = grid.geometry.shape, tuple(card.classes)
    image = np.zeros((len(card.channels), *shape), dtype=np.float16)
    for n, channel in enumerate(card.channels):
        if channel in grid.volumes:
            volume = grid.volumes[channel]
            array = scaled_mr(volume.array) if volume.quantity is Quantity.MR else volume.array
            image[n] = np.clip(array, -6e4, 6e4)
    label = np.full((len(tracers), *shape), IGNORE, dtype=np.uint8)
    instance, physiologic = np.zeros_like(label), np.zeros(shape, dtype=bool)
    for t, tracer in enumerate(tracers):
        if tracer in grid.masks:
            offset = OTHERWISE_OFFSET if labels.desc_of(files.masks[tracer]) == labels.otherwise else 0
            label[t] = _known(files.visit_id, tracer, grid.masks[tracer].array, labels, offset)
            label[t][~_seen(visit.scans[tracer], grid.geometry)] = IGNORE
            if UNKNOWN_DESC in files.masks[tracer]:
                unknown = read_volume(files.masks[tracer][UNKNOWN_DESC], Quantity.LABEL)
                label[t][resample(unknown, grid.geometry, visit.scans[tracer].transform).array > 0] = IGNORE
            lesion = np.isin(label[t], labels.lesion_values(tracer))
            instance[t] = np.minimum(cc3d.connected_components(lesion, connectivity=18), MOST_INSTANCES)
            physiologic |= np.isin(label[t], labels.values_of(tracer, "physiologic"))
    pets = image[[n for n, c in enumerate(card.channels) if c in card.classes and grid.present[n]]]
    organ, organ_class, hosts = _organs(files, grid.geometry, visit.scans)
    index = foreground_index(pets.astype(np.float32), label, instance, physiologic, organ, hosts)
    return PreparedVisit(
        files.visit_id, files.patient_id, grid.present, image, label, instance, organ, organ_class, index, hosts
    )


def _organs(
    files: VisitFiles, grid: Geometry, scans: Mapping[str, Scan]
) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    """The organ map beside the first PET that has one, its classes, on the working grid, and where lesions may lie."""
    for tracer, masks in files.masks.items():
        if ORGANS_DESC in masks and tracer in scans:
            organs = read_named_map(masks[ORGANS_DESC])
            organ = resample(organs.volume, grid, scans[tracer].transform).array.astype(np.uint8)
            return organ, organ_table(organs.names)[organ], hosts_of(organs.names)
    return np.zeros(grid.shape, dtype=np.uint8), np.full(grid.shape, IGNORE, dtype=np.uint8), (0,)


def _seen(scan: Scan, grid: Geometry) -> np.ndarray:
    """Where a tracer on another's grid was imaged at all: beyond its field of view nothing is background."""
    everywhere = Volume(np.ones(scan.volume.geometry.shape, dtype=np.uint8), scan.volume.geometry, Quantity.LABEL)
    return resample(everywhere, grid, scan.transform).array > 0


def _known(visit_id: str, tracer: str, mask: np.ndarray, labels: LabelScheme, offset: int) -> np.ndarray:
    """The mask with `offset` added, once every label of it is known to have a meaning."""
    known = {v - offset for v in labels.values[tracer] if (v >= OTHERWISE_OFFSET) == (offset > 0)}
    unknown = set(np.unique(mask).tolist()) - known
    if unknown:
        where = "labels.otherwise.values" if offset else "labels.values"
        raise CohortError(
            f"{visit_id}: label {min(unknown)} in the {tracer} mask has no meaning; "
            f"known are {sorted(known)} ({where} in the configuration)"
        )
    return mask.astype(np.uint8) + np.uint8(offset)


def cached_visit(files: VisitFiles, card: ModelCard, labels: LabelScheme, folder: Path) -> PreparedVisit:
    """The prepared visit, memory-mapped from the cache, made first where it is not there or damaged."""
    place = folder / cache_key(files, card, labels)
    found = _opened(place)
    if found is None:
        if place.is_dir():
            say(f"{place}: the cached visit {files.visit_id} was damaged; it is made anew")
        _store(prepare_visit(files, card, labels), place)
        found = _opened(place)
    if found is None:
        raise CohortError(f"{place}: the cached visit cannot be read back; remove the folder and check the disk")
    return found


def cache_key(files: VisitFiles, card: ModelCard, labels: LabelScheme) -> str:
    """A hash of everything that decides a prepared visit: contents of its files, settings, version."""
    paths: dict[str, Path] = {}
    for channel in card.channels:
        for number, image in enumerate(files.images.get(channel, ())):
            paths[f"{channel}/{number}"] = image.path
            paths |= {f"{channel}/{number}/transform/{n}": p for n, p in enumerate(image.transforms)}
            sidecar = image.path.with_name(image.path.name.split(".")[0] + ".json")
            if sidecar.is_file():
                paths[f"{channel}/{number}/json"] = sidecar
    kept = (*labels.descs, UNKNOWN_DESC, ORGANS_DESC)
    for tracer, masks in files.masks.items():
        paths |= {f"{tracer}/{desc}": path for desc, path in masks.items() if desc in kept}
    settings = {
        "version": CACHE_VERSION,
        "visit": files.visit_id,
        "channels": card.channels,
        "required": card.required_channels,
        "classes": {t: list(c) for t, c in card.classes.items()},
        "spacing_mm": card.spacing_mm,
        "labels": [*labels.descs, {t: {str(v): m for v, m in values.items()} for t, values in labels.values.items()}],
        "files": {name: hash_file(path) for name, path in sorted(paths.items())},
    }
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:32]


def _store(visit: PreparedVisit, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=".part-", dir=place.parent))
    try:
        arrays = {name: getattr(visit, name) for name in MAPS} | {name: getattr(visit.index, name) for name in INDEX}
        for name, array in arrays.items():
            np.save(part / f"{name}.npy", array)
        facts: dict[str, Any] = {"visit_id": visit.visit_id, "patient_id": visit.patient_id, "present": visit.present}
        facts["hosts"] = visit.hosts
        facts["bytes"] = {name: (part / f"{name}.npy").stat().st_size for name in arrays}
        facts["crc32"] = {name: _crc32(part / f"{name}.npy") for name in arrays}
        (part / "visit.json").write_text(json.dumps(facts), encoding="utf-8")
        if place.is_dir():  # damaged, or another training was quicker
            shutil.rmtree(place, ignore_errors=True)
        os.rename(part, place)
    except OSError:
        if not (place / "visit.json").is_file():
            raise
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _crc32(path: Path) -> int:
    """Of a file's content: a damaged one must not go into hours of training."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return zlib.crc32(content)


def _opened(place: Path) -> PreparedVisit | None:
    """The visit of a cache folder; None where it is absent or a file is not what was written."""
    try:
        facts = json.loads((place / "visit.json").read_text(encoding="utf-8"))
        for name in (*MAPS, *INDEX):
            if (place / f"{name}.npy").stat().st_size != facts["bytes"][name]:
                return None
            if "crc32" in facts and _crc32(place / f"{name}.npy") != facts["crc32"][name]:
                return None
        arrays = {name: np.load(place / f"{name}.npy", mmap_mode="r") for name in MAPS}
        index = ForegroundIndex(*(np.load(place / f"{name}.npy") for name in INDEX))
        known = {"visit_id": facts["visit_id"], "patient_id": facts["patient_id"], "hosts": tuple(facts["hosts"])}
        return PreparedVisit(**known, present=tuple(facts["present"]), **arrays, index=index, key=place.name)
    except (OSError, ValueError, KeyError, TypeError):
        return None
