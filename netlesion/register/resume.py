"""Registration of the patients of a cohort that have none yet, so that a run that was stopped goes on.

    <cohort>/derivatives/netlesion/registered/sub-X.json    the images it was computed from, and every pair's outcome

A patient with other images than then, or other settings, is registered anew. Knows nothing about how images are fitted.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from netlesion.errors import CohortError
from netlesion.io.bids.cohort import DERIVATIVES
from netlesion.io.files import visible
from netlesion.output.atomic import write_json
from netlesion.output.interrupt import worker_processes
from netlesion.output.lock import alone
from netlesion.output.provenance import hash_file
from netlesion.register.cohort import PairOutcome, Settings, register_patient

FOLDER = DERIVATIVES / "registered"


@dataclass(frozen=True)
class Registered:
    """Outcomes of every patient (`sub-X`), and who was registered now; the others had been before."""

    outcomes: dict[str, tuple[PairOutcome, ...]]
    now: tuple[str, ...]


def register_missing(
    cohort: str | Path,
    settings: Settings,
    workers: int = 1,
    report: Callable[[PairOutcome], None] = lambda outcome: None,
) -> Registered:
    """Registers every patient of a BIDS cohort who is not yet, or whose images have changed.

    Raises CohortError for a folder that is no cohort.
    """
    from tqdm import tqdm

    cohort = Path(cohort)
    subjects = sorted(p for p in cohort.glob("sub-*") if p.is_dir())
    if not subjects:
        raise CohortError(f"{cohort}: holds no sub-* folder; registration needs a BIDS cohort")
    outcomes: dict[str, tuple[PairOutcome, ...]] = {}
    with alone(cohort, "register another cohort"):
        wanted = {s.name: {"images": _images(s), "settings": asdict(settings)} for s in subjects}
        for subject in subjects:
            known = _known(cohort / FOLDER / f"{subject.name}.json", wanted[subject.name])
            if known is not None:
                outcomes[subject.name] = known
        missing = [s for s in subjects if s.name not in outcomes]
        with tqdm(total=len(missing), desc="register", unit="patient", file=sys.stderr, disable=not missing) as bar:
            for subject, found in _each(cohort, settings, missing, workers):
                for outcome in found:
                    report(outcome)
                record = {**wanted[subject.name], "pairs": [asdict(o) for o in found]}
                write_json(cohort / FOLDER / f"{subject.name}.json", record)
                outcomes[subject.name] = tuple(found)
                bar.update(1)
    return Registered(outcomes, tuple(s.name for s in missing))


def _each(cohort: Path, settings: Settings, subjects: list[Path], workers: int):
    work = partial(register_patient, cohort, settings)
    if workers <= 1 or len(subjects) < 2:
        yield from ((subject, work(subject)) for subject in subjects)
        return
    with worker_processes(workers) as pool:
        yield from zip(subjects, pool.map(work, subjects), strict=True)


def _images(subject: Path) -> dict[str, Any]:
    """Every image below a subject: its size, and the hash of what its side-car says."""
    found = {}
    for path in visible(subject, "**/*.nii.gz"):
        sidecar = path.with_name(path.name.removesuffix(".nii.gz") + ".json")
        found[path.relative_to(subject).as_posix()] = [
            path.stat().st_size,
            hash_file(sidecar) if sidecar.is_file() else None,
        ]
    return found


def _known(path: Path, wanted: dict[str, Any]) -> tuple[PairOutcome, ...] | None:
    """The outcomes of a registration of before; None without one, or where it was of other images or settings."""
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if {name: record[name] for name in wanted} != wanted:
            return None
        return tuple(PairOutcome(**pair) for pair in record["pairs"])
    except (ValueError, KeyError, TypeError):
        return None  # cut off, or of another version: it is done again
