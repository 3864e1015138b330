"""What became of each lesion of one case: the settings, the rows and the counts of a matching.

Frozen values that `match` fills and `detection`, `froc`, `score` and tables read. Knows nothing about images.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from netlesion.errors import ConfigError
from netlesion.quantify.instances import CONNECTIVITY

Kind = TypeVar("Kind", bound=StrEnum)


class Criterion(StrEnum):
    """When a prediction P is said to point to a reference lesion G."""

    IOU_OR_PEAK = "iou_or_peak"  # IoU >= min_iou, or the peak of P in G dilated while G is small
    IOU = "iou"  # IoU >= min_iou
    OVERLAP = "overlap"  # one shared voxel
    PEAK = "peak"  # the peak of P in G dilated, whatever the size of G
    CENTRE = "centre"  # the voxel nearest the centroid of P belongs to G
    DISTANCE = "distance"  # the centroids are at most max_distance_mm apart


class Assignment(StrEnum):
    """How pairs are made one to one."""

    HUNGARIAN = "hungarian"  # the highest summed IoU over the whole case
    GREEDY = "greedy"  # the most confident prediction takes its best lesion first


class Confidence(StrEnum):
    """How the probabilities of a lesion's voxels become one number."""

    MAX = "max"
    P95 = "p95"


def member(name: str, kind: type[Kind], word: str | Kind) -> Kind:
    """The member of an Enum that a word names; raises ConfigError, with the setting's name, for another word."""
    try:
        return kind(word)
    except ValueError as error:
        raise ConfigError(f"{name} is {word!r}, expected one of {', '.join(one.value for one in kind)}") from error


@dataclass(frozen=True)
class MatchSettings:
    """The project's choices [P] of what counts as found; written into every summary.

    peak_max_volume_ml: only reference lesions smaller than this can be found by their peak alone (0: none).
    peak_dilation_voxels: how far outside the lesion that peak may lie, in steps over faces and edges.
    min_reference_voxels: smaller reference lesions are don't-care. max_distance_mm: for the criterion "distance".
    point_tolerance_mm: how far from the lesion a reader's point may lie. Raises ConfigError for impossible values.
    """

    criterion: Criterion = Criterion.IOU_OR_PEAK
    assignment: Assignment = Assignment.HUNGARIAN
    confidence: Confidence = Confidence.MAX
    min_iou: float = 0.1
    peak_max_volume_ml: float = 1.0
    peak_dilation_voxels: int = 1
    min_reference_voxels: int = 3
    max_distance_mm: float = 10.0
    point_tolerance_mm: float = 10.0
    connectivity: int = CONNECTIVITY

    def __post_init__(self) -> None:
        for name, kind in (("criterion", Criterion), ("assignment", Assignment), ("confidence", Confidence)):
            object.__setattr__(self, name, member(name, kind, getattr(self, name)))
        if not 0 < self.min_iou <= 1:
            raise ConfigError(f"min_iou is {self.min_iou:g}, expected above 0 and at most 1 (0.1 is the default)")
        if self.connectivity not in (6, 18, 26):
            raise ConfigError(f"connectivity is {self.connectivity}, expected 6, 18 or 26 (18 is the default)")
        for name in (
            "peak_max_volume_ml",
            "peak_dilation_voxels",
            "min_reference_voxels",
            "max_distance_mm",
            "point_tolerance_mm",
        ):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"{name} is {getattr(self, name)}, expected 0 or more (0 switches it off)")


DEFAULT_SETTINGS = MatchSettings()


class Outcome(StrEnum):
    """What became of a lesion."""

    TRUE_POSITIVE = "true_positive"
    FALSE_POSITIVE = "false_positive"
    FALSE_NEGATIVE = "false_negative"
    SPLIT = "split"
    DONT_CARE = "dont_care"


@dataclass(frozen=True)
class ReferenceLesion:
    """One reference lesion: found by prediction_id with this IoU (0.0 if by its peak alone), else None."""

    lesion_id: int
    num_voxels: int
    volume_ml: float
    outcome: Outcome
    prediction_id: int | None
    iou: float | None


@dataclass(frozen=True)
class PredictedLesion:
    """One predicted lesion, or one point of a reader (num_voxels 0).

    reference_id, iou: the lesion it found, split off from, or was ignored with; None for a false positive.
    merged_ids: lesions it also covers and that were therefore missed. score: confidence or rating, None without.
    """

    lesion_id: int
    num_voxels: int
    volume_ml: float
    outcome: Outcome
    reference_id: int | None
    iou: float | None
    merged_ids: tuple[int, ...]
    score: float | None


@dataclass(frozen=True)
class RankedDetection:
    """One prediction judged by those of its case that are more confident: what FROC, AFROC and AP sweep over."""

    prediction_id: int
    score: float
    outcome: Outcome
    reference_id: int | None


@dataclass(frozen=True)
class PanopticCounts:
    """Pairs of IoU above 0.5, which no second pair can share, and what is left over; don't-cares are in none."""

    sum_iou: float
    num_true_positives: int
    num_false_positives: int
    num_false_negatives: int


@dataclass(frozen=True)
class Matching:
    """All lesions of one case, by rising id, and what they add up to.

    ranked is by falling score, and None when any prediction has no score.
    """

    reference: tuple[ReferenceLesion, ...]
    prediction: tuple[PredictedLesion, ...]
    settings: MatchSettings
    ranked: tuple[RankedDetection, ...] | None
    panoptic: PanopticCounts

    @property
    def num_true_positives(self) -> int:
        return _count(self.prediction, Outcome.TRUE_POSITIVE)

    @property
    def num_false_positives(self) -> int:
        return _count(self.prediction, Outcome.FALSE_POSITIVE)

    @property
    def num_false_negatives(self) -> int:
        return _count(self.reference, Outcome.FALSE_NEGATIVE)

    @property
    def num_splits(self) -> int:
        return _count(self.prediction, Outcome.SPLIT)

    @property
    def num_merges(self) -> int:
        """Predictions that found one lesion and swallowed at least one more."""
        return sum(bool(row.merged_ids) for row in self.prediction)

    @property
    def num_reference(self) -> int:
        """Reference lesions without the don't-cares: true positives + false negatives."""
        return len(self.reference) - _count(self.reference, Outcome.DONT_CARE)

    @property
    def num_prediction(self) -> int:
        """Predicted lesions without the don't-cares: true positives + false positives + splits."""
        return len(self.prediction) - _count(self.prediction, Outcome.DONT_CARE)


def _count(rows: Iterable[ReferenceLesion | PredictedLesion], outcome: Outcome) -> int:
    return sum(row.outcome is outcome for row in rows)
