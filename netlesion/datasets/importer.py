"""Visits of somebody else's NIfTI data set -> a BIDS cohort; the one writer behind every data source but DICOM's.

A visit is read and checked whole before its first file is written; PETs are written last, so that a visit without
its PET is one that was interrupted. What is there is left alone: a rerun adds only what is new. A case that is not as
documented is one line in the outcome, and the others go on; a full disk (OutputError) ends the import.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from netlesion.datasets.key import Key, Place, held_key
from netlesion.datasets.label_grid import label_on_grid
from netlesion.datasets.record import recorded_outputs, write_record
from netlesion.datasets.source import Listing, SourceLabels, SourcePet, SourceVisit
from netlesion.errors import CohortError, NetlesionError, OutputError
from netlesion.image.geometry import Geometry
from netlesion.image.visit import CHANNEL_QUANTITY
from netlesion.image.volume import Quantity, Volume
from netlesion.io.bids.cohort import ANAT_CHANNELS, DERIVATIVES, UNKNOWN_DESC
from netlesion.io.bids.files import (
    SessionRow,
    derivative_path,
    image_path,
    pet_sidecar,
    write_dataset,
    write_image,
    write_pet,
)
from netlesion.io.bids.pet import suv_by_sidecar
from netlesion.io.bids.suv import SuvRecord, pet_path, require_suv_range, suv_path, write_suv_pet
from netlesion.io.bids.visit_files import REFERENCE_DESC
from netlesion.io.hounsfield import require_negative_hu
from netlesion.io.nifti import read_volume, write_volume
from netlesion.output.atomic import write_json, write_text
from netlesion.output.provenance import hash_file, provenance
from netlesion.output.tables import tsv

#: Channel -> BIDS folder and suffix of an image that is not a PET.
PLACE_OF_CHANNEL = {"ct": ("ct", "ct")} | {channel: ("anat", suffix) for suffix, channel in ANAT_CHANNELS.items()}
MODALITY_OF_CHANNEL = {"ct": "CT", "mr_t1": "MR", "mr_t2": "MR"}


@dataclass(frozen=True)
class ImportSummary:
    """Files written, cases that were there, and one line for every case that failed."""

    written: tuple[Path, ...]
    skipped: tuple[str, ...]
    failures: tuple[str, ...]


@dataclass
class _Outcome:
    progress: Callable[[Path], None]
    written: list[Path] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)
    found: list[Path] = field(default_factory=list)
    recorded: frozenset[str] = frozenset()

    def hash(self, cohort: Path, path: Path, source: Path | None) -> None:
        if source is not None:
            self.hashes[_below(cohort, path)] = hash_file(source)


@dataclass(frozen=True)
class _Output:
    """One file to be written, from which source file, and how."""

    path: Path
    source: Path | None
    write: Callable[[], None]


def import_listing(
    listing: Listing,
    cohort: str | Path,
    key_file: str | Path | None = None,
    progress: Callable[[Path], None] = lambda path: None,
) -> ImportSummary:
    """Adds a data source's visits to COHORT; raises CohortError before anything is written when two cases collide.

    Raises the first problem when not a single case could be used.
    """
    with held_key(cohort, key_file) as key:
        return _import_listing(listing, Path(cohort), key, progress)


def _import_listing(listing: Listing, cohort: Path, key: Key, progress: Callable[[Path], None]) -> ImportSummary:
    places = [(visit, key.case(listing.data_source, visit)) for visit in listing.visits]
    outcome = _Outcome(progress, failures=list(listing.problems), recorded=recorded_outputs(cohort))
    if not places:
        raise CohortError(outcome.failures[0] if outcome.failures else "the source holds no case")
    for visit, place in places:
        try:
            _take_in_visit(cohort, visit, place, outcome, key)
        except OutputError:
            raise
        except NetlesionError as error:
            outcome.failures.append(f"{visit.case}: {error}")
    if not outcome.written and not outcome.skipped:
        raise CohortError(outcome.failures[0])
    _write_tables(cohort, places, key)
    if outcome.written or outcome.found:
        _write_provenance(cohort, listing.data_source, outcome)
    return ImportSummary(tuple(outcome.written), tuple(outcome.skipped), tuple(outcome.failures))


def _take_in_visit(cohort: Path, visit: SourceVisit, place: Place, outcome: _Outcome, key: Key) -> None:
    targets = _targets(cohort, visit, place)
    for path, source in targets.items():
        if path.is_file() and _below(cohort, path) not in outcome.recorded:  # of an import that was killed
            outcome.found.append(path)
            outcome.hash(cohort, path, source)
    if all(path.is_file() for path in targets):
        outcome.skipped.append(f"{visit.case}: already in the cohort")
        return
    outputs = _prepare(cohort, visit, place)
    key.save(cohort)  # before the first image: a killed import must not leave a subject that nobody can name
    for output in outputs:
        if output.path.is_file():
            continue
        output.write()
        outcome.written.append(output.path)
        outcome.hash(cohort, output.path, output.source)
        outcome.progress(output.path)


def _targets(cohort: Path, visit: SourceVisit, place: Place) -> dict[Path, Path | None]:
    """Every file that the visit becomes, by name alone, and the source file of an image."""
    targets: dict[Path, Path | None] = {_other_path(cohort, place, c): path for c, path in visit.others.items()}
    targets |= {_transform_path(cohort, place, name): None for name in visit.transforms}
    for pet in visit.pets:
        targets |= {_mask_path(cohort, place, pet, desc): source for desc, source in _descs(pet).items()}
        targets[_pet_target(cohort, place, pet)] = pet.path
    return targets


def _descs(pet: SourcePet) -> dict[str, Path]:
    """The desc- of every mask of a PET, and the label map it comes from."""
    descs = {} if pet.labels is None else {REFERENCE_DESC: pet.labels.path}
    if pet.labels is not None and pet.labels.unknown is not None:
        descs[UNKNOWN_DESC] = pet.labels.path
    maps = ([] if pet.labels is None else [pet.labels]) + list(pet.further)
    return descs | {m.keep_as: m.path for m in maps if m.keep_as is not None}


def _below(cohort: Path, path: Path) -> str:
    return path.relative_to(cohort).as_posix()


def _prepare(cohort: Path, visit: SourceVisit, place: Place) -> list[_Output]:
    """Reads and checks everything of a visit; masks and other images first, PETs last."""
    masks, others, pets, first = [], [], [], None
    for pet in visit.pets:
        suv = _read_pet(pet)
        if first is None:
            first = suv
        if visit.one_grid:
            first.geometry.require_same_grid(suv.geometry, f"the PET {visit.pets[0].path.name}", pet.path.name)
        masks += _label_outputs(cohort, place, pet, suv)
        moved = _moved(suv, pet.to_visit_ras)
        target = _pet_target(cohort, place, pet)
        pets.append(_Output(target, pet.path, partial(_write_pet, target, pet, moved, visit)))
    for channel, path in visit.others.items():
        volume = _read_other(channel, path)
        if visit.one_grid and first is not None:
            first.geometry.require_same_grid(volume.geometry, f"the PET {visit.pets[0].path.name}", path.name)
        facts = {"Modality": MODALITY_OF_CHANNEL[channel]}
        target = _other_path(cohort, place, channel)
        others.append(_Output(target, path, partial(write_image, target, volume, facts)))
    for name, matrix in visit.transforms.items():
        target = _transform_path(cohort, place, name)
        content = {
            "Type": "rigid",
            "Description": f"RAS+ mm {name.replace('_', ', ').replace('-', ' ')}: points, not voxels",
            "Matrix": np.asarray(matrix).tolist(),
        }
        others.append(_Output(target, None, partial(write_json, target, content)))
    return [*masks, *others, *pets]


def _read_pet(pet: SourcePet) -> Volume:
    if (pet.convention is None) == (pet.record is None):
        raise CohortError(f"{pet.path}: expected either an SUV convention or the facts of a PET in Bq/ml")
    volume = read_volume(pet.path, Quantity.SUVBW if pet.record is None else Quantity.BQML)
    if pet.record is None:
        require_suv_range(volume, str(pet.path))
    else:
        suv_by_sidecar(pet.path, volume, pet_sidecar(pet.record))
    return volume


def _read_other(channel: str, path: Path) -> Volume:
    volume = read_volume(path, CHANNEL_QUANTITY[channel])
    if channel == "ct":
        require_negative_hu(volume, str(path))
    return volume


def _label_outputs(cohort: Path, place: Place, pet: SourcePet, suv: Volume) -> list[_Output]:
    outputs = []
    if pet.labels is not None:
        labels = _read_labels(pet.labels, pet, suv)
        lesions = labels.with_array(np.isin(labels.array, list(pet.labels.lesions)).astype(np.uint8))
        outputs.append(_mask_output(cohort, place, pet, REFERENCE_DESC, pet.labels.path, lesions))
        if pet.labels.unknown is not None:
            unknown = labels.with_array((labels.array == pet.labels.unknown).astype(np.uint8))
            outputs.append(_mask_output(cohort, place, pet, UNKNOWN_DESC, pet.labels.path, unknown))
            labels = labels.with_array(np.where(unknown.array > 0, 0, labels.array))
        if pet.labels.keep_as is not None:
            outputs += _named_outputs(cohort, place, pet, pet.labels, labels)
    for further in pet.further:
        outputs += _named_outputs(cohort, place, pet, further, _read_labels(further, pet, suv))
    return outputs


def _read_labels(labels: SourceLabels, pet: SourcePet, suv: Volume) -> Volume:
    volume = read_volume(labels.path, Quantity.LABEL)
    unknown = sorted(set(np.unique(volume.array).tolist()) - set(labels.names))
    if unknown:
        known = ", ".join(f"{v} {name}" for v, name in sorted(labels.names.items()))
        raise CohortError(f"{labels.path}: holds label {unknown[0]}, which has no meaning here; known are {known}")
    if not suv.geometry.same_grid(volume.geometry) and pet.label_grid is not None:
        drawn_on = _grid_of(pet.label_grid)
        if drawn_on.same_grid(volume.geometry):
            return label_on_grid(volume, suv.geometry)
    suv.geometry.require_same_grid(volume.geometry, f"the PET {pet.path.name}", f"its labels {labels.path.name}")
    return volume


def _grid_of(path: Path) -> Geometry:
    return read_volume(path, Quantity.MR).geometry


def _named_outputs(cohort: Path, place: Place, pet: SourcePet, labels: SourceLabels, volume: Volume) -> list[_Output]:
    """A label map under its own desc-, after its dseg.tsv with the names of its values."""
    assert labels.keep_as is not None, "only what is kept gets a name"
    output = _mask_output(cohort, place, pet, labels.keep_as, labels.path, volume)
    table = output.path.with_name(output.path.name.removesuffix(".nii.gz") + ".tsv")
    text = tsv(("index", "name"), [p for p in sorted(labels.names.items()) if p[0] not in (0, labels.unknown)])
    return [_Output(table, None, partial(write_text, table, text)), output]


def _mask_output(cohort: Path, place: Place, pet: SourcePet, desc: str, source: Path, volume: Volume) -> _Output:
    path = _mask_path(cohort, place, pet, desc)
    return _Output(path, source, partial(write_volume, path, _moved(volume, pet.to_visit_ras)))


def _moved(volume: Volume, to_visit_ras: np.ndarray | None) -> Volume:
    """The same voxels, placed where the transform says: a rigid motion needs no interpolation."""
    if to_visit_ras is None:
        return volume
    return replace(volume, geometry=Geometry(to_visit_ras @ volume.geometry.affine_ras, volume.geometry.shape))


def _write_pet(path: Path, pet: SourcePet, volume: Volume, visit: SourceVisit) -> None:
    if pet.record is not None:
        write_pet(path, volume, pet.record)
        return
    assert pet.convention is not None, "a PET has a record or a convention"
    write_suv_pet(path, volume, SuvRecord(pet.tracer_label, pet.convention, visit.weight_kg, pet.facts))


def _pet_target(cohort: Path, place: Place, pet: SourcePet) -> Path:
    name = suv_path if pet.record is None else pet_path
    return name(cohort, place.subject, place.session, pet.tracer_label)


def _mask_path(cohort: Path, place: Place, pet: SourcePet, desc: str) -> Path:
    raw = pet_path(cohort, place.subject, place.session, pet.tracer_label)
    return derivative_path(cohort, raw, desc, "mask" if desc in (REFERENCE_DESC, UNKNOWN_DESC) else "dseg")


def _other_path(cohort: Path, place: Place, channel: str) -> Path:
    folder, suffix = PLACE_OF_CHANNEL[channel]
    return image_path(cohort, place.subject, place.session, folder, suffix)


def _transform_path(cohort: Path, place: Place, name: str) -> Path:
    stem = f"sub-{place.subject}_ses-{place.session}_{name}_mode-points_xfm.json"
    return Path(cohort, DERIVATIVES, f"sub-{place.subject}", f"ses-{place.session}", "pet", stem)


def _write_tables(cohort: Path, places: list[tuple[SourceVisit, Place]], key: Key) -> None:
    """The rows of every case of this source that is in the cohort, now or from before."""
    sessions: dict[str, list[SessionRow]] = {}
    for visit, place in places:
        folders = [root / f"sub-{place.subject}" / f"ses-{place.session}" for root in (cohort, cohort / DERIVATIVES)]
        if any(folder.is_dir() for folder in folders):
            row = SessionRow(place.session, key.visit_of(place), visit.weight_kg, visit.height_cm)
            sessions.setdefault(place.subject, []).append(row)
    write_dataset(cohort, sessions)


def _write_provenance(cohort: Path, data_source: str, outcome: _Outcome) -> None:
    """What this import wrote, and what one that was killed wrote before it."""
    found = [_below(cohort, path) for path in outcome.found]
    outputs = found + [_below(cohort, path) for path in outcome.written]
    config = {"data_source": data_source}
    record = provenance(config=config, inputs=outcome.hashes, outputs=outputs, of_interrupted_import=found)
    write_record(cohort, record)
