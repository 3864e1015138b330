"""A cohort on disk: which visits it holds, and how one becomes a Visit in memory.

Two layouts are read: a BIDS cohort (PET in Bq/ml with a side-car, as `netlesion import` writes it) and the
layout of the sts_crops set (one folder per patient, PET already SUVbw). A BIDS cohort whose source gave SUV only
keeps its PET as a derivative, desc-suvbw, whose side-car names who computed it; it is read where there is no Bq/ml.
Files are listed here and opened one visit at a time, so a cohort may be larger than memory. Knows nothing about
networks.

A visit is one session, or several of one `visit` value once transforms between them are stored (`io.bids.visits`):
images of different frames of reference are never combined without one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from netlesion.errors import CohortError
from netlesion.image.visit import CHANNEL_QUANTITY, TRACER_OF_LABEL, Tracer
from netlesion.image.volume import Quantity
from netlesion.io.bids.pet import (
    SUV_DESC,
    entity,
    frame_of_reference,
    pet_stem,
)
from netlesion.io.bids.transforms import frame_name, transform_path
from netlesion.io.bids.visit_files import REFERENCE_DESC, ImageFile, VisitFiles
from netlesion.io.bids.visits import grouped
from netlesion.io.files import is_there, visible

DERIVATIVES = Path("derivatives", "netlesion")
#: Voxels of which nobody knows whether they are lesion (nnU-Net's ignore label); they take no part in anything.
UNKNOWN_DESC = "unknown"
ANAT_CHANNELS = {"T1w": "mr_t1", "T2w": "mr_t2"}
CROP_CHANNELS = {"fdg": "PET", "ct": "CT", "mr_t1": "MR_T1"}


class NoVisitError(CohortError):
    """A folder that is no cohort at all, apart from a cohort that is broken."""


@dataclass(frozen=True)
class Cohort:
    """A folder of visits in a known layout: a sequence of visits whose images are read when one is loaded.

    notes: lines on what was left apart, for whoever talks to the user.
    """

    root: Path
    layout: str
    visits: tuple[VisitFiles, ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.visits)

    def __getitem__(self, number: int) -> VisitFiles:
        return self.visits[number]

    def __iter__(self) -> Iterator[VisitFiles]:
        return iter(self.visits)

    @property
    def patient_ids(self) -> tuple[str, ...]:
        return tuple(sorted({v.patient_id for v in self.visits}))

    def of_patients(self, patient_ids: Iterable[str]) -> tuple[VisitFiles, ...]:
        """Every visit of these patients, in order."""
        wanted = set(patient_ids)
        return tuple(v for v in self.visits if v.patient_id in wanted)


def open_cohort(root: str | Path) -> Cohort:
    """Lists the visits under a folder.

    Args:
        root: A BIDS cohort, or a folder of the sts_crops layout.

    Returns:
        The cohort, a sequence of visits. `cohort[0].load()` reads the first one.

    Raises:
        CohortError: if the folder is missing, empty or of no known layout (NoVisitError), a table is broken, or the
            content of a file was not fetched.

    Example:
        >>> cohort = nl.open_cohort("cohort")
        >>> len(cohort), cohort.patient_ids
        (2, ('P0', 'P1'))
        >>> cohort[0].load()
        <Visit P0: fdg>
    """
    root = Path(root)
    if not root.is_dir():
        raise NoVisitError(f"{root}: no such folder; expected a BIDS cohort or a folder of the sts_crops layout")
    notes: tuple[str, ...] = ()
    if any(root.glob("sub-*")):
        layout, (visits, notes) = "bids", _bids_visits(root)
    else:
        layout, visits = "sts_crops", _crop_visits(root)
    notes += _choice_notes(visits)
    if not visits:
        raise NoVisitError(
            f"{root}: holds no visit; expected sub-*/ses-*/pet/*_pet.nii.gz (BIDS) or */PET_image.nii.gz (sts_crops)"
        )
    return Cohort(root, layout, tuple(visits), notes)


def joined_cohorts(cohorts: Sequence[Cohort]) -> Cohort:
    """Several cohorts as one, so that one network is trained on all of them.

    Args:
        cohorts: Of different folder names; the name, a hyphen and the old id become the id of a patient or visit.

    Raises:
        CohortError: where two folders have the same name.
    """
    names = [cohort.root.resolve().name for cohort in cohorts]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise CohortError(
            f"cohorts: two of the folders are named {twice!r}; the name tells patients apart, give each its own"
        )
    visits = [
        replace(visit, patient_id=f"{name}-{visit.patient_id}", visit_id=f"{name}-{visit.visit_id}")
        for name, cohort in zip(names, cohorts, strict=True)
        for visit in cohort.visits
    ]
    notes = tuple(note for cohort in cohorts for note in cohort.notes)
    return Cohort(cohorts[0].root.parent, "joined", tuple(visits), notes)


def _choice_notes(visits: Iterable[VisitFiles]) -> tuple[str, ...]:
    """One line per channel that has several images somewhere, with the first visit's choice as the example."""
    notes = []
    visits = tuple(visits)
    for channel in CHANNEL_QUANTITY:
        choices = [(v, v.choice(channel)) for v in visits if len(v.images.get(channel, ())) > 1]
        made = [(v, choice) for v, choice in choices if choice is not None]
        if made:
            more = f" and {len(made) - 1} more visits" if len(made) > 1 else ""
            notes.append(f"{made[0][0].visit_id}{more}: several images for {channel}; {made[0][1].line}")
    return tuple(notes)


