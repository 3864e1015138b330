"""Known explanations of uptake that is no tumour: normal organs, and pitfalls that look like one.

Each pattern looks at one lesion in its surroundings and says that it fits, with the reasons for and against; one that
does not apply says nothing. A pattern never asks whether something is a tumour. Where something speaks against a
pattern that fits, the candidate is not decidable from images.

Source: clinical.md 6.2 (pitfalls), 7.1 and 7.2 (typical uptake), 5.3 (uncinate), 3.3 (uptake levels); numbers are [P].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from netlesion.answers.context import Companion, elongation, uptake_ratio
from netlesion.answers.patient import Lesion, Pet
from netlesion.answers.words import number, spoken

if TYPE_CHECKING:
    from netlesion.answers.settings import DifferentialSettings

PHYSIOLOGIC, PITFALL = "physiologic", "pitfall"
#: Typical highest uptake, SUVbw g/ml (clinical.md 7.2): column SUVmax of DOTATATE; mean + 2 SD of FDG.
TYPICAL: Mapping[str, Mapping[str, float]] = {
    "sstr": {
        "spleen": 25.0, "kidney": 14.0, "adrenal_gland": 13.7, "pituitary": 9.7, "stomach": 8.0, "duodenum": 6.0,
        "small_bowel": 6.0, "colon": 3.0, "pancreas": 4.5, "uncinate_process": 7.0, "gallbladder": 4.0,
        "prostate": 5.0, "uterus": 3.0, "thyroid_gland": 3.0, "salivary_gland": 4.0, "heart": 2.0, "thymus": 2.0,
        "breast": 1.5,
    },
    "fdg": {
        "spleen": 2.5, "kidney": 3.4, "adrenal_gland": 2.2, "pituitary": 3.7, "stomach": 3.2, "duodenum": 2.8,
        "small_bowel": 2.8, "colon": 5.0, "pancreas": 2.0, "gallbladder": 1.8, "prostate": 2.4, "uterus": 3.4,
        "thyroid_gland": 2.0, "salivary_gland": 3.1, "brain": 13.5, "heart": 14.0, "thymus": 2.3, "testis": 3.7,
    },
}  # fmt: skip
#: Organs that hold urine: however hot, that is no sign of a tumour.
URINE = ("urinary_bladder", "urinary_tract", "kidney")
#: Organs in which NET arise: between the usual uptake and usual_factor times it nothing is decided there. The uncinate
#: process is left out, whose uptake is known to be high (clinical.md 5.3).
WHERE_NET_ARISE = ("stomach", "duodenum", "small_bowel", "colon", "pancreas")
GUT = WHERE_NET_ARISE[:4]
#: The head of the pancreas with its uncinate process is the part this near to the duodenum.
HEAD_MM = 15.0
#: Where joints and end plates degenerate, where insufficiency fractures and Looser zones lie (clinical.md 6.2).
JOINTS = ("vertebra", "humerus", "clavicula", "clavicle", "patella", "tibia", "carpal", "radius", "ulna")
FRACTURES = ("rib", "hip", "sacrum", "scapula", "femur", "metatarsal", "tarsal", "fibula", "costal", "toes")
#: Stations whose nodes are seldom those of a gastro-entero-pancreatic NET and often inflamed.
ATYPICAL_STATIONS = ("axillary", "inguinal", "cervical", "mediastinal", "hilar_pulmonary")
BROWN_FAT_STATIONS = ("supraclavicular", "cervical", "axillary", "mediastinal")
#: Explanations that rest on uptake being weak.
WEAK_KINDS = ("liver_mottle", "degenerative", "fracture", "inflamed_node")
#: Names in lesions.tsv of what patterns read.
HU_MEAN = "ct_hu_mean"


@dataclass(frozen=True, eq=False)
class Scene:
    """One lesion with all that patterns look at.

    companion: on the PET of the other tracer. mirror: its mirror image among this PET's lesions. intense_bones: other
    bone lesions with DOTATATE above liver. near_spleen_mm, near_duodenum_mm: None without a map that names it. level:
    SSTR-RADS' uptake level; None for FDG or without references.
    """

    lesion: Lesion
    pet: Pet
    companion: Companion
    mirror: Lesion | None
    intense_bones: int
    near_spleen_mm: float | None
    near_duodenum_mm: float | None
    level: int | None

    @property
    def hu(self) -> float | None:
        """Mean CT number over the lesion, HU; None without a CT."""
        value = self.lesion.facts.get(HU_MEAN)
        return float(value) if isinstance(value, (int, float)) else None

    @property
    def liver_ratio(self) -> float | None:
        return uptake_ratio(self.lesion, self.pet, "liver")

    def is_weak(self, settings: DifferentialSettings) -> bool | None:
        """DOTATATE: not above the liver; FDG: not far above it. None where the liver's reference is missing."""
        ratio = self.liver_ratio
        limit = 1.0 if self.lesion.tracer == "sstr" else settings.fdg_weak_over_liver
        return None if ratio is None else ratio <= limit

    @property
    def uptake(self) -> str:
        """`SUVpeak 3.1 g/ml, 0.62 times that of the liver`."""
        ratio, peak = self.liver_ratio, number(self.lesion.suvpeak, "g/ml")
        return f"SUVpeak {peak}" + ("" if ratio is None else f", {ratio:.2f} times that of the liver")


