"""Lesion masks in a folder, paired by case, for evaluation.

A folder is a results folder or BIDS derivatives (`*_desc-lesions_dseg.nii.gz`), a cohort (its reference
masks), or a plain folder of NIfTI masks, where the file name is the case. Of a results folder only what a finished
visit's record names is taken: a visit that failed in a later run leaves the masks of an earlier one behind.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netlesion.errors import CohortError
from netlesion.io.bids.cohort import UNKNOWN_DESC, NoVisitError, open_cohort
from netlesion.io.bids.visit_files import REFERENCE_DESC
from netlesion.io.files import is_there, visible

LABEL_MAP = f"_desc-{REFERENCE_DESC}_dseg.nii.gz"
PROBABILITY = f"_desc-{REFERENCE_DESC}_probseg.nii.gz"
#: The record beside results (see `predict.results`), written last.
RECORD = "provenance.json"


@dataclass(frozen=True)
class Extraction:
    """How lesions were made of a probability map: the arguments of `quantify.instances.extract`."""

    threshold: float
    connectivity: int
    peak_threshold: float = 0.0


@dataclass(frozen=True)
class MaskFile:
    """One case's mask, the patient it belongs to, and its probability map where there is one.

    unknown: a mask of voxels of which nobody knows whether they are lesion; unknown_label: their label in the mask.
    extraction: how the lesions were made of the probability map, where a record tells.
    """

    case: str
    patient: str
    path: Path
    probability: Path | None = None
    unknown: Path | None = None
    unknown_label: int | None = None
    extraction: Extraction | None = None


@dataclass(frozen=True)
class MaskFolder:
    """The masks of a folder. kind: cohort, results or plain; desc: the BIDS desc- taken, None in a plain folder.

    unfinished: visits of a results folder that hold masks but no record of having been finished.
    checkpoints: sha256 of the weights that the records name. configs: case -> the configuration it was inferred with.
    """

    root: Path
    kind: str
    desc: str | None
    masks: dict[str, MaskFile] = field(default_factory=dict)
    unfinished: tuple[str, ...] = ()
    checkpoints: tuple[str, ...] = ()
    configs: dict[str, dict[str, Any]] = field(default_factory=dict)


def find_masks(folder: str | Path, desc: str = REFERENCE_DESC) -> dict[str, MaskFile]:
    """Case -> mask of every case under a folder, as `open_masks` finds them."""
    return open_masks(folder, desc).masks


def open_masks(folder: str | Path, desc: str = REFERENCE_DESC) -> MaskFolder:
    """Lists the masks under a folder.

    Raises CohortError for a missing or empty folder, a case that is there twice, or a cohort whose PET has masks
    but none of this desc: another one is never taken in its place. Where another desc than the reference's was asked
    for (a reader's corrections), PETs without it are left out, as long as one has it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise CohortError(f"{folder}: no such folder; expected results, a cohort, or NIfTI masks")
    for finder in (_in_cohort, _in_results, _in_plain_folder):
        found = finder(folder, desc)
        if found is not None:
            return found
    raise CohortError(
        f"{folder}: holds no lesion mask; expected results, a cohort with masks (desc-{desc}), or *.nii.gz files"
    )


def _in_cohort(folder: Path, desc: str) -> MaskFolder | None:
    try:
        cohort = open_cohort(folder)
    except NoVisitError:
        return None
    masks: dict[str, MaskFile] = {}
    without = ""
    for visit in cohort.visits:
        for channel, by_desc in visit.masks.items():
            path = by_desc.get(desc)
            if path is None:
                without = without or (
                    f"{visit.visit_id}: no mask desc-{desc} for {channel}; there are {', '.join(sorted(by_desc))}, "
                    "choose one with --desc"
                )
                continue
            case = visit.case_id(channel)
            masks[case] = MaskFile(case, visit.patient_id, path, unknown=by_desc.get(UNKNOWN_DESC))
    if without and (desc == REFERENCE_DESC or not masks):  # of a reader who was named, what he did not draw is left out
        raise CohortError(without)
    return MaskFolder(folder, "cohort", desc, masks) if masks else None


def _in_results(folder: Path, desc: str) -> MaskFolder | None:
    suffix = f"_desc-{desc}_dseg.nii.gz"
    paths = visible(folder, f"**/*{suffix}")
    if not paths:
        return None
    records = {parent: _record(parent) for parent in {folder, *(p.parent for p in paths)}}
    recorded = any(record is not None for record in records.values())
    masks: dict[str, MaskFile] = {}
    unfinished: set[str] = set()
    for path in paths:
        record = records[path.parent]
        if recorded and not _is_finished(path, record):
            unfinished.add(path.parent.name)
            continue
        case = path.name.removesuffix(suffix)
        if case in masks:
            raise CohortError(f"{folder}: case {case} is there twice, {masks[case].path} and {path}")
        probability = path.with_name(case + f"_desc-{desc}_probseg.nii.gz")
        there = probability if is_there(probability) else None
        masks[case] = MaskFile(case, patient_of(case), path, there, extraction=_extraction(record, case))
    if not masks:
        raise CohortError(
            f"{folder}: no visit is finished ({', '.join(sorted(unfinished))} hold masks without a record); "
            "run the inference to its end"
        )
    configs = {case: _config(records[mask.path.parent]) for case, mask in masks.items()}
    checkpoints = {str(r["checkpoint_sha256"]) for r in records.values() if r and r.get("checkpoint_sha256")}
    return MaskFolder(
        folder,
        "results" if recorded else "plain",
        desc,
        masks,
        tuple(sorted(unfinished)),
        tuple(sorted(checkpoints)),
        configs,
    )


def _record(folder: Path) -> dict[str, Any] | None:
    """The record of a run or a visit; one that is unreadable or of another shape counts as one that names nothing."""
    path = folder / RECORD
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return {}
    if not isinstance(record, dict) or not isinstance(record.get("outputs", {}), (dict, list)):
        return {}
    return record if "outputs" in record or "visits_done" in record else None


def _extraction(record: dict[str, Any] | None, case: str) -> Extraction | None:
    """What a visit's record says of how the lesions of one of its cases were made."""
    settings, cases = ((record or {}).get(name) for name in ("settings", "cases"))
    if not isinstance(settings, dict) or not isinstance(cases, dict):
        return None
    channel = next((c for c, name in cases.items() if name == case), "")
    of_tracers, peaks = settings.get("tracer_thresholds") or {}, settings.get("tracer_peak_thresholds") or {}
    try:
        threshold = of_tracers.get(channel, settings["threshold"])
        return Extraction(float(threshold), int(settings["connectivity"]), float(peaks.get(channel, 0.0)))
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _config(record: dict[str, Any] | None) -> dict[str, Any]:
    """The configuration that a record names, with the part of the split that was asked for; {} where it names none."""
    config = (record or {}).get("config")
    config = config if isinstance(config, dict) else {}
    part = (record or {}).get("split_part")
    return {**config, "split": part} if isinstance(part, str) else config


def _is_finished(path: Path, record: dict[str, Any] | None) -> bool:
    outputs = (record or {}).get("outputs") or ()
    return path.name in outputs and all((path.parent / name).is_file() for name in outputs)


def _in_plain_folder(folder: Path, desc: str) -> MaskFolder | None:
    masks: dict[str, MaskFile] = {}
    ignore = _ignore_label(folder)
    for path in [*visible(folder, "*.nii.gz"), *visible(folder, "*.nii")]:
        case = path.name.removesuffix(".gz").removesuffix(".nii")
        if case in masks:
            raise CohortError(f"{folder}: case {case} is there twice, as .nii and as .nii.gz")
        masks[case] = MaskFile(case, patient_of(case), path, unknown_label=ignore)
    return MaskFolder(folder, "plain", None, masks) if masks else None


def _ignore_label(folder: Path) -> int | None:
    """The ignore label of a folder of labels of an nnU-Net data set, whose dataset.json lies above it."""
    path = folder.resolve().parent / "dataset.json"
    if not is_there(path):
        return None
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))["labels"].get("ignore")
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def patient_of(case: str) -> str:
    """The patient of a case id: sub-<id>, or what stands before `_trc-`, or the whole name."""
    if case.startswith("sub-"):
        return case.split("_")[0].removeprefix("sub-")
    return case.split("_trc-")[0]
