"""`netlesion register`: every transform that a cohort's visits need, computed, judged and stored.

For each patient: CT and MR to their session's PET; every other session of a visit to the visit's first PET, through the
CTs or MRs of both where there are such (bones and fat planes, not two tracers, say where a body lies), else PET to PET;
on request later visits to the first. A pair that is refused is said and leaves nothing behind, also no older transform.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from netlesion.errors import CohortError
from netlesion.image.transform import Transform, compose, inverse_over
from netlesion.image.visit import Tracer
from netlesion.io.bids.cohort import DERIVATIVES, bids_sessions
from netlesion.io.bids.pet import frame_of_reference, read_suv_image
from netlesion.io.bids.transforms import TransformFacts, frame_name, remove_transform, transform_path, write_transform
from netlesion.io.bids.visit_files import ImageFile, VisitFiles
from netlesion.io.bids.visits import arrange, session_of, tracers, visit_values
from netlesion.io.nifti import read_volume
from netlesion.output.atomic import write_json
from netlesion.output.interrupt import worker_processes
from netlesion.output.lock import alone
from netlesion.output.provenance import Stopwatch, provenance
from netlesion.register.metric import Referee
from netlesion.register.pair import OTHER_FRAME, Registration, judge, register_pair
from netlesion.register.rigid import Prepared, prepare

RECORD = "register.json"
ANATOMICAL = ("ct", "mr_t1", "mr_t2")


@dataclass(frozen=True)
class Settings:
    """followups: also later visits to the first. deform: a displacement field where it gains on the rigid fit, between
    days. breathing: what a breath moves between a CT and its PET. parts: head and limbs between days.
    """

    followups: bool = False
    deform: bool = False
    breathing: bool = True
    parts: bool = True
    seed: int = 0


@dataclass(frozen=True)
class PairOutcome:
    """What became of one pair. status: stored, headers (they stand as they are) or refused; a JSON-able row."""

    patient: str
    moving: str
    fixed: str
    through: str
    status: str
    method: str
    bits_before: float
    bits_after: float
    inverse_consistency_mm: float | None
    overlap: float
    reason: str

    def line(self) -> str:
        """One line for a screen."""
        head = f"{self.patient} {self.moving} -> {self.fixed}" + (f" through {self.through}" if self.through else "")
        if self.status != "stored":
            return f"{head}: {self.status}: {self.reason}"
        return (
            f"{head}: {self.method}, {self.bits_after:.3f} bits (headers {self.bits_before:.3f}), "
            f"there and back {self.inverse_consistency_mm:.1f} mm"
        )


def register_cohort(
    cohort: Path, settings: Settings, workers: int = 1, report: Callable[[PairOutcome], None] = lambda outcome: None
) -> list[PairOutcome]:
    """Registers every patient of a BIDS cohort, writes transforms and register.json; CohortError when it is none."""
    cohort = Path(cohort)
    subjects = sorted(p for p in cohort.glob("sub-*") if p.is_dir())
    if not subjects:
        raise CohortError(
            f"{cohort}: holds no sub-* folder; registration needs a BIDS cohort (netlesion import, phantom)"
        )
    with alone(cohort, "register another cohort"):
        return _register_cohort(cohort, settings, subjects, workers, report)


def _register_cohort(cohort: Path, settings: Settings, subjects: list[Path], workers: int, report) -> list[PairOutcome]:
    from tqdm import tqdm

    watch, outcomes = Stopwatch(), []
    with watch.stage("register"), tqdm(total=len(subjects), desc="register", unit="patient") as bar:
        for found in _each(cohort, settings, subjects, workers):
            for outcome in found:
                report(outcome)
            outcomes += found
            bar.update(1)
    write_json(
        cohort / DERIVATIVES / RECORD,
        provenance(config=asdict(settings), seed=settings.seed, stopwatch=watch, pairs=[asdict(o) for o in outcomes]),
    )
    return outcomes


def _each(cohort: Path, settings: Settings, subjects: Sequence[Path], workers: int) -> Iterator[list[PairOutcome]]:
    work = partial(register_patient, cohort, settings)
    if workers <= 1:
        yield from map(work, subjects)
        return
    with worker_processes(workers) as pool:
        yield from pool.map(work, subjects)


def register_patient(cohort: Path, settings: Settings, subject: Path) -> list[PairOutcome]:
    """Every pair of one patient, stored as it is found."""
    return _Patient(cohort, subject, settings).run()


class _Patient:
    """One patient's sessions, the images prepared so far, and the transforms found so far."""

    def __init__(self, cohort: Path, subject: Path, settings: Settings) -> None:
        self.derivatives, self.subject, self.settings = (
            cohort / DERIVATIVES,
            subject.name.removeprefix("sub-"),
            settings,
        )
        self.sessions = bids_sessions(cohort, subject, any_frame=True)
        self.visit_of = visit_values(subject)
        self.prepared: dict[Path, Prepared] = {}
        self.within: dict[tuple[str, str], Transform | None] = {}
        self.outcomes: list[PairOutcome] = []

    def run(self) -> list[PairOutcome]:
        for session in self.sessions:
            self.outcomes += _undecided(f"sub-{self.subject}", session)
            if tracers(session):
                for channel in _anatomical(session):
                    self._to_own_pet(session, channel)
        groups = arrange(self.sessions, self.visit_of)
        for group in groups:
            for other in group.others:
                self._to_reference(group.reference, other)
        if self.settings.followups:
            visits = [g.reference for g in groups if tracers(g.reference)]
            for later in visits[1:]:
                if self.visit_of.get(session_of(later)) != self.visit_of.get(session_of(visits[0])):
                    self._to_reference(visits[0], later)
        return self.outcomes

    def _to_own_pet(self, session: VisitFiles, channel: str) -> None:
        pet, image = _pet(session), session.image(channel)
        frames = {frame_of_reference(f.path) for f in (pet, image)}
        same_frame = None in frames or len(frames) == 1
        found = self._pair(self._prepared(pet), self._prepared(image), same_frame, deform=False)
        self.within[session.visit_id, channel] = found.link
        name = session_of(session)
        self._keep(frame_name(name, channel), frame_name(name), found)

    def _to_reference(self, reference: VisitFiles, other: VisitFiles) -> None:
        fixed_name, name = frame_name(session_of(reference)), session_of(other)
        if not tracers(other):
            for channel in _anatomical(other):
                found, through = self._between(reference, other, channel)
                self._keep(frame_name(name, channel), fixed_name, found, through)
            return
        found, through = self._between(reference, other, None)
        self._keep(frame_name(name), fixed_name, found, through)

    def _between(self, reference: VisitFiles, other: VisitFiles, target: str | None) -> tuple[Registration, str]:
        """Reference PET to another session's PET (target None), CT or MR: through what both have."""
        pet = self._prepared(_pet(reference))
        aim = self._prepared(_pet(other) if target is None else other.image(target))
        for channel in _anatomical(reference) if target is None else (target,):
            if channel not in other.images or channel not in reference.images:
                continue
            a, b = (self._prepared(s.image(channel)) for s in (reference, other))
            link = self._pair(a, b, same_frame=False, deform=self.settings.deform)
            if link.transform is None:
                continue
            chain = [self.within.get((reference.visit_id, channel)), link.transform]
            back = self.within.get((other.visit_id, channel)) if target is None else None
            chain.append(None if back is None else inverse_over(back, b.image.geometry))
            whole = compose([t for t in chain if t is not None])
            assert whole is not None, "the chain holds the link at least"
            judged = judge(
                Referee(pet.image, aim.image, pet.mask), whole, pet.centre_mm, link.inverse_consistency_mm, OTHER_FRAME
            )
            if judged.transform is not None:
                return replace(judged, method=link.method), channel
        return self._pair(pet, aim, same_frame=False, deform=self.settings.deform), ""

    def _pair(self, fixed: Prepared, moving: Prepared, same_frame: bool, deform: bool) -> Registration:
        return register_pair(
            fixed, moving, same_frame=same_frame, deform=deform,
            breathing=self.settings.breathing, parts=self.settings.parts, seed=self.settings.seed,
        )  # fmt: skip

    def _prepared(self, image: ImageFile) -> Prepared:
        if image.path not in self.prepared:
            pet = image.tracer_label is not None
            volume = read_suv_image(image.path) if pet else read_volume(image.path, image.quantity)
            self.prepared[image.path] = prepare(volume)
        return self.prepared[image.path]

    def _keep(self, moving: str, fixed: str, found: Registration, through: str = "") -> None:
        path = transform_path(self.derivatives, self.subject, moving, fixed)
        consistency = float(found.inverse_consistency_mm)
        if found.transform is None:
            remove_transform(path)
        else:
            method = found.method + (f" through {through}" if through else "")
            facts = TransformFacts(method, found.bits_before, found.bits_after, consistency, found.overlap)
            write_transform(path, moving, fixed, found.transform, facts)
        status = "stored" if found.transform is not None else "refused" if found.refused else "headers"
        self.outcomes.append(
            PairOutcome(
                f"sub-{self.subject}", moving, fixed, through, status, found.method, found.bits_before,
                found.bits_after, consistency if np.isfinite(consistency) else None, found.overlap, found.reason,
            )
        )  # fmt: skip


def _anatomical(session: VisitFiles) -> tuple[str, ...]:
    """Channels with one image, or one that is chosen as the cohort's reader does; CT first: its bones hold still."""
    return tuple(c for c in ANATOMICAL if c in session.images and session.decides(c))


def _undecided(patient: str, session: VisitFiles) -> list[PairOutcome]:
    """A refusal for each channel with several images of which none is chosen."""
    own, refused = session_of(session), []
    for channel in (c for c in ANATOMICAL if c in session.images and not session.decides(c)):
        reason = f"{len(session.images[channel])} images for {channel}, and no rule tells which one is read; keep one"
        names = (frame_name(own, channel), frame_name(own))
        refused.append(PairOutcome(patient, *names, "", "refused", "rigid", 0.0, 0.0, None, 0.0, reason))
    return refused


def _pet(session: VisitFiles) -> ImageFile:
    """The session's first PET in the fixed order of tracers, which is whose frame its session has."""
    return next(session.images[t.value][0] for t in Tracer if t.value in session.images)