def _bids_visits(root: Path) -> tuple[list[VisitFiles], tuple[str, ...]]:
    visits, apart = [], []
    for subject in sorted(p for p in root.glob("sub-*") if p.is_dir()):
        found, alone = grouped(bids_sessions(root, subject), subject, root / DERIVATIVES)
        visits += found
        apart += alone
    if not apart:
        return visits, ()
    more = f" and {len(apart) - 1} more" if len(apart) > 1 else ""
    return visits, (
        f"{apart[0]}{more}: kept apart from the first PET of the same visit, no transform to it is stored; "
        f"netlesion register {root}",
    )


def bids_sessions(root: Path, subject: Path, any_frame: bool = False) -> list[VisitFiles]:
    """The sessions of one patient, each as a visit of its own. any_frame: also images that lie in another frame of
    reference than their session's PET and have no stored transform to it (what registration starts from).
    """
    visits = []
    derived = root / DERIVATIVES / subject.name
    names = {p.name for folder in (subject, derived) for p in folder.glob("ses-*") if p.is_dir()}
    for session in [subject / name for name in sorted(names)] or [subject]:
        images = _bids_images(session, root / DERIVATIVES / session.relative_to(root))
        if not any_frame:
            images = _one_frame_of_reference(images, root / DERIVATIVES)
        if images:
            visit_id = subject.name if session is subject else f"{subject.name}_{session.name}"
            masks = _bids_masks(root / DERIVATIVES / session.relative_to(root), images)
            visits.append(VisitFiles(subject.name.removeprefix("sub-"), visit_id, images, masks))
    return visits


def _bids_images(session: Path, derived: Path) -> dict[str, tuple[ImageFile, ...]]:
    found: dict[str, list[ImageFile]] = {}
    raw = [ImageFile(path, Quantity.BQML) for path in visible(session, "pet/*_pet.nii.gz")]
    raw_names = {pet_stem(image.path) for image in raw}
    given = [ImageFile(p, Quantity.SUVBW) for p in visible(derived, f"pet/*_desc-{SUV_DESC}_pet.nii.gz")]
    for image in raw + [image for image in given if pet_stem(image.path) not in raw_names]:
        label = entity(image.path.name, "trc") or "n/a"
        if label not in TRACER_OF_LABEL:
            raise CohortError(
                f"{image.path}: tracer label trc-{label} is not known; known are {', '.join(TRACER_OF_LABEL)}"
            )
        found.setdefault(TRACER_OF_LABEL[label].value, []).append(replace(image, tracer_label=label))
    for path in visible(session, "ct/*_ct.nii.gz"):
        found.setdefault("ct", []).append(ImageFile(path, Quantity.HU))
    for suffix, channel in ANAT_CHANNELS.items():
        for path in visible(session, f"anat/*_{suffix}.nii.gz"):
            found.setdefault(channel, []).append(ImageFile(path, Quantity.MR))
    return {channel: tuple(files) for channel, files in found.items()}


def _one_frame_of_reference(
    found: Mapping[str, tuple[ImageFile, ...]], derivatives: Path
) -> dict[str, tuple[ImageFile, ...]]:
    """Leaves out CT and MR in another frame of reference than the session's PET, where both are known and no transform
    is stored.
    """
    pets = [f for t in Tracer for f in found.get(t.value, [])]
    frames = {frame_of_reference(f.path) for f in pets} - {None}
    if not pets:
        return {channel: tuple(files) for channel, files in found.items()}
    kept = {}
    for channel, files in found.items():
        same = [f for f in files if f in pets or not frames or frame_of_reference(f.path) in frames | {None}]
        own, subject = entity(files[0].path.name, "ses") or "", entity(files[0].path.name, "sub") or ""
        if is_there(transform_path(derivatives, subject, frame_name(own, channel), frame_name(own))):
            same = list(files)
        if same:
            kept[channel] = tuple(same)
    return kept


def _bids_masks(folder: Path, images: Mapping[str, tuple[ImageFile, ...]]) -> dict[str, dict[str, Path]]:
    masks: dict[str, dict[str, Path]] = {}
    for channel, files in images.items():
        for image in files:
            if image.tracer_label is None:
                continue
            stem = pet_stem(image.path)
            for path in visible(folder, f"pet/{stem}_*desc-*_*.nii.gz"):
                desc = entity(path.name, "desc")
                if desc is not None and path.name.endswith(("_mask.nii.gz", "_dseg.nii.gz")):
                    masks.setdefault(channel, {})[desc] = path
    return masks


def _crop_visits(root: Path) -> list[VisitFiles]:
    visits = []
    for folder in (p for p in visible(root) if p.is_dir()):
        images = {
            channel: (ImageFile(path, CHANNEL_QUANTITY[channel], "fdg" if channel == "fdg" else None),)
            for channel, stem in CROP_CHANNELS.items()
            if is_there(path := folder / f"{stem}_image.nii.gz")
        }
        mask = folder / "PET_mask.nii.gz"
        masks = {"fdg": {REFERENCE_DESC: mask}} if is_there(mask) and "fdg" in images else {}
        if images:
            visits.append(VisitFiles(folder.name, folder.name, images, masks))
    return visits
