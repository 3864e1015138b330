"""Organ maps for a cohort: each session's CT or MR is mapped, and the map is laid on every PET of the session.

A map is written beside the masks of its PET (`*_desc-organs_dseg.nii.gz`, on the PET's grid, with its table of names),
where measuring, evaluation and the answers look for it. One that is there is left alone. Which labels mean anything is
the caller's business.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from netlesion.datasets.segmenters import Modality, Segmenter
from netlesion.errors import CohortError, NetlesionError
from netlesion.image.geometry import Geometry
from netlesion.image.transform import Transform, grid_points
from netlesion.image.visit import Tracer
from netlesion.image.volume import Quantity, Volume
from netlesion.io.bids.cohort import DERIVATIVES, bids_sessions
from netlesion.io.bids.label_maps import ORGANS_DESC, LabelMap, read_label_map, read_named_map
from netlesion.io.bids.pet import pet_stem, read_suv_image
from netlesion.io.bids.transforms import frame_name, read_transform, transform_path
from netlesion.io.bids.visit_files import VisitFiles
from netlesion.io.bids.visits import session_of
from netlesion.io.files import is_there
from netlesion.io.nifti import write_volume
from netlesion.output.atomic import write_json, write_text
from netlesion.output.tables import tsv

#: Images that organs are mapped on, the best first.
ON: tuple[tuple[str, Modality], ...] = (("ct", "ct"), ("mr_t1", "mr"))


@dataclass(frozen=True)
class Outcome:
    """What became of one session: written, kept (a map was there) or refused, with the reason."""

    session: str
    status: str
    reason: str = ""

    def line(self) -> str:
        return f"{self.session}: {self.status}" + (f" ({self.reason})" if self.reason else "")


def map_organs(
    cohort: Path,
    known: Collection[str],
    segmenter: Segmenter | None,
    maps: Path | None,
    overwrite: bool,
    report: Callable[[Outcome], None],
) -> list[Outcome]:
    """Maps the organs of every session of a BIDS cohort; a session that cannot be mapped does not stop the others.

    Args:
        cohort: BIDS cohort.
        known: Labels that mean something.
        segmenter: The program that maps them; None with maps.
        maps: Folder of maps made elsewhere, named after sessions (sub-X_ses-Y.nii.gz with its table, or a folder
            sub-X_ses-Y with one file for each organ), in the frame of the session's CT.
        overwrite: Whether maps that are there are made anew.
        report: Gets each outcome as it is known.

    Raises:
        ConfigError: where the program is not installed.
        CohortError: where the folder holds no session.
    """
    if segmenter is not None and maps is None:
        segmenter.require()
    sessions = [
        s for subject in sorted(cohort.glob("sub-*")) if subject.is_dir() for s in bids_sessions(cohort, subject)
    ]
    if not sessions:
        raise CohortError(f"{cohort}: holds no session; expected a BIDS cohort (sub-*/ses-*/pet/*_pet.nii.gz)")
    outcomes = []
    for files in sessions:
        try:
            outcome = _map_session(cohort, files, known, segmenter, maps, overwrite)
        except NetlesionError as error:
            outcome = Outcome(files.visit_id, "refused", str(error).splitlines()[0])
        outcomes.append(outcome)
        report(outcome)
    return outcomes


def _map_session(
    cohort: Path,
    files: VisitFiles,
    known: Collection[str],
    segmenter: Segmenter | None,
    maps: Path | None,
    overwrite: bool,
) -> Outcome:
    pets = {c: files.image(c).path for c in (t.value for t in Tracer) if c in files.images}
    targets = {path: _target(cohort, files, path) for path in pets.values()}
    if not pets:
        return Outcome(files.visit_id, "refused", "the session has no PET that a map could be laid on")
    if all(is_there(target) for target in targets.values()) and not overwrite:
        return Outcome(files.visit_id, "kept", "an organ map is there")
    there: list[tuple[str, Modality]] = [(channel, modality) for channel, modality in ON if channel in files.images]
    if not there:
        return Outcome(files.visit_id, "refused", "the session has neither CT nor T1 MR to map organs on")
    channel, modality = there[0]
    image = files.image(channel).path
    if maps is not None:
        found = _made_elsewhere(maps, files.visit_id, known)
    else:
        assert segmenter is not None
        with tempfile.TemporaryDirectory(prefix="netlesion-organs-") as work:
            found = segmenter.run(image, modality, Path(work), known)
    source = "made elsewhere" if segmenter is None or maps is not None else segmenter.name
    for path, target in targets.items():
        if overwrite or not is_there(target):
            _write(
                target,
                _laid_on(found, read_suv_image(path).geometry, _transform(cohort, files, channel)),
                found,
                source,
            )
    return Outcome(files.visit_id, "written", f"{len(found.names)} organs on {channel}")


def _made_elsewhere(maps: Path, session: str, known: Collection[str]) -> LabelMap:
    file, folder = maps / f"{session}.nii.gz", maps / session
    if is_there(file):
        return read_named_map(file)
    if folder.is_dir():
        return read_label_map(folder, known, {})
    raise CohortError(f"{maps}: holds neither {file.name} nor a folder {session} with the organs of this session")


def _target(cohort: Path, files: VisitFiles, pet: Path) -> Path:
    subject, session = files.visit_id.split("_")[0], session_of(files)
    return cohort / DERIVATIVES / subject / session / "pet" / f"{pet_stem(pet)}_desc-{ORGANS_DESC}_dseg.nii.gz"


def _transform(cohort: Path, files: VisitFiles, channel: str) -> Transform | None:
    """From the PET's frame to the image's, where registration has stored one."""
    own = session_of(files)
    path = transform_path(cohort / DERIVATIVES, files.patient_id, frame_name(own, channel), frame_name(own))
    return read_transform(path) if is_there(path) else None


def _laid_on(found: LabelMap, grid: Geometry, transform: Transform | None) -> Volume:
    """The labels at every voxel of a PET's grid, by nearest neighbour; 0 outside the map."""
    points = grid_points(grid)
    index = np.rint(found.volume.geometry.to_index(points if transform is None else transform.apply(points))).astype(
        int
    )
    shape = np.array(found.volume.array.shape)
    inside = ((index >= 0) & (index < shape)).all(axis=1)
    labels = np.zeros(len(points), dtype=found.volume.array.dtype)
    labels[inside] = found.volume.array[tuple(index[inside].T)]
    return Volume(labels.reshape(grid.shape), grid, Quantity.LABEL)


def _write(target: Path, labels: Volume, found: LabelMap, source: str) -> None:
    """The table and the record first, so that a map never stands without its names."""
    stem = target.name.removesuffix(".nii.gz")
    write_text(target.with_name(f"{stem}.tsv"), tsv(("index", "name"), sorted(found.names.items())))
    write_json(target.with_name(f"{stem}.json"), {"Description": "Organs on the PET's grid", "MadeBy": source})
    write_volume(target, labels)
