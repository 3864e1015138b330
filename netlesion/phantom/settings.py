"""Every knob of the digital cohort in one frozen value, and the presets that users choose from by name.

A preset says who is imaged (NET or TIO), on what (PET/CT, PET/MR or both), over which field of view and how often.
Data only; the numbers of each draw are documented where they are used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal

from netlesion.errors import ConfigError
from netlesion.phantom.biodistribution import UptakeSettings
from netlesion.phantom.body.shape import BodySettings
from netlesion.phantom.evolution import EvolutionSettings
from netlesion.phantom.lesions import LesionSettings
from netlesion.phantom.mimics import MimicSettings
from netlesion.phantom.posture import PostureSettings
from netlesion.phantom.render import PaintSettings
from netlesion.phantom.tio import TioSettings

Modality = Literal["PET/CT", "PET/MR"]
PETCT_SCANNERS = ("discovery_mi", "biograph_mct_flow", "vereos", "biograph_vision", "biograph_truepoint")
PETMR_SCANNERS = ("signa_petmr", "biograph_mmr")


@dataclass(frozen=True)
class PhantomSettings:
    """What a cohort is made of.

    spacing_mm: of every PET, or None for each scanner's own grid. ct_spacing_mm: None for somewhat finer than the PET.
    in_plane: "body" cuts images to the body, "scanner" keeps the whole transverse field of view. ends: landmarks at the
    foot and head end of the scan. tracers_apart: FDG on another day in another posture, else one session holds both,
    on one table position. followups: visits after the baseline. noise: False gives blur and no counting noise.
    uptake_minutes, seconds_per_bed, ga68_mbq_per_kg (at most ga68_most_mbq), fdg_mbq_per_kg: clinical.md 7.5.
    mr_bias: how much lower PET reads near bone on a PET/MR, least and most.
    """

    disease: Literal["net", "tio"] = "net"
    modalities: tuple[Modality, ...] = ("PET/CT",)
    ends: tuple[str, str] = ("mid_thigh", "skull_base")
    tracers_apart: bool = True
    followups: int = 0
    spacing_mm: tuple[float, float, float] | None = (4.0, 4.0, 4.0)
    ct_spacing_mm: tuple[float, float, float] | None = None
    in_plane: Literal["body", "scanner"] = "body"
    noise: bool = True
    petct_scanners: tuple[str, ...] = PETCT_SCANNERS
    petmr_scanners: tuple[str, ...] = PETMR_SCANNERS
    uptake_minutes: tuple[float, float] = (60.0, 7.0)
    seconds_per_bed: tuple[float, float] = (120.0, 240.0)
    petmr_seconds_per_bed: tuple[float, float] = (180.0, 360.0)
    ga68_mbq_per_kg: float = 2.0
    ga68_most_mbq: float = 200.0
    fdg_mbq_per_kg: tuple[float, float] = (3.0, 5.0)
    mr_bias: tuple[float, float] = (0.05, 0.15)
    metal_share: float = 0.06
    ct_noise_hu: tuple[float, float] = (8.0, 18.0)
    body: BodySettings = field(default_factory=BodySettings)
    uptake: UptakeSettings = field(default_factory=UptakeSettings)
    lesions: LesionSettings = field(default_factory=LesionSettings)
    tio: TioSettings = field(default_factory=TioSettings)
    mimics: MimicSettings = field(default_factory=MimicSettings)
    posture: PostureSettings = field(default_factory=PostureSettings)
    evolution: EvolutionSettings = field(default_factory=EvolutionSettings)
    paint: PaintSettings = field(default_factory=PaintSettings)

    def __post_init__(self) -> None:
        if self.followups < 0 or not self.modalities:
            raise ConfigError(
                f"a cohort needs a modality and 0 or more follow-ups, got {self.modalities}, {self.followups}"
            )


_DOWN = PostureSettings(arms="down")
#: Fractures and Looser zones come with the disease.
_TIO = PhantomSettings(disease="tio", ends=("sole", "vertex"), posture=_DOWN, mimics=MimicSettings(mean_fractures=3.0))
#: name -> settings; `mixed` takes patient i from MIXED[i % len(MIXED)].
PRESETS: Mapping[str, PhantomSettings] = MappingProxyType(
    {
        "net-petct": PhantomSettings(),
        "net-petmr": PhantomSettings(modalities=("PET/MR",), posture=_DOWN),
        "tio-petct": _TIO,
        "tio-petmr": replace(_TIO, modalities=("PET/MR",)),
        "followup": PhantomSettings(followups=1, lesions=LesionSettings(negative_share=0.1)),
        "both-scanners": PhantomSettings(modalities=("PET/CT", "PET/MR"), posture=_DOWN),
    }
)
MIXED = ("net-petct", "net-petmr", "followup", "tio-petct", "both-scanners", "net-petct", "tio-petmr")
PRESET_NAMES = (*PRESETS, "mixed")


def settings_of(preset: str, index: int) -> PhantomSettings:
    """The settings of patient `index` (0 or more) under this preset; ConfigError names the presets there are."""
    if preset == "mixed":
        return PRESETS[MIXED[index % len(MIXED)]]
    if preset not in PRESETS:
        raise ConfigError(f"there is no preset {preset!r}; expected one of {', '.join(PRESET_NAMES)}")
    return PRESETS[preset]
