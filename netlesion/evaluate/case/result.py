"""One row of cases.tsv: its columns, each with its meaning and unit, and what rests on the same case.

Frozen values that `score` fills and `summary`, `strata`, the page and tables read. Knows nothing about images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields
from typing import Any

from netlesion.evaluate.case.detections import CaseDetections
from netlesion.evaluate.case.lesion_rows import LesionResult
from netlesion.evaluate.case.localise import CaseCandidates
from netlesion.evaluate.case.outcome import MatchSettings, PanopticCounts

TASKS = ("detection", "segmentation", "challenge")
NAN = float("nan")


def _column(group: str, unit: str, description: str) -> Any:
    return field(metadata={"group": group, "Description": description, "Units": unit})


@dataclass(frozen=True)
class CaseResult:
    """What is said of one case; NaN where a number has no meaning. Columns are explained in COLUMNS."""

    case: str = _column("case", "n/a", "The PET evaluated: patient, session and tracer")
    patient: str = _column("case", "n/a", "Research id; cases of one patient are resampled together")
    tracer: str = _column("case", "n/a", "BIDS trc- label of the PET; n/a where it is not known")
    scanner: str = _column("case", "n/a", "Manufacturer and model; n/a where it is not known")
    dice: float = _column("segmentation", "1", "Voxel-wise Dice; 1 when both masks are empty, 0 when one is")
    nsd_2mm: float = _column(
        "segmentation", "1", "Share of both surfaces within 2 mm of the other; 1 when both are empty, 0 when one is"
    )
    nsd_4mm: float = _column("segmentation", "1", "The same within 4 mm")
    hd95_mm: float = _column(
        "segmentation", "mm", "Larger 95th percentile of both surface distances; n/a when a mask is empty"
    )
    volume_reference_ml: float = _column(
        "segmentation", "ml", "Volume of the whole reference mask, don't-cares included"
    )
    volume_prediction_ml: float = _column(
        "segmentation", "ml", "Volume of the whole predicted mask, don't-cares included"
    )
    volume_shared_ml: float = _column("segmentation", "ml", "Volume that both masks hold")
    tlsre_reference_g: float = _column(
        "segmentation", "g", "SUV times volume summed over the reference (TLSRE; TLG for FDG); n/a without PET"
    )
    tlsre_prediction_g: float = _column("segmentation", "g", "The same over the prediction")
    autopet_dice: float = _column("challenge", "1", "Voxel-wise Dice as in autoPET III/IV; n/a for an empty reference")
    autopet_fpv_ml: float = _column(
        "challenge",
        "ml",
        "Volume of predicted 18-connected components with no voxel in the reference, as in autoPET III/IV",
    )
    autopet_fnv_ml: float = _column(
        "challenge",
        "ml",
        "Volume of reference 18-connected components with no predicted voxel, as in autoPET III/IV; "
        "n/a for an empty reference",
    )
    autopet1_dice: float = _column("challenge", "1", "Voxel-wise Dice as in autoPET I/II; n/a when both are empty")
    autopet1_fpv_ml: float = _column("challenge", "ml", "As autopet_fpv_ml (autoPET I/II)")
    autopet1_fnv_ml: float = _column(
        "challenge", "ml", "As autopet_fnv_ml, but 0 for an empty reference (autoPET I/II)"
    )
    deep_psma_surface_dice: float = _column(
        "challenge", "1", "Contour voxels lying exactly on the other contour (tolerance 0); n/a when both are empty"
    )
    deep_psma_suv_mean_ratio: float = _column(
        "challenge", "1", "Mean SUV of the prediction over that of the reference; n/a without PET or with an empty mask"
    )
    deep_psma_volume_ratio: float = _column(
        "challenge", "1", "Predicted over reference voxels (ttb_volume_ratio); n/a for an empty reference"
    )
    num_voxels_reference: int = _column("challenge", "1", "Voxels of the reference mask (HECKTOR sums them)")
    num_voxels_prediction: int = _column("challenge", "1", "Voxels of the predicted mask")
    num_voxels_shared: int = _column("challenge", "1", "Voxels that both masks hold")
    lesion_sensitivity: float = _column("detection", "1", "Found / all reference lesions; n/a without any")
    lesion_ppv: float = _column("detection", "1", "TP / (TP + FP) of predicted lesions; n/a without any")
    lesion_f1: float = _column("detection", "1", "2 TP / (2 TP + FP + FN); n/a without any lesion at all")
    panoptic_quality: float = _column(
        "detection", "1", "Sum of IoU over 0.5 / (TP + FP/2 + FN/2), splits being FP; n/a without any lesion at all"
    )
    num_lesions_reference: int = _column("detection", "1", "Reference lesions without don't-cares: TP + FN")
    num_lesions_prediction: int = _column("detection", "1", "Predicted lesions without don't-cares: TP + FP + splits")
    num_true_positives: int = _column("detection", "1", "Reference lesions found, one prediction each")
    num_false_positives: int = _column("detection", "1", "Predicted lesions that found nothing and are no split")
    num_false_negatives: int = _column("detection", "1", "Reference lesions not found")
    num_splits: int = _column("detection", "1", "Further predictions on a lesion already found, neither TP nor FP")
    num_merges: int = _column(
        "detection", "1", "Predictions that found one lesion and also cover others, which are missed"
    )
    num_dont_care: int = _column("detection", "1", "Reference lesions too small to count, in none of the above")
    max_score: float = _column("detection", "1", "Highest score of a predicted lesion; n/a without scores or lesions")
    top_candidate_hit: float = _column(
        "detection",
        "1",
        "One culprit (clinical.md 6.5): 1 where the prediction of the highest score overlaps the reference or its "
        "centroid lies within 10 mm, a fraction where several tie; n/a without reference or scores",
    )
    culprit_reciprocal_rank: float = _column(
        "detection", "1", "1 / rank by score of the first prediction that does, 0 where none does; n/a likewise"
    )
    _: KW_ONLY
    lesions: tuple[LesionResult, ...]
    detections: CaseDetections | None
    candidates: CaseCandidates | None
    panoptic: PanopticCounts | None
    remarks: tuple[str, ...]
    settings: MatchSettings

    def row(self, tasks: Sequence[str] = TASKS) -> dict[str, str | int | float]:
        """Column -> value, in the order of COLUMNS, of the tasks asked for."""
        return {column: getattr(self, column) for column in columns_of(tasks)}


#: The data dictionary of a table of cases (BIDS); its keys are the columns, in order.
COLUMNS: Mapping[str, Mapping[str, str]] = {
    f.name: {k: v for k, v in f.metadata.items() if k != "group"} for f in fields(CaseResult) if f.metadata
}
GROUP_OF: Mapping[str, str] = {f.name: f.metadata["group"] for f in fields(CaseResult) if f.metadata}


def blank_columns(groups: Sequence[str]) -> dict[str, Any]:
    """NaN for every column of these groups."""
    return {name: NAN for name, group in GROUP_OF.items() if group in groups}


def columns_of(tasks: Sequence[str]) -> tuple[str, ...]:
    """The columns that these tasks fill, after those that name the case."""
    return tuple(name for name, group in GROUP_OF.items() if group == "case" or group in tasks)
