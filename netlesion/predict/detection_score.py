"""Lesion detection on the validation patients of a training, by the rules of `netlesion evaluate`.

Takes a lesion probability and a label map on the working grid, PET by PET; returns FROC score and sensitivities for
each tracer. Given to training by the command line, since training knows nothing of evaluation.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from netlesion.data.labels import IGNORE, LabelScheme
from netlesion.evaluate.case.detections import CaseDetections, case_detections
from netlesion.evaluate.case.match import match_lesions
from netlesion.evaluate.cohort.froc import DetectionTable
from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.models.card import ModelCard
from netlesion.quantify.instances import extract, instances

#: Lesion probability from which voxels form a candidate, ranked by the highest within it. Project choice.
CANDIDATE = 0.2


class DetectionScore:
    """Gathers the PETs of one validation.

    Args:
        card: names the tracers and the working grid.
        labels: which label values mean lesion.
    """

    def __init__(self, card: ModelCard, labels: LabelScheme) -> None:
        self.labels, self.spacing_mm = labels, card.spacing_mm
        self._cases: dict[str, list[CaseDetections]] = {tracer: [] for tracer in card.classes}

    def add(self, visit_id: str, tracer: str, probability: np.ndarray, label: np.ndarray) -> None:
        """One PET.

        Args:
            visit_id: the visit, which stands for its patient.
            probability: (I, J, K) float32 of lesion.
            label: (I, J, K) uint8; where it is IGNORE nothing is a candidate.
        """
        grid = Geometry(np.diag([*self.spacing_mm, 1.0]), label.shape)
        known = np.where(label == IGNORE, np.float32(0.0), probability.astype(np.float32))
        found = Volume(known, grid, Quantity.PROBABILITY)
        lesion = np.isin(label, self.labels.lesion_values(tracer))
        reference = instances(Volume(lesion.astype(np.uint8), grid, Quantity.LABEL))
        matching = match_lesions(reference, extract(found, CANDIDATE), found)
        case = case_detections(visit_id, visit_id, matching)
        if case is not None:
            self._cases[tracer].append(case)

    def result(self) -> Mapping[str, float]:
        """`froc_<tracer>` and `sensitivity_1fp_<tracer>` for each tracer with a lesion, and `froc`, their mean."""
        figures: dict[str, float] = {}
        for tracer, cases in self._cases.items():
            table = DetectionTable(cases) if cases else None
            if table is not None and table.num_lesions:
                figures[f"froc_{tracer}"] = table.froc_score()
                figures[f"sensitivity_1fp_{tracer}"] = float(table.sensitivity_at((1.0,))[0])
        scores = [value for name, value in figures.items() if name.startswith("froc_")]
        return figures | {"froc": float(np.mean(scores)) if scores else 0.0}
