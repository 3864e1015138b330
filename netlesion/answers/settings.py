"""The project choices of every answer, one dataclass for each question; each value is written into the answer.

All numbers without a mark in clinical.md are [P]. A value that cannot be meant, or two thresholds in the wrong order,
is refused when the settings are made, which is before any patient is read.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from netlesion.errors import ConfigError


def require(name: str, good: bool, value: object, expected: str) -> None:
    """Raises ConfigError that names the setting (`staging.p_lesion`) unless it is good."""
    if not good:
        raise ConfigError(f"answers.{name} is {value}, expected {expected}")


@dataclass(frozen=True)
class MatchSettings:
    """clinical.md 4.5: reach of dilation, usual and within near_mm of diaphragm or bowel; the least fraction of the
    smaller lesion that counts as sharing voxels; the fall-back by centroids; weak: share of both ends' best below
    which sharing is none; cost in complex components.
    """

    reach_mm: float = 5.0
    reach_near_mm: float = 10.0
    near_mm: float = 50.0
    share: float = 0.1
    weak: float = 0.5
    centroid_mm: float = 15.0
    cost_mm: float = 30.0
    cost_max: float = 1.5

    def _check(self, question: str) -> None:
        for name in ("reach_mm", "reach_near_mm", "near_mm", "share", "weak", "centroid_mm", "cost_mm", "cost_max"):
            require(f"{question}.{name}", getattr(self, name) > 0, getattr(self, name), "above 0")
        require(
            f"{question}.reach_near_mm",
            self.reach_near_mm >= self.reach_mm,
            self.reach_near_mm,
            f"at least reach_mm ({self.reach_mm:g})",
        )
        require(f"{question}.share", self.share <= 1.0, self.share, "at most 1")
        require(f"{question}.weak", self.weak <= 1.0, self.weak, "at most 1")


@dataclass(frozen=True)
class PrimarySettings:
    """How much a region speaks for a primary, 0 to 1. many_in_lung: from so many on, lung lesions are metastases;
    given_site: factor of every region but that of the primary site that is given, touching: of bowel beside that
    bowel; threshold: from which a candidate is named; clear_margin: of a region, below which the lesion may lie beside
    it; same_mm: between two tracers' lesions.
    """

    pancreas: float = 0.9
    small_bowel: float = 0.9
    duodenum: float = 0.8
    stomach: float = 0.6
    colon: float = 0.6
    lung: float = 0.3
    thymus: float = 0.4
    abdominal_other: float = 0.1
    elsewhere: float = 0.02
    many_in_lung: int = 2
    given_site: float = 0.2
    touching: float = 0.7
    threshold: float = 0.25
    clear_margin: float = 0.5
    same_mm: float = 5.0

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            if f.name not in ("many_in_lung", "same_mm"):
                require(f"primary.{f.name}", 0.0 <= value <= 1.0, value, "0 to 1")
        require("primary.many_in_lung", self.many_in_lung >= 1, self.many_in_lung, "1 or more")
        require("primary.same_mm", self.same_mm >= 0, self.same_mm, "0 or more")


@dataclass(frozen=True)
class ExpressionSettings:
    """clinical.md 3.2 to 3.4. low, high: of qkrenning, times liver; sweep_*: other values it is told for; statistic:
    peak or mean, of lesion and organs alike; least_ml: below it a low score is indeterminate; sink_ml: whole-body
    volume from which uptake of normal organs may be lowered; targets, targets_per_organ: of SSTR-RADS.
    """

    statistic: Literal["peak", "mean"] = "peak"
    low: float = 0.8
    high: float = 1.1
    sweep_low: tuple[float, ...] = (0.7, 0.8, 0.9)
    sweep_high: tuple[float, ...] = (1.0, 1.1, 1.2, 1.3)
    least_ml: float = 1.0
    least_axis_mm: float = 10.0
    sink_ml: float = 500.0
    targets: int = 5
    targets_per_organ: int = 3

    def __post_init__(self) -> None:
        require("expression.statistic", self.statistic in ("peak", "mean"), self.statistic, "peak or mean")
        require("expression.low", 0.0 < self.low < self.high, self.low, f"above 0 and below high ({self.high:g})")
        lows, highs = self.sweep_low, self.sweep_high
        good = bool(lows) and bool(highs) and max(lows) < min(highs) and min(lows) > 0
        require("expression.sweep_low", good, list(lows), f"above 0 and below every sweep_high {list(highs)}")
        for name in ("least_ml", "least_axis_mm", "sink_ml", "targets", "targets_per_organ"):
            require(f"expression.{name}", getattr(self, name) > 0, getattr(self, name), "above 0")


@dataclass(frozen=True)
class DiscordanceSettings(MatchSettings):
    """clinical.md 3.5 and 3.6, with the matching of 4.5. shell_*: of the local background; num_sd: of its peak above
    it; least_contrast: of its mean over it; least_ml: below it a finding is indeterminate; hot_mm: nearness to an
    organ hot in the negative tracer; below_liver: of a call in or near the liver; equal_ratio: of NETPET's P3; few:
    lesions of NETPET's suffix a.
    """

    shell_inner_mm: float = 5.0
    shell_outer_mm: float = 15.0
    num_sd: float = 2.0
    least_contrast: float = 1.5
    least_ml: float = 0.5
    hot_mm: float = 10.0
    below_liver: float = 0.8
    equal_ratio: float = 1.5
    few: int = 2
    most_days: float = 31.0

    def __post_init__(self) -> None:
        self._check("discordance")
        require(
            "discordance.shell_inner_mm",
            0.0 <= self.shell_inner_mm < self.shell_outer_mm,
            self.shell_inner_mm,
            f"0 to shell_outer_mm ({self.shell_outer_mm:g})",
        )
        require("discordance.equal_ratio", self.equal_ratio > 1.0, self.equal_ratio, "above 1")
        require("discordance.below_liver", 0.0 < self.below_liver <= 1.0, self.below_liver, "above 0, at most 1")
        for name in ("least_ml", "hot_mm", "num_sd", "least_contrast", "few", "most_days"):
            require(f"discordance.{name}", getattr(self, name) > 0, getattr(self, name), "above 0")


@dataclass(frozen=True)
class ResponseSettings(MatchSettings):
    """clinical.md 4. percist_*: per cent and SUL of PERCIST 1.0; targets, targets_per_organ: of PERCIST-5, EORTC and
    RECIST; eortc_*: per cent; uptake_s, liver_percent, liver_sul: what makes two scans comparable; new_ml, new_ratio:
    of new against newly segmented; hot_mm: nearness to a hot organ in which nothing resolves; sstr_percent, sstr_suv:
    display bands of DOTATATE; bed_mm: from the resection bed.
    """

    percist_percent: float = 30.0
    percist_sul: float = 0.8
    percist_tlg_percent: float = 75.0
    targets: int = 5
    targets_per_organ: int = 2
    eortc_partial_first_percent: float = 15.0
    eortc_partial_percent: float = 25.0
    eortc_progress_percent: float = 25.0
    eortc_extent_percent: float = 20.0
    uptake_s: float = 900.0
    least_uptake_s: float = 3000.0
    liver_percent: float = 20.0
    liver_sul: float = 0.3
    new_ml: float = 0.5
    new_ratio: float = 0.5
    hot_mm: float = 10.0
    sstr_percent: float = 30.0
    sstr_suv: float = 1.5
    bed_mm: float = 10.0

    def __post_init__(self) -> None:
        self._check("response")
        for f in fields(self):
            value = getattr(self, f.name)
            require(f"response.{f.name}", value > 0, value, "above 0")
        require("response.new_ratio", self.new_ratio <= 1.0, self.new_ratio, "at most 1")
        require(
            "response.eortc_partial_first_percent",
            self.eortc_partial_first_percent <= self.eortc_partial_percent,
            self.eortc_partial_first_percent,
            f"at most eortc_partial_percent ({self.eortc_partial_percent:g})",
        )


@dataclass(frozen=True)
class StagingSettings:
    """clinical.md 5.2. A lesion counts if its score is at least p_lesion; below p_certain, or where its region won by
    less than region_margin, it is uncertain and may flip.
    """

    p_lesion: float = 0.5
    p_certain: float = 0.7
    region_margin: float = 0.1

    def __post_init__(self) -> None:
        require("staging.p_lesion", 0.0 <= self.p_lesion <= 1.0, self.p_lesion, "0 to 1")
        require(
            "staging.p_certain",
            self.p_lesion <= self.p_certain <= 1.0,
            self.p_certain,
            f"p_lesion ({self.p_lesion:g}) to 1",
        )
        require("staging.region_margin", 0.0 <= self.region_margin <= 1.0, self.region_margin, "0 to 1")


@dataclass(frozen=True)
class DifferentialSettings:
    """clinical.md 6.2, 7.2. Uptake of a normal organ: SUVmax up to usual_factor times what is typical there. Weak: up
    to the liver's for DOTATATE, up to fdg_weak_over_liver times it for FDG. The other tracer speaks against a benign
    explanation from sstr_avid_suv, fdg_avid_suv (SUVpeak) on. Liver mottle: SUVpeak up to mean + mottle_sd SD. Worn or
    broken bone: SUVmax up to bone_pitfall_suv, volume up to bone_pitfall_ml, fewer than many_bone_lesions hot others. A
    focus of the gut below focal_ml is open, and so is what rests on weak uptake below least_ml (partial volume).
    leave_out_explained: a network's candidates that are called physiologic or a pitfall are no disease elsewhere.
    """

    leave_out_explained: bool = True
    usual_factor: float = 1.5
    fdg_weak_over_liver: float = 1.6
    sstr_avid_suv: float = 5.0
    fdg_avid_suv: float = 4.0
    mottle_sd: float = 2.0
    near_spleen_mm: float = 30.0
    accessory_spleen_ml: float = 10.0
    like_spleen: tuple[float, float] = (0.4, 1.2)
    ureter_elongation: float = 2.5
    focal_ml: float = 3.0
    least_ml: float = 0.1
    bone_pitfall_ml: float = 4.0
    bone_pitfall_suv: float = 5.0
    sclerotic_hu: float = 250.0
    many_bone_lesions: int = 2
    fat_hu: tuple[float, float] = (-150.0, -30.0)

    def __post_init__(self) -> None:
        for name in ("usual_factor", "fdg_weak_over_liver", "sstr_avid_suv", "fdg_avid_suv", "ureter_elongation"):
            require(f"differential.{name}", getattr(self, name) > 0, getattr(self, name), "a number above 0")
        for name in ("like_spleen", "fat_hu"):
            low_high = getattr(self, name)
            good = len(low_high) == 2 and low_high[0] < low_high[1]
            require(f"differential.{name}", good, list(low_high), "two numbers, the lower one first")


@dataclass(frozen=True)
class BiopsySettings:
    """Weights of the utility's terms, on any scale; how far a way keeps from vessels; how many are ranked and told."""

    weight_uptake: float = 0.25
    weight_fdg_clone: float = 0.2
    weight_size: float = 0.2
    weight_depth: float = 0.1
    weight_path: float = 0.2
    weight_confidence: float = 0.05
    vessel_margin_mm: float = 3.0
    most_candidates: int = 10
    most_reasons: int = 5

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            require(f"biopsy.{f.name}", value >= 0, value, "0 or more")