@dataclass(frozen=True)
class Pattern:
    """An explanation that fits. kind: its name; for_, against: what speaks so, as clauses."""

    call: str
    kind: str
    for_: tuple[str, ...]
    against: tuple[str, ...] = ()


def matching(scene: Scene, settings: DifferentialSettings) -> tuple[Pattern, ...]:
    """Every pattern that fits, in order."""
    found = [pattern(scene, settings) for pattern in PATTERNS]
    small = scene.lesion.volume_ml < settings.least_ml
    fitting = [p for p in found if p is not None]
    if small:
        doubt = f"at {scene.lesion.volume_ml:.2f} ml it is too small for its uptake to be measured"
        fitting = [replace(p, against=(*p.against, doubt)) if p.kind in WEAK_KINDS else p for p in fitting]
    return tuple(fitting)


def normal_organ(scene: Scene, settings: DifferentialSettings) -> Pattern | None:
    """Uptake of an organ that is known to take up the tracer, and no more than is usual there."""
    lesion, region = scene.lesion, scene.lesion.region
    if region in URINE:
        return Pattern(PHYSIOLOGIC, f"{region}_uptake", (f"it lies in the {spoken(region)}, which holds urine",))
    at_head = region == "pancreas" and scene.near_duodenum_mm is not None and scene.near_duodenum_mm <= HEAD_MM
    organ = "uncinate_process" if at_head and lesion.tracer == "sstr" else region or ""
    usual = TYPICAL.get(lesion.tracer, {}).get(organ)
    if usual is None or lesion.suvmax > settings.usual_factor * usual:
        return None
    primaries = region in WHERE_NET_ARISE and organ != "uncinate_process"
    reasons = (
        f"the {spoken(organ)} usually has an SUVmax of up to {usual:g} g/ml, and here it is {lesion.suvmax:.1f} g/ml",
    )
    against = []
    peak = scene.companion.suvpeak
    if region in GUT and lesion.volume_ml < settings.focal_ml:
        against.append(f"it is a focus of {lesion.volume_ml:.1f} ml, while normal bowel takes up along its length")
    if primaries and lesion.suvmax > usual:
        against.append("that is more than usual where neuroendocrine tumours arise")
    if lesion.tracer == "sstr" and peak is not None and peak > settings.fdg_avid_suv:
        against.append(f"FDG is taken up there, too (SUVpeak {peak:.1f} g/ml)")
    of_sstr = TYPICAL["sstr"].get("uncinate_process" if at_head else organ, 0.0)
    if lesion.tracer == "fdg" and peak is not None and peak > of_sstr:
        against.append(f"DOTATATE is taken up there more than is usual (SUVpeak {peak:.1f} g/ml)")
    return Pattern(PHYSIOLOGIC, f"{organ}_uptake", reasons, tuple(against))


def accessory_spleen(scene: Scene, settings: DifferentialSettings) -> Pattern | None:
    """A small round focus beside the spleen that takes up as much DOTATATE as the spleen."""
    lesion, gap = scene.lesion, scene.near_spleen_mm
    ratio = uptake_ratio(lesion, scene.pet, "spleen")
    if lesion.tracer != "sstr" or gap is None or ratio is None or lesion.region in ("pancreas", "kidney", "liver"):
        return None
    low, high = settings.like_spleen
    if gap > settings.near_spleen_mm or lesion.volume_ml > settings.accessory_spleen_ml or not low <= ratio <= high:
        return None
    return Pattern(
        PITFALL,
        "accessory_spleen",
        (
            f"it lies {gap:.0f} mm from the spleen and takes up {ratio:.2f} times as much",
            f"it measures {lesion.volume_ml:.1f} ml",
        ),
    )


def liver_mottle(scene: Scene, settings: DifferentialSettings) -> Pattern | None:
    """A focus in the liver that is no hotter than the liver's own unevenness."""
    lesion, liver = scene.lesion, scene.pet.references.liver
    if lesion.region != "liver" or liver is None or lesion.suvpeak > liver.mean + settings.mottle_sd * liver.sd:
        return None
    limit = liver.mean + settings.mottle_sd * liver.sd
    reasons = (f"its SUVpeak of {lesion.suvpeak:.1f} g/ml is within the liver's own spread (up to {limit:.1f} g/ml)",)
    seen = scene.companion.status == "seen"
    return Pattern(PHYSIOLOGIC, "liver_mottle", reasons, ("the other tracer shows a lesion there",) if seen else ())


