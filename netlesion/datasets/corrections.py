"""What a reader made of lesions, in whichever program, back as labels of the cohort beside the model's.

    derivatives/netlesion/<session>/pet/<case>_desc-<reader>_mask.nii.gz (.json)    to train on and to compare
    derivatives/netlesion/<session>/pet/<case>_desc-<reader>instances_dseg.nii.gz   lesions told apart
    derivatives/netlesion/<session>/pet/<case>_desc-model_mask.nii.gz (.json)       what the reader corrected

NIfTI, SEG and RTSTRUCT. A DICOM object belongs to the PET that the key knows its series as, else to the case that its
file is named after; it must lie on that PET's voxels and in its frame of reference, and be of that patient.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from netlesion.datasets.dicom.drawn_on import segments_image, structures_image
from netlesion.datasets.key import Key, key_path
from netlesion.errors import CohortError, ConfigError, DicomError, GeometryError, NetlesionError, OutputError
from netlesion.image.geometry import Geometry
from netlesion.image.same_voxels import on_same_voxels
from netlesion.image.visit import Tracer
from netlesion.image.volume import Quantity, Volume
from netlesion.io.bids.cohort import UNKNOWN_DESC, bids_sessions
from netlesion.io.bids.files import derivative_path
from netlesion.io.bids.label_maps import ORGANS_DESC
from netlesion.io.bids.masks import LABEL_MAP, PROBABILITY, RECORD
from netlesion.io.bids.pet import frame_of_reference
from netlesion.io.bids.visit_files import REFERENCE_DESC
from netlesion.io.dicom.file import RTSTRUCT, SEGMENTATIONS, NotDicomError, read_whole, text_of
from netlesion.io.dicom.objects.maker import MANUFACTURER
from netlesion.io.dicom.rtstruct import read_structure, structure_mask
from netlesion.io.dicom.seg import segment_mask
from netlesion.io.files import visible
from netlesion.io.nifti import read_volume, write_volume
from netlesion.output.atomic import write_json
from netlesion.output.provenance import hash_file, provenance

MODEL_DESC = "model"
#: BIDS `desc-` that mean something else; no reader may be called so.
TAKEN = (REFERENCE_DESC, MODEL_DESC, ORGANS_DESC, UNKNOWN_DESC, "classes", "suvbw", "bed")
#: Interpreted types of an ROI that are no lesion.
NO_LESION = ("EXTERNAL", "ORGAN", "AVOIDANCE", "SUPPORT", "BOLUS", "MARKER", "FIXATION", "PTV", "CONTROL")
#: The ROI that holds every lesion, beside those of each.
ALL_LESIONS = "lesions"
NIFTI = (".nii.gz", ".nii")
#: What lies beside label maps in a folder of results that was corrected in place.
NO_CORRECTION = (PROBABILITY, f"_desc-{ORGANS_DESC}_")


@dataclass(frozen=True)
class Corrected:
    """Masks by case; one line for each file that was refused, or was no correction."""

    masks: Mapping[str, Path]
    failures: tuple[str, ...]
    skipped: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Target:
    """The PET of a case."""

    case: str
    path: Path
    grid: Geometry


def import_corrections(
    source: str | Path,
    cohort: str | Path,
    reader: str,
    results: str | Path | None = None,
    key_file: str | Path | None = None,
    progress: Callable[[Path], None] = lambda path: None,
) -> Corrected:
    """Brings every correction below `source` (a file or folder) into the cohort.

    Args:
        reader: Research name of who corrected, letters and digits; the masks are called after it.
        results: What was corrected; its label maps go beside the reader's, with their checkpoint.
        key_file: Key of the cohort; None: the one beside it, where there is one.
        progress: Is told every mask that is written.

    Raises:
        ConfigError: for a name that cannot be a label or means something else.
        CohortError: for folders that are not there.
    """
    source, cohort = Path(source), Path(cohort)
    if not re.fullmatch(r"[A-Za-z0-9]{1,32}", reader) or reader.lower() in TAKEN:
        raise ConfigError(
            f"--reader {reader!r}: expected 1 to 32 letters and digits that are not one of {', '.join(TAKEN)}; give a "
            "research name, not a person's"
        )
    if not source.exists():
        raise CohortError(f"{source}: no such file or folder; expected corrected NIfTI, SEG or RTSTRUCT")
    if results is not None and not Path(results).is_dir():
        raise CohortError(f"{results}: no such folder; expected the results that were corrected")
    pets = _pets(cohort)
    path = key_path(cohort, key_file)
    if key_file is not None and not path.is_file():
        raise CohortError(f"{path}: no such key")
    key = Key.read(path) if path.is_file() else None
    masks: dict[str, Path] = {}
    failures, skipped = [], []
    for file in [source] if source.is_file() else [p for p in visible(source, "**/*") if p.is_file()]:
        try:
            drawn = _read(file, pets, key)
            if drawn is None:
                skipped.append(f"{file.name}: no lesions as NIfTI, SEG or RTSTRUCT")
                continue
            target, labels = drawn
            if target.case in masks:
                raise CohortError(f"{file}: is a second correction of {target.case}; leave one of the two")
            masks[target.case] = _write(
                cohort, target, labels, reader, file, None if results is None else Path(results)
            )
            progress(masks[target.case])
        except OutputError:
            raise
        except NetlesionError as error:
            failures.append(str(error))
    return Corrected(masks, tuple(failures), tuple(skipped))


def _pets(cohort: Path) -> dict[str, Path]:
    """Case -> PET of every session."""
    found = {}
    for subject in sorted(p for p in cohort.glob("sub-*") if p.is_dir()):
        for session in bids_sessions(cohort, subject, any_frame=True):
            for tracer in (t.value for t in Tracer if t.value in session.images):
                found[session.case_id(tracer)] = session.images[tracer][0].path
    if not found:
        raise CohortError(f"{cohort}: holds no PET; expected the BIDS cohort whose lesions were corrected")
    return found


def _read(file: Path, pets: Mapping[str, Path], key: Key | None) -> tuple[_Target, np.ndarray] | None:
    """The PET of a correction, and lesion ids on its grid; None for a file that is none."""
    if file.name.endswith(NIFTI) and any(word in file.name for word in NO_CORRECTION):
        return None
    if file.name.endswith(NIFTI):
        target = _target(_case_by_name(file, pets), pets)
        volume = read_volume(file, Quantity.LABEL)
        try:
            return target, on_same_voxels(volume.array, volume.geometry, target.grid).astype(np.int64)
        except GeometryError as error:
            raise GeometryError(f"{file}: {error}; save it on the grid of its PET") from error
    try:
        dataset = read_whole(file)
    except NotDicomError:
        return None
    kind = text_of(dataset, "SOPClassUID")
    if kind != RTSTRUCT and kind not in SEGMENTATIONS:
        return None
    frame, series = _frame_and_series(dataset, kind == RTSTRUCT)
    case = _case_of_series(file, dataset, series, pets, key) or _case_by_name(file, pets)
    target = _target(case, pets)
    _require_same_frame(file, dataset, frame, target, key)
    labels = np.zeros(target.grid.shape, dtype=np.int64)
    for number, mask in _masks(file, dataset, kind == RTSTRUCT, target.grid):
        if (labels[mask] != 0).any():
            raise DicomError(f"{file}: lesion {number} shares voxels with another; two lesions cannot, correct one")
        labels[mask] = number
    return target, labels


def _target(case: str, pets: Mapping[str, Path]) -> _Target:
    return _Target(case, pets[case], read_volume(pets[case], Quantity.BQML).geometry)


def _case_by_name(file: Path, pets: Mapping[str, Path]) -> str:
    found = [case for case in pets if file.name == case or file.name.startswith((f"{case}_", f"{case}."))]
    if len(found) != 1:
        raise CohortError(
            f"{file}: its name begins with no case of the cohort (as {next(iter(pets))}); name it after the PET it "
            "belongs to, or give the key"
        )
    return found[0]


def _frame_and_series(dataset: Any, contours: bool) -> tuple[str | None, str | None]:
    if not contours:
        return text_of(dataset, "FrameOfReferenceUID"), segments_image(dataset)
    rois = dataset.get("StructureSetROISequence") or ()
    frame = next((f for r in rois if (f := text_of(r, "ReferencedFrameOfReferenceUID"))), None)
    return frame, structures_image(dataset, frame)[0]


def _case_of_series(
    file: Path, dataset: Any, series: str | None, pets: Mapping[str, Path], key: Key | None
) -> str | None:
    """The case whose PET the key knows a series as; None where it knows none."""
    known = None if key is None or series is None else key.series.get(key.digest(series))
    if known is None:
        return None
    case = Path(known.target).name.removesuffix("_pet.nii.gz")
    if case not in pets:
        raise CohortError(f"{file}: was drawn on {known.target}, which is no PET of this cohort")
    assert key is not None
    subject = case.split("_")[0].removeprefix("sub-")
    patients = {p.patient for p in key.places.values() if p.subject == subject}
    patient = " ".join((text_of(dataset, "PatientID") or "").split())
    if patients and patient not in patients:
        raise DicomError(f"{file}: names the series of {case}, but another Patient ID (0010,0020)")
    return case


def _require_same_frame(file: Path, dataset: Any, frame: str | None, target: _Target, key: Key | None) -> None:
    known = frame_of_reference(target.path)
    if key is None or frame is None or known is None:
        return
    if text_of(dataset, "PatientIdentityRemoved") == "YES" and text_of(dataset, "Manufacturer") == MANUFACTURER:
        return  # a pseudonymised object of ours has a frame of its own
    if key.digest(frame, 6) != known:
        raise DicomError(
            f"{file}: lies in another frame of reference (0020,0052) than the PET of {target.case}; correct its source"
        )


def _masks(file: Path, dataset: Any, contours: bool, grid: Geometry):
    """(lesion id, mask) of every lesion of an object: by the number in its label, else in order."""
    if contours:
        kinds = {int(o.ReferencedROINumber): text_of(o, "RTROIInterpretedType") for o in
                 dataset.get("RTROIObservationsSequence") or ()}  # fmt: skip
        rois = [(int(r.ROINumber), text_of(r, "ROIName") or "") for r in dataset.get("StructureSetROISequence") or ()]
        rois = [(n, name) for n, name in rois if kinds.get(n) not in NO_LESION]
        rois = [(n, name) for n, name in rois if name != ALL_LESIONS or len(rois) == 1]
    else:
        rois = [(int(s.SegmentNumber), text_of(s, "SegmentLabel") or "") for s in dataset.get("SegmentSequence") or ()]
        rois = [(n, name) for n, name in rois if n > 0]  # 0: the background of a label map
    stated = [re.search(r"\bL(\d{3,})$", name.replace("_", " ")) for _, name in rois]
    ids = [int(found[1]) if found else 0 for found in stated]
    if 0 in ids or len(set(ids)) < len(ids):
        ids = list(range(1, len(ids) + 1))
    for lesion, (number, _) in zip(ids, rois, strict=True):
        if contours:
            structure = read_structure(file, dataset, number)
            if not structure.contours_mm:
                continue
            yield lesion, structure_mask(structure, grid).array > 0
        else:
            yield lesion, segment_mask(file, dataset, number, grid).array > 0


def _write(cohort: Path, target: _Target, labels: np.ndarray, reader: str, file: Path, results: Path | None) -> Path:
    facts: dict[str, Any] = {"reader": reader, "lesions": len(np.unique(labels[labels > 0]))}
    model = None if results is None else _model_of(target, results)
    if model is not None:
        path, array, record = model
        facts |= {"corrected": record, "changes": changes(array, labels)}
        _save(cohort, target, MODEL_DESC, array, provenance(config={}, inputs={path.name: hash_file(path)}, **record))
    record = provenance(config={}, inputs={f"correction{''.join(file.suffixes[-2:])}": hash_file(file)}, **facts)
    written = _save(cohort, target, reader, labels, record)
    instances = derivative_path(cohort, target.path, f"{reader}instances", "dseg")
    write_volume(instances, Volume(labels.astype(np.uint16), target.grid, Quantity.LABEL))
    return written


def _save(cohort: Path, target: _Target, desc: str, labels: np.ndarray, record: Mapping[str, Any]) -> Path:
    path = derivative_path(cohort, target.path, desc, "mask")
    write_volume(path, Volume((labels > 0).astype(np.uint8), target.grid, Quantity.LABEL))
    write_json(path.with_name(path.name.removesuffix(".nii.gz") + ".json"), {"Type": "Lesion", **record})
    return path


def _model_of(target: _Target, results: Path) -> tuple[Path, np.ndarray, dict[str, Any]] | None:
    """The label map that results hold of a case, and what made it; None where they hold none."""
    found = visible(results, f"**/{target.case}{LABEL_MAP}")
    if not found:
        return None
    volume = read_volume(found[0], Quantity.LABEL)
    record = found[0].with_name(RECORD)
    stated = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
    model = {name: stated.get(name) for name in ("checkpoint_sha256", "settings")}
    return found[0], on_same_voxels(volume.array, volume.geometry, target.grid), {"model": model}


def changes(model: np.ndarray, reader: np.ndarray) -> dict[str, int]:
    """What a reader did with a model's lesions: kept as they were, edited, removed, and added.

    A lesion of the reader that shares no voxel with one of the model was added; one of the model that shares none with
    the reader's was removed.
    """
    ids = [int(v) for v in np.unique(model) if v]
    touched = [np.unique(reader[model == n]) for n in ids]
    kept = 0
    for n, found in zip(ids, touched, strict=True):
        kept += len(found) == 1 and found[0] > 0 and bool(np.array_equal(model == n, reader == found[0]))
    removed = sum(not (found > 0).any() for found in touched)
    added = sum(not (model[reader == v] > 0).any() for v in np.unique(reader) if v)
    counts = {"kept": kept, "edited": len(ids) - kept - removed, "removed": removed, "added": added}
    return {name: int(count) for name, count in counts.items()}
