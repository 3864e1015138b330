"""Lesion masks in a folder, paired by case, for evaluation.

A folder is a results folder or BIDS derivatives (`*_desc-lesions_dseg.nii.gz`), a cohort (its reference
masks), or a plain folder of NIfTI masks, where the file name is the case.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from netlesion.errors import CohortError
from netlesion.io.cohort import REFERENCE_DESC, open_cohort

LABEL_MAP = f"_desc-{REFERENCE_DESC}_dseg.nii.gz"
PROBABILITY = f"_desc-{REFERENCE_DESC}_probseg.nii.gz"


@dataclass(frozen=True)
class MaskFile:
    """One case's mask, the patient it belongs to, and its probability map where there is one."""

    case: str
    patient: str
    path: Path
    probability: Path | None = None


def find_masks(folder: str | Path, desc: str = REFERENCE_DESC) -> dict[str, MaskFile]:
    """Case -> mask of every case under a folder; raises CohortError for a missing or empty one, or a case twice."""
    folder = Path(folder)
    if not folder.is_dir():
        raise CohortError(f"{folder}: no such folder; expected results, a cohort, or NIfTI masks")
    for finder in (_in_cohort, _in_results, _in_plain_folder):
        masks = finder(folder, desc)
        if masks:
            return masks
    raise CohortError(f"{folder}: holds no lesion mask; expected results, a cohort with masks, or *.nii.gz files")


def _in_cohort(folder: Path, desc: str) -> dict[str, MaskFile]:
    try:
        cohort = open_cohort(folder)
    except CohortError:
        return {}
    masks = {}
    for visit in cohort.visits:
        for channel, by_desc in visit.masks.items():
            path = by_desc.get(desc)
            if path is None and len(by_desc) == 1:
                path = next(iter(by_desc.values()))
            if path is None:
                raise CohortError(
                    f"{visit.visit_id}: no mask desc-{desc} for {channel}; there are {', '.join(sorted(by_desc))}, "
                    "choose one with --desc"
                )
            case = visit.case_id(channel)
            masks[case] = MaskFile(case, visit.patient_id, path)
    return masks


def _in_results(folder: Path, desc: str) -> dict[str, MaskFile]:
    masks: dict[str, MaskFile] = {}
    for path in sorted(folder.rglob(f"*_desc-{desc}_dseg.nii.gz")):
        case = path.name.removesuffix(f"_desc-{desc}_dseg.nii.gz")
        if case in masks:
            raise CohortError(f"{folder}: case {case} is there twice, {masks[case].path} and {path}")
        probability = path.with_name(case + f"_desc-{desc}_probseg.nii.gz")
        masks[case] = MaskFile(case, patient_of(case), path, probability if probability.is_file() else None)
    return masks


def _in_plain_folder(folder: Path, desc: str) -> dict[str, MaskFile]:
    masks = {}
    for path in sorted([*folder.glob("*.nii.gz"), *folder.glob("*.nii")]):
        case = path.name.removesuffix(".gz").removesuffix(".nii")
        if case in masks:
            raise CohortError(f"{folder}: case {case} is there twice, as .nii and as .nii.gz")
        masks[case] = MaskFile(case, patient_of(case), path)
    return masks


def patient_of(case: str) -> str:
    """The patient of a case id: sub-<id>, or what stands before `_trc-`, or the whole name."""
    if case.startswith("sub-"):
        return case.split("_")[0].removeprefix("sub-")
    return case.split("_trc-")[0]
