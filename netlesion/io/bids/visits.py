"""Which sessions of a patient make one visit: the same value in `visit` of sessions.tsv, and a stored transform.

A visit is read in the frame of its first PET. A session joins it when none of its tracers is there already and a
transform to that PET is stored; otherwise it stays a visit of its own, and that is said. Takes sessions as already
listed, opens no image.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from netlesion.image.visit import Tracer
from netlesion.io.bids.transforms import frame_name, transform_path
from netlesion.io.bids.visit_files import ImageFile, VisitFiles
from netlesion.io.files import is_there
from netlesion.io.table_file import read_table

TRACERS = frozenset(t.value for t in Tracer)


@dataclass(frozen=True)
class Group:
    """Sessions of one visit: the one whose first PET is the reference, and those laid over it."""

    reference: VisitFiles
    others: tuple[VisitFiles, ...] = ()


def visit_values(subject_folder: Path) -> dict[str, str]:
    """Session folder name -> its value in the visit column; sessions without one are left out."""
    table = subject_folder / f"{subject_folder.name}_sessions.tsv"
    if not is_there(table):
        return {}
    rows = read_table(table, ("session_id",)).rows
    return {r.cells["session_id"]: visit for r in rows if (visit := r.text("visit")) is not None}


def arrange(
    sessions: Sequence[VisitFiles],
    visit_of: Mapping[str, str],
    linked: Callable[[VisitFiles, VisitFiles], bool] = lambda reference, other: True,
) -> list[Group]:
    """Every session in exactly one group, in order of their references. linked: whether a session can be laid over one.

    Sessions with a PET come first, as they lie in time; one with CT or MR alone joins the first group that takes it.
    """
    groups: list[Group] = []
    for session in sorted(sessions, key=lambda s: not tracers(s)):
        value = visit_of.get(session_of(session))
        for n, group in enumerate(groups):
            there = {t for s in (group.reference, *group.others) for t in tracers(s)}
            same_visit = value is not None and visit_of.get(session_of(group.reference)) == value
            if (
                same_visit
                and tracers(group.reference)
                and not there & tracers(session)
                and linked(group.reference, session)
            ):
                groups[n] = replace(group, others=(*group.others, session))
                break
        else:
            groups.append(Group(session))
    return sorted(groups, key=lambda g: g.reference.visit_id)


def grouped(
    sessions: Sequence[VisitFiles], subject_folder: Path, derivatives: Path
) -> tuple[list[VisitFiles], list[str]]:
    """Visits of one patient, and the sessions (`sub-X_ses-Y`) that would have joined one by a stored transform."""
    visit_of = visit_values(subject_folder)
    store = _Store(derivatives, subject_folder.name.removeprefix("sub-"))
    groups = arrange(sessions, visit_of, store.links)
    alone = {g.reference.visit_id for g in groups if not g.others}
    meant = [s.visit_id for g in arrange(sessions, visit_of) for s in g.others]
    return [_merged(g, store) for g in groups], [v for v in meant if v in alone]


def tracers(session: VisitFiles) -> set[str]:
    """Tracer channels of a session."""
    return set(session.images) & TRACERS


def session_of(files: VisitFiles) -> str:
    """`ses-01` of a visit id `sub-X_ses-01`; empty for a patient without sessions."""
    return files.visit_id.partition("_")[2]


@dataclass(frozen=True)
class _Store:
    derivatives: Path
    subject: str

    def path(self, moving: str, fixed: str) -> Path | None:
        found = transform_path(self.derivatives, self.subject, moving, fixed)
        return found if is_there(found) else None

    def links(self, reference: VisitFiles, other: VisitFiles) -> bool:
        """Whether any image of another session can be laid over the reference session's PET."""
        return any(self.chain(reference, other, channel) is not None for channel in other.images)

    def chain(self, reference: VisitFiles, session: VisitFiles, channel: str) -> tuple[Path, ...] | None:
        """Files from the reference PET's frame to an image's, first to last; None where a needed one is missing."""
        own, target = frame_name(session_of(session)), frame_name(session_of(reference))
        anatomical = None if channel in TRACERS else frame_name(session_of(session), channel)
        if session is not reference and not tracers(session):
            only = None if anatomical is None else self.path(anatomical, target)
            return None if only is None else (only,)
        between = None if session is reference else self.path(own, target)
        if session is not reference and between is None:
            return None
        within = None if anatomical is None else self.path(anatomical, own)
        return tuple(p for p in (between, within) if p is not None)


def _merged(group: Group, store: _Store) -> VisitFiles:
    images: dict[str, tuple[ImageFile, ...]] = {}
    masks: dict[str, Mapping[str, Path]] = {}
    for session in (group.reference, *group.others):
        for channel, files in session.images.items():
            chain = store.chain(group.reference, session, channel)
            if channel in images or chain is None:
                continue
            owner = None if session is group.reference else session.visit_id
            images[channel] = tuple(replace(f, transforms=chain, owner=owner) for f in files)
            if channel in session.masks:
                masks[channel] = session.masks[channel]
    return replace(group.reference, images=images, masks=masks)
