"""The HECKTOR challenge's training data (head and neck, FDG PET/CT) -> a Listing.

Layouts:
* 2025 and 2026 (hecktor25.grand-challenge.org/dataset, hecktor26.grand-challenge.org/dataset):
      <case>/<case>__CT.nii.gz, <case>/<case>__PT.nii.gz, <case>/<case>.nii.gz
* 2022 (hecktor.grand-challenge.org/Data): imagesTr/<case>__CT.nii.gz, imagesTr/<case>__PT.nii.gz,
      labelsTr/<case>.nii.gz, or with `_` for `-` in the case, as the documentation has it
Labels: 1 GTVp, the primary tumour; 2 GTVn, nodes. They may lie on the CT's grid and are then brought to the PET's by
majority of volume. Case is CenterName_PatientID; one case is one patient. Planning CT and dose are not taken.
"""

from __future__ import annotations

from pathlib import Path

from netlesion.datasets.source import Listing, SourceLabels, SourcePet, SourceVisit
from netlesion.errors import CohortError
from netlesion.io.bids.suv import SuvConvention
from netlesion.io.files import visible

LABELS = {0: "background", 1: "GTVp", 2: "GTVn"}
CONVENTION = SuvConvention(
    stated="PET; its unit is not said, the organisers' conversion computes SUV by body weight",
    computed_by="HECKTOR organisers, voreille/hecktor src/data/dicom_conversion.py",
    documentation="hecktor25.grand-challenge.org/dataset",
    known_issues=("where the times were missing from the header, 1.75 h of decay were assumed",),
)


def list_hecktor(source: str | Path) -> Listing:
    """Every case of either layout; raises CohortError for a folder without any, or with a case twice."""
    source = Path(source)
    found: dict[str, Path] = {}
    for path in visible(source, "**/*__PT.nii.gz") + visible(source, "**/*__CT.nii.gz"):
        case = path.name.split("__")[0]
        if found.setdefault(case, path.parent) != path.parent:
            raise CohortError(
                f"{source}: case {case} is there twice, in {found[case]} and {path.parent}; "
                "give the folder of one task (the tasks of 2025 repeat their cases)"
            )
    if not found:
        raise CohortError(f"{source}: holds no case; expected <case>__CT.nii.gz and <case>__PT.nii.gz")
    visits, problems = [], []
    for case, folder in sorted(found.items()):
        pet, ct = folder / f"{case}__PT.nii.gz", folder / f"{case}__CT.nii.gz"
        labels = _labels_of(case, folder)
        absent = next((p.name for p in (pet, ct) if not p.is_file()), None)
        if absent is not None or labels is None:
            problems.append(f"{case}: {absent if absent is not None else case + '.nii.gz, its labels,'} is missing")
            continue
        meaning = SourceLabels(labels, LABELS, frozenset({1, 2}), keep_as="gtv")
        suv = SourcePet("fdg", pet, CONVENTION, labels=meaning, label_grid=ct)
        visits.append(SourceVisit(case, case, "1", (suv,), {"ct": ct}))
    return Listing("hecktor", tuple(visits), tuple(problems))


def _labels_of(case: str, folder: Path) -> Path | None:
    beside = folder.parent / folder.name.replace("images", "labels") if folder.name.startswith("images") else folder
    candidates = [beside / f"{name}.nii.gz" for name in (case, case.replace("-", "_"))]
    return next((path for path in candidates if path.is_file()), None)
