"""Lesion detection on the validation patients of a training, by the rules of `netlesion evaluate`.

Takes a lesion probability and a label map on the working grid, PET by PET; returns FROC score and sensitivities for
each tracer, and the tables and pictures of the validation. Given to training by the command line, since training knows
nothing of evaluation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from netlesion.data.labels import IGNORE, LabelScheme
from netlesion.evaluate.case.detections import CaseDetections, case_detections
from netlesion.evaluate.case.lesion_rows import SIZE_BINS, size_bin
from netlesion.evaluate.case.match import match_lesions
from netlesion.evaluate.case.outcome import Outcome
from netlesion.evaluate.cohort.froc import DetectionTable
from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.models.card import ModelCard
from netlesion.quantify.instances import extract, instances
from netlesion.report.froc_picture import froc_picture
from netlesion.report.worst import projection_rgb
from netlesion.training.validation_record import Picture, Table, ValidationRecord

#: Lesion probability from which voxels form a candidate, ranked by the highest within it. Project choice.
CANDIDATE = 0.2
#: Probability from which a voxel counts for Dice and in pictures; how many cases are pictured.
SHOWN, NUM_WORST = 0.5, 4


@dataclass(frozen=True)
class _Case:
    """One PET: what the curves need, and the size bin of each lesion that counts, in the same order."""

    detections: CaseDetections
    sizes: tuple[str, ...]


class DetectionScore:
    """Gathers the PETs of one validation.

    Args:
        card: names the tracers and the working grid.
        labels: which label values mean lesion.
    """

    def __init__(self, card: ModelCard, labels: LabelScheme) -> None:
        self.labels, self.spacing_mm = labels, card.spacing_mm
        self._cases: dict[str, list[_Case]] = {tracer: [] for tracer in card.classes}
        self._worst: list[tuple[float, str, str, np.ndarray]] = []

    def add(
        self, visit_id: str, tracer: str, probability: np.ndarray, label: np.ndarray, suv: np.ndarray | None = None
    ) -> None:
        """One PET.

        Args:
            visit_id: the visit, which stands for its patient.
            probability: (I, J, K) float32 of lesion.
            label: (I, J, K) uint8; where it is IGNORE nothing is a candidate.
            suv: (I, J, K) of the PET, for the picture; None: the outlines alone.
        """
        grid = Geometry(np.diag([*self.spacing_mm, 1.0]), label.shape)
        known = np.where(label == IGNORE, np.float32(0.0), probability.astype(np.float32))
        found = Volume(known, grid, Quantity.PROBABILITY)
        lesion = np.isin(label, self.labels.lesion_values(tracer))
        truth = Volume(lesion.astype(np.uint8), grid, Quantity.LABEL)
        matching = match_lesions(instances(truth), extract(found, CANDIDATE), found)
        case = case_detections(visit_id, visit_id, matching)
        if case is not None:
            counted = [g for g in matching.reference if g.outcome is not Outcome.DONT_CARE]
            self._cases[tracer].append(_Case(case, tuple(size_bin(g.volume_ml) for g in counted)))
        self._picture(visit_id, tracer, truth, truth.with_array((known >= SHOWN).astype(np.uint8), Quantity.LABEL), suv)

    def result(self) -> Mapping[str, float]:
        """`froc_<tracer>` and `sensitivity_1fp_<tracer>` for each tracer with a lesion, and `froc`, their mean."""
        figures: dict[str, float] = {}
        for tracer, table in self._tables().items():
            if table.num_lesions:
                figures[f"froc_{tracer}"] = table.froc_score()
                figures[f"sensitivity_1fp_{tracer}"] = float(table.sensitivity_at((1.0,))[0])
        scores = [value for name, value in figures.items() if name.startswith("froc_")]
        return figures | {"froc": float(np.mean(scores)) if scores else 0.0}

    def record(self) -> ValidationRecord:
        """Tables `froc` and `sensitivity` (by tracer and size), the FROC curve and the worst cases as pictures."""
        curves = {tracer: table.froc() for tracer, table in self._tables().items() if table.num_lesions}
        points = [
            (tracer, None if np.isinf(t) else float(t), float(x), float(y))
            for tracer, curve in curves.items()
            for t, x, y in zip(curve.threshold_T, curve.x_T, curve.sensitivity_T, strict=True)
        ]
        columns = ("tracer", "threshold", "false_positives_per_pet", "sensitivity")
        tables = {"froc": Table(columns, tuple(points)), "sensitivity": self._sensitivity()}
        pictures: dict[str, Picture] = {}
        if curves:
            lines = {tracer: (curve.x_T, curve.sensitivity_T) for tracer, curve in curves.items()}
            pictures["froc"] = Picture(froc_picture(lines), "FROC of the validation patients")
        for n, (dice, visit_id, tracer, rgb) in enumerate(self._worst, start=1):
            caption = f"{tracer}, Dice {dice:.2f}: reference green, prediction red"
            pictures[f"worst_{n}"] = Picture(rgb, caption, {"visit": visit_id, "tracer": tracer, "dice": dice})
        return ValidationRecord(tables, pictures)

    def _tables(self) -> dict[str, DetectionTable]:
        return {t: DetectionTable([c.detections for c in cases]) for t, cases in self._cases.items() if cases}

    def _sensitivity(self) -> Table:
        """Of each tracer and size the lesions, those found at 1 false positive per PET, and their fraction."""
        rows = []
        for tracer, table in self._tables().items():
            curve = table.froc()
            threshold = curve.threshold_T[np.flatnonzero(curve.x_T <= 1.0 + 1e-12)[-1]]
            rated = [
                pair for c in self._cases[tracer] for pair in zip(c.sizes, c.detections.lesion_scores, strict=True)
            ]
            for size in ("all", *SIZE_BINS):
                ratings = [r for s, r in rated if size in ("all", s)]
                found = sum(r >= threshold for r in ratings)
                rows.append((tracer, size, len(ratings), found, found / len(ratings) if ratings else None))
        return Table(("tracer", "size_ml", "lesions", "found_at_1_fp_per_pet", "sensitivity"), tuple(rows))

    def _picture(self, visit_id: str, tracer: str, truth: Volume, predicted: Volume, suv: np.ndarray | None) -> None:
        """Keeps the picture where the case is among those of lowest Dice."""
        both = np.count_nonzero(truth.array & predicted.array)
        total = np.count_nonzero(truth.array) + np.count_nonzero(predicted.array)
        dice = 2.0 * both / total if total else 1.0
        if dice == 1.0 or (len(self._worst) == NUM_WORST and dice >= self._worst[-1][0]):
            return
        pet = None if suv is None else Volume(suv.astype(np.float32), truth.geometry, Quantity.SUVBW)
        self._worst.append((dice, visit_id, tracer, projection_rgb(truth, predicted, pet)))
        self._worst = sorted(self._worst, key=lambda w: w[:3])[:NUM_WORST]
