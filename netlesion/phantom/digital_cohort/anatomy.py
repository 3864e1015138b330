"""The body of each patient of a cohort that is made of organ label maps: which map, measured how, around what chance.

A patient draws a map that no other patient of the cohort has until all are used. A map without skin or bones is
completed by the built-in body (`complete`: auto, always or never). Measuring takes ten seconds or so; it is kept while
patients of one map follow each other, and in the folder `cache`, by the map's content and by the code that measures.
"""

from __future__ import annotations

import hashlib
import pickle
import sys
import zlib
from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Literal

import numpy as np

import netlesion.phantom.body as body_package
from netlesion.errors import ConfigError
from netlesion.io.bids.label_maps import LabelMap, digest_of, read_label_map
from netlesion.output.atomic import atomic_path
from netlesion.output.interrupt import worker_processes
from netlesion.phantom.body.completed import Person, complete_body, is_for_completion, read_person
from netlesion.phantom.body.from_labels import body_from_labels
from netlesion.phantom.body.label_anatomy import LabelAnatomy, read_anatomy
from netlesion.phantom.body.label_tissues import KNOWN_NAMES
from netlesion.phantom.body.labels import LABELS
from netlesion.phantom.body.parts import Body
from netlesion.phantom.body.shape import BodySettings

Complete = Literal["auto", "always", "never"]
COMPLETE: tuple[Complete, ...] = ("auto", "always", "never")
#: Streams of chance: of a patient's body of a map (draw_patient has those before it), of the order of maps.
ANATOMY_STREAM, ORDER_STREAM = 4, 5


def map_of(index: int, seed: int, maps: Sequence[Path]) -> Path:
    """The map of patient `index`: every run of len(maps) patients has each map once, in an order of its own."""
    run, place = divmod(index, len(maps))
    return maps[int(np.random.default_rng([seed, run, ORDER_STREAM]).permutation(len(maps))[place])]


def body_of_map(
    path: Path, rng: np.random.Generator, settings: BodySettings, complete: Complete, cache: Path | None
) -> Body:
    """A person around this map; says on stderr what was done beyond it."""
    anatomy = measured(path, complete, cache)
    made = (
        complete_body(anatomy, rng, settings)
        if isinstance(anatomy, Person)
        else body_from_labels(anatomy, rng, settings)
    )
    print(made.line(path.name), file=sys.stderr)
    return made.body


def require_maps(maps: Sequence[Path], complete: Complete, cache: Path | None, workers: int) -> None:
    """Measures every map; raises ConfigError or CohortError for the first that no body can be made of."""
    check = partial(_require, complete=complete, cache=cache)
    if workers <= 1 or len(maps) < 2:
        for path in maps:
            check(path)
        return
    with worker_processes(workers) as pool:
        for _ in pool.map(check, maps):
            pass


def complete_of(text: str) -> Complete:
    """auto, always or never; ConfigError for anything else."""
    for known in COMPLETE:
        if text == known:
            return known
    raise ConfigError(f"--complete {text!r} is not understood; expected one of {', '.join(COMPLETE)}")


def _require(path: Path, complete: Complete, cache: Path | None) -> None:
    measured(path, complete, cache)


def forget() -> None:
    """Maps may have changed on disk."""
    measured.cache_clear()


@lru_cache(maxsize=1)
def measured(path: Path, complete: Complete, cache: Path | None) -> LabelAnatomy | Person:
    """What a body is made of, from the cache folder where it lies there (None: no cache)."""
    if cache is None:
        return _measured(path, complete)
    kept = cache / f"{hashlib.sha256(f'{digest_of(path)} {complete} {_code()}'.encode()).hexdigest()}.anatomy"
    try:
        return pickle.loads(zlib.decompress(kept.read_bytes()))
    except (OSError, zlib.error, EOFError, pickle.UnpicklingError):
        anatomy = _measured(path, complete)
    with atomic_path(kept) as part:
        part.write_bytes(zlib.compress(pickle.dumps(anatomy), 1))
    return anatomy


@lru_cache(maxsize=1)
def _code() -> str:
    """A digest of the code that measures: what other code measured is not taken for its own."""
    files = sorted(Path(body_package.__path__[0]).glob("*.py"))
    return hashlib.sha256(b"".join(f.read_bytes() for f in files)).hexdigest()


def _measured(path: Path, complete: Complete) -> LabelAnatomy | Person:
    found: LabelMap = read_label_map(path, KNOWN_NAMES, {n: name for name, n in LABELS.items()})
    read = read_anatomy
    if complete == "always" or (complete == "auto" and is_for_completion(found.names)):
        read = read_person
    return read(found.volume, found.names, str(path))