@dataclass(frozen=True)
class CulpritSettings:
    """The score of a culprit, fitted by bench/culprit_ranker.py on drawn digital patients. These tell nothing of the
    model's score, MR and symmetry (weight 0), nor of candidates in normal organs (weight -2 by choice). tau: from which
    score there is a candidate; top_k: how many are told.
    """

    intercept: float = -2.62
    weight_log_suvpeak: float = 0.51
    weight_log_contrast: float = 1.53
    weight_log_volume: float = 0.25
    weight_model_score: float = 0.0
    weight_fracture_site: float = -0.34
    weight_joint_site: float = -0.14
    weight_multiplicity: float = -0.81
    weight_mirrored: float = 0.0
    weight_physiologic: float = -2.0
    weight_mr_bright: float = 0.0
    tau: float = 0.66
    top_k: int = 3

    def __post_init__(self) -> None:
        require("culprit.top_k", self.top_k >= 1, self.top_k, "1 or more")


@dataclass(frozen=True)
class ModalitySettings(MatchSettings):
    """Matching of lesions of two PETs (clinical.md 4.5)."""

    def __post_init__(self) -> None:
        self._check("modality")


@dataclass(frozen=True)
class Settings:
    """All questions' settings; a field is named after its question."""

    differential: DifferentialSettings = field(default_factory=DifferentialSettings)
    biopsy: BiopsySettings = field(default_factory=BiopsySettings)
    culprit: CulpritSettings = field(default_factory=CulpritSettings)
    primary: PrimarySettings = field(default_factory=PrimarySettings)
    staging: StagingSettings = field(default_factory=StagingSettings)
    expression: ExpressionSettings = field(default_factory=ExpressionSettings)
    discordance: DiscordanceSettings = field(default_factory=DiscordanceSettings)
    response: ResponseSettings = field(default_factory=ResponseSettings)
    modality: ModalitySettings = field(default_factory=ModalitySettings)


