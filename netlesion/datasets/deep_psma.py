"""The DEEP-PSMA challenge's training data -> a Listing.

Layout (deep-psma.grand-challenge.org/dataset-format; Peter-MacCallum-Cancer-Centre, 2025):
    <case>/{PSMA,FDG}/{CT,PET,TTB,totseg_24}.nii.gz, threshold.json {"suv_threshold": 3.0}, rigid.tfm
PET is "in units of SUV"; TTB is the total tumour burden, contoured at the threshold (PSMA 3, FDG by the liver); the
organs are TotalSegmentator's first 24 classes on the CT. FDG/rigid.tfm has FDG fixed and PSMA moving, so it takes
points of the FDG to the PSMA; PSMA/rigid.tfm is its inverse, and that is checked.

Both tracers of a case lie in different frames of reference. They become two sessions of one clinical time point, each
with its own CT, and the transform is stored. `joint` makes one session of them instead: the FDG is moved into the
frame of the PSMA by its affine alone (a rigid motion needs no interpolation), and only the PSMA's CT is kept.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from netlesion.datasets.source import Listing, SourceLabels, SourcePet, SourceVisit
from netlesion.errors import CohortError, NetlesionError
from netlesion.io.bids.suv import SuvConvention
from netlesion.io.files import is_there, visible
from netlesion.io.itk_transform import read_rigid_ras

TRACERS = {"PSMA": "psma", "FDG": "fdg"}
#: Largest displacement, in mm, of a point 1 m away by one transform and back by the other.
INVERSE_TOLERANCE_MM = 0.1
#: TotalSegmentator `total`, classes 1-24 in order (clinical.md 5.4).
ORGANS = (
    "background", "spleen", "kidney_right", "kidney_left", "gallbladder", "liver", "stomach", "pancreas",
    "adrenal_gland_right", "adrenal_gland_left", "lung_upper_lobe_left", "lung_lower_lobe_left",
    "lung_upper_lobe_right", "lung_middle_lobe_right", "lung_lower_lobe_right", "esophagus", "trachea",
    "thyroid_gland", "small_bowel", "duodenum", "colon", "urinary_bladder", "prostate", "kidney_cyst_left",
    "kidney_cyst_right",
)  # fmt: skip
LABELS = {0: "background", 1: "lesion"}
CONVENTION = SuvConvention(
    stated="PET in units of SUV (what it is normalised by is not said)",
    computed_by="DEEP-PSMA organisers",
    documentation="deep-psma.grand-challenge.org/dataset-format",
)


def list_deep_psma(source: str | Path, joint: bool = False) -> Listing:
    """Every case with both of its tracers; raises CohortError for a folder without any."""
    source = Path(source)
    folders = [p for p in visible(source) if any((p / t).is_dir() for t in TRACERS)]
    if not folders:
        raise CohortError(f"{source}: holds no case; expected <case>/PSMA/PET.nii.gz and <case>/FDG/PET.nii.gz")
    visits, problems = [], []
    for folder in folders:
        try:
            visits += _case(folder, joint)
        except NetlesionError as error:
            problems.append(f"{folder.name}: {error}")
    return Listing("deep-psma", tuple(visits), tuple(problems))


def _case(folder: Path, joint: bool) -> list[SourceVisit]:
    fdg_to_psma = _registration(folder)
    pets = {name: _pet(folder / name, label) for name, label in TRACERS.items()}
    if joint:
        moved = _pet(folder / "FDG", TRACERS["FDG"], fdg_to_psma)
        cts = {"ct": folder / "PSMA" / "CT.nii.gz"}
        transforms = {"from-fdg_to-psma": fdg_to_psma}
        return [SourceVisit(folder.name, folder.name, "joint", (pets["PSMA"], moved), cts, transforms=transforms)]
    transforms = {"PSMA": np.linalg.inv(fdg_to_psma), "FDG": fdg_to_psma}
    other = {"PSMA": "from-psma_to-fdg", "FDG": "from-fdg_to-psma"}
    return [
        SourceVisit(
            f"{folder.name}/{name}",
            folder.name,
            name,
            (pet,),
            {"ct": folder / name / "CT.nii.gz"},
            visit_group=folder.name,
            transforms={other[name]: transforms[name]},
        )
        for name, pet in pets.items()
    ]


def _registration(folder: Path) -> np.ndarray:
    """RAS+ mm of the FDG -> RAS+ mm of the PSMA; both files must say the same."""
    there, back = read_rigid_ras(folder / "FDG" / "rigid.tfm"), read_rigid_ras(folder / "PSMA" / "rigid.tfm")
    points = np.vstack([np.eye(4)[:3] * 1000.0 + np.eye(4)[3], np.eye(4)[3]])
    gap = float(np.abs((points @ (back @ there).T - points)[:, :3]).max())
    if gap > INVERSE_TOLERANCE_MM:
        raise CohortError(
            f"FDG/rigid.tfm and PSMA/rigid.tfm should undo each other, but leave {gap:.1f} mm; "
            "take the case as published"
        )
    return there


def _pet(folder: Path, label: str, to_visit_ras: np.ndarray | None = None) -> SourcePet:
    ct, pet, ttb, organs = (folder / f"{n}.nii.gz" for n in ("CT", "PET", "TTB", "totseg_24"))
    for path in (ct, pet, ttb):
        if not path.is_file():
            raise CohortError(f"{folder.name}/{path.name} is missing")
    further = [SourceLabels(organs, dict(enumerate(ORGANS)), keep_as="organs")] if is_there(organs) else []
    return SourcePet(
        label,
        pet,
        CONVENTION,
        labels=SourceLabels(ttb, LABELS, frozenset({1})),
        further=tuple(further),
        label_grid=ct,
        facts={"ContourThreshold": _threshold(folder / "threshold.json"), "ContourThresholdUnits": "g/mL"},
        to_visit_ras=to_visit_ras,
    )


def _threshold(path: Path) -> float:
    where = f"{path.parent.name}/{path.name}"
    if not path.is_file():
        raise CohortError(f"{where} is missing; it holds the SUV threshold that the contours were made with")
    try:
        value = json.loads(path.read_text(encoding="utf-8"))["suv_threshold"]
    except (ValueError, KeyError, TypeError) as error:
        raise CohortError(f'{where}: expected {{"suv_threshold": <number>}}') from error
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 100:
        raise CohortError(f"{where}: suv_threshold is {value!r}, expected a number between 0 and 100")
    return float(value)
