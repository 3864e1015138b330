"""The body of each patient of a cohort that is made of organ label maps: which map, measured how, around what chance.

A patient draws a map that no other patient of the cohort has until all are used. A map without skin or bones is
completed by the built-in body (`complete`: auto, always or never). Measuring a map takes seconds; it is kept while
patients of one map follow each other.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from netlesion.io.bids.label_maps import LabelMap, read_label_map
from netlesion.phantom.body.completed import Person, complete_body, is_for_completion, read_person
from netlesion.phantom.body.from_labels import body_from_labels
from netlesion.phantom.body.label_anatomy import LabelAnatomy, read_anatomy, require_body
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


def body_of_map(path: Path, rng: np.random.Generator, settings: BodySettings, complete: Complete) -> Body:
    """A person around this map; says on stderr what was done beyond it."""
    measured = _measured(path, complete)
    make = complete_body if isinstance(measured, Person) else body_from_labels
    made = make(measured, rng, settings)
    print(made.line(path.name), file=sys.stderr)
    return made.body


def require_map(path: Path) -> None:
    """Raises ConfigError or CohortError for a map that no body can be made of; quick."""
    found = _label_map(path)
    require_body(found.volume, found.names, str(path))


def forget() -> None:
    """Maps may have changed on disk."""
    _measured.cache_clear()


@lru_cache(maxsize=1)
def _measured(path: Path, complete: Complete) -> LabelAnatomy | Person:
    found = _label_map(path)
    if complete == "always" or (complete == "auto" and is_for_completion(found.names)):
        return read_person(found.volume, found.names, str(path))
    return read_anatomy(found.volume, found.names, str(path))


def _label_map(path: Path) -> LabelMap:
    return read_label_map(path, KNOWN_NAMES, {n: name for name, n in LABELS.items()})