def urine_in_ureter(scene: Scene, settings: DifferentialSettings) -> Pattern | None:
    """A long thin focus outside of organs, along the course of a ureter."""
    lesion = scene.lesion
    longer = elongation(lesion.points_mm)
    beside = lesion.region in ("node", "abdominal_other", "soft_tissue") and longer >= settings.ureter_elongation
    height = abs(lesion.points_mm[:, 2].max() - lesion.points_mm[:, 2].min())
    across = max(float(lesion.points_mm[:, axis].max() - lesion.points_mm[:, axis].min()) for axis in (0, 1))
    if not beside or height < across:
        return None
    if lesion.station is not None and not lesion.station.startswith(("retroperitoneal", "iliac")):
        return None
    return Pattern(PITFALL, "ureter", (f"it is {longer:.1f} times longer than wide, along the course of a ureter",))


def worn_or_broken_bone(scene: Scene, settings: DifferentialSettings) -> Pattern | None:
    """Mild uptake at a joint or end plate, or where bone breaks under its own load."""
    lesion = scene.lesion
    bone = lesion.bone or ""
    mild = scene.is_weak(settings) is True and lesion.suvmax <= settings.bone_pitfall_suv
    if lesion.region != "bone" or not mild or lesion.volume_ml > settings.bone_pitfall_ml:
        return None
    if bone.startswith(JOINTS):
        kind, where = "degenerative", "where joints and end plates degenerate"
    elif bone.startswith(FRACTURES):
        kind, where = "fracture", "where insufficiency fractures and Looser zones lie"
    else:
        return None
    for_, against = [f"it is mild ({scene.uptake}) and lies in the {spoken(bone)}, {where}"], []
    hu = scene.hu
    if hu is not None and hu >= settings.sclerotic_hu:
        for_.append(f"CT shows dense bone there ({hu:.0f} HU)")
    elif hu is not None:
        against.append(f"CT shows no dense bone there ({hu:.0f} HU)")
    against += _other_tracer_is_intense(scene, settings)
    if scene.companion.status == "not_seen" or (scene.companion.status == "seen" and not against):
        for_.append("the other tracer shows no more there")
    if scene.intense_bones >= settings.many_bone_lesions:
        against.append(f"{scene.intense_bones} other bone lesions take up more than the liver")
    if len(for_) == 1:
        against.append("neither CT nor the other tracer tells whether bone is worn or broken there")
    return Pattern(PITFALL, kind, tuple(for_), tuple(against))


def inflamed_node(scene: Scene, settings: DifferentialSettings) -> Pattern | None:
    """A node with little DOTATATE at a station that seldom holds metastases of NET."""
    lesion, station = scene.lesion, scene.lesion.station or ""
    if lesion.region != "node" or not station.startswith(ATYPICAL_STATIONS):
        return None
    if lesion.tracer == "sstr":
        if scene.level not in (1, 2):
            return None
        reasons = (f"it takes up no more DOTATATE than the liver ({scene.uptake})",)
    else:
        if scene.companion.status == "unknown" or _other_tracer_is_intense(scene, settings):
            return None
        reasons = ("it takes up FDG and little or no DOTATATE",)
    return Pattern(PITFALL, "inflamed_node", (*reasons, f"{spoken(station)} nodes are often inflamed"))


def brown_fat(scene: Scene, settings: DifferentialSettings) -> Pattern | None:
    """FDG in fat of neck and shoulders, mostly on both sides, without DOTATATE."""
    lesion = scene.lesion
    there = (lesion.station or "").startswith(BROWN_FAT_STATIONS) or lesion.region in ("head_neck", "soft_tissue")
    if lesion.tracer != "fdg" or not there or scene.companion.status == "seen":
        return None
    fat = scene.hu is not None and settings.fat_hu[0] <= scene.hu <= settings.fat_hu[1]
    if not fat and scene.mirror is None:
        return None
    reasons = ["it takes up FDG" + (" and no DOTATATE" if scene.companion.status == "not_seen" else "")]
    if fat:
        reasons.append(f"CT shows fat there ({scene.hu:.0f} HU)")
    if scene.mirror is not None:
        reasons.append(f"FDG lesion {scene.mirror.lesion_id} lies at the mirrored place")
    return Pattern(PITFALL, "brown_fat", tuple(reasons))


def _other_tracer_is_intense(scene: Scene, settings: DifferentialSettings) -> list[str]:
    """What the other tracer shows that a benign explanation does not explain, as clauses."""
    peak = scene.companion.suvpeak
    if peak is None:
        return []
    if scene.lesion.tracer == "sstr":
        return [f"FDG is taken up there (SUVpeak {peak:.1f} g/ml)"] if peak > settings.fdg_avid_suv else []
    ratio = scene.companion.liver_ratio
    intense = peak > settings.sstr_avid_suv or (ratio is not None and ratio > 1)
    return [f"DOTATATE is taken up there (SUVpeak {peak:.1f} g/ml)"] if intense else []


PATTERNS: tuple[Callable[[Scene, DifferentialSettings], Pattern | None], ...] = (
    normal_organ,
    accessory_spleen,
    liver_mottle,
    urine_in_ureter,
    worn_or_broken_bone,
    inflamed_node,
    brown_fat,
)