def settings_of(given: Mapping[str, Mapping[str, Any]]) -> Settings:
    """Settings from plain values, question -> name -> value; what is not given keeps its default.

    Raises ConfigError for a question or a name that does not exist, a value of another type, or one that cannot be
    meant.
    """
    parts: dict[str, Any] = {}
    known = {f.name for f in fields(Settings)}
    for question, values in given.items():
        if question not in known:
            raise ConfigError(
                f"answers.{question} is no question with settings; expected one of {', '.join(sorted(known))}"
            )
        default = getattr(Settings(), question)
        names = {f.name: getattr(default, f.name) for f in fields(default)}
        for name in values:
            if name not in names:
                raise ConfigError(f"answers.{question}.{name} is no setting; expected one of {', '.join(names)}")
        parts[question] = dataclasses.replace(
            default, **{n: _as_kind(f"{question}.{n}", v, names[n]) for n, v in values.items()}
        )
    return Settings(**parts)


def _as_kind(name: str, value: Any, default: Any) -> Any:
    if isinstance(default, bool):
        if isinstance(value, bool):
            return value
        raise ConfigError(f"answers.{name} is {value!r}, expected true or false")
    if isinstance(default, (int, float)) or default is None:
        if (
            isinstance(value, bool)
            or not isinstance(value, (int, float))
            or (isinstance(default, int) and value != int(value))
        ):
            raise ConfigError(f"answers.{name} is {value!r}, expected a {'whole ' * isinstance(default, int)}number")
        return int(value) if isinstance(default, int) else float(value)
    if isinstance(default, tuple):
        if isinstance(value, str) or not hasattr(value, "__iter__"):
            raise ConfigError(f"answers.{name} is {value!r}, expected a list")
        return tuple(value)
    if not isinstance(value, str):
        raise ConfigError(f"answers.{name} is {value!r}, expected a word")
    return value
