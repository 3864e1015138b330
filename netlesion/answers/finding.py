"""One finding of a visit with two tracers: which lesions it is made of, and what both PETs show there (clinical.md
3.6).

Takes two PETs that are placed in one frame and images of both; returns findings with the uptake of both tracers in the
union of their masks, positivity by both published definitions, and what makes the class uncertain.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from netlesion.answers.gaps import Place, gap_mm, shared
from netlesion.answers.match import Link, match
from netlesion.answers.patient import Lesion, Pet
from netlesion.answers.settings import DiscordanceSettings
from netlesion.answers.uptake import PlaceUptake, Shell, shell_around, uptake_at, voxels_at
from netlesion.image.volume import Volume

SSTR, FDG = "sstr", "fdg"
#: Organs hot in each tracer, by the starts of their names (clinical.md 3.6).
HOT: Mapping[str, tuple[str, ...]] = {
    SSTR: (
        "liver",
        "spleen",
        "kidney",
        "renal_pelvis",
        "urinary_bladder",
        "small_bowel",
        "duodenum",
        "colon",
        "stomach",
    ),
    FDG: (
        "brain",
        "cerebellum",
        "heart",
        "urinary_bladder",
        "renal_pelvis",
        "small_bowel",
        "duodenum",
        "colon",
        "stomach",
    ),
}
#: What stands for the threshold "liver" in each tracer (clinical.md 3.6, step 5).
REFERENCE: Mapping[str, str] = {SSTR: "liver", FDG: "blood_pool"}
#: A peak of a flat background is not above it by what rounding makes of its sum.
ROUNDING = 1e-4
#: What peristalsis moves, and how near to it that counts.
BOWEL, BOWEL_MM = ("small_bowel", "colon", "duodenum", "stomach"), 10.0
SSTR_ONLY, FDG_ONLY, CONCORDANT, NEITHER, INDETERMINATE = (
    "sstr_only", "fdg_only", "concordant", "neither", "indeterminate",
)  # fmt: skip
_CLASSES = {(True, False): SSTR_ONLY, (True, True): CONCORDANT, (False, True): FDG_ONLY, (False, False): NEITHER}


@dataclass(frozen=True)
class TracerFinding:
    """One tracer's side: its lesions, uptake in the union of masks, and whether it is positive by each definition.

    liver_ratio: peak over the liver's mean SUV; None without a liver. positive_liver: None where the reference organ is
    missing. seen: whether the place lies in the field of view.
    """

    lesions: tuple[Lesion, ...]
    uptake: PlaceUptake | None
    hit: bool
    seen: bool
    background: float | None
    positive_background: bool
    positive_liver: bool | None
    liver_ratio: float | None


@dataclass(frozen=True)
class Finding:
    """Both sides. doubts: why the class is indeterminate; empty where it is not."""

    sides: Mapping[str, TracerFinding]
    volume_ml: float
    points_mm: np.ndarray
    doubts: tuple[str, ...]

    @property
    def lesions(self) -> tuple[Lesion, ...]:
        return (*self.sides[SSTR].lesions, *self.sides[FDG].lesions)

    @property
    def region(self) -> str | None:
        return next((x.region for x in self.lesions if x.region is not None), None)

    @property
    def as_measured(self) -> str:
        """The class by the background definition, whatever the doubts."""
        return _CLASSES[self.sides[SSTR].positive_background, self.sides[FDG].positive_background]

    @property
    def category(self) -> str:
        """The class by the background definition (NETPET, Karfis)."""
        return INDETERMINATE if self.doubts else self.as_measured

    @property
    def liver_category(self) -> str | None:
        """The class by the liver definition (Zidan); None where a reference organ is missing."""
        s, f = self.sides[SSTR].positive_liver, self.sides[FDG].positive_liver
        if s is None or f is None:
            return None
        return INDETERMINATE if self.doubts else _CLASSES[s, f]

    @property
    def z(self) -> float | None:
        """ln of FDG over SSTR, each over its liver (clinical.md 3.5 [P]); None without a liver."""
        return log_ratio(self.sides[FDG].liver_ratio, self.sides[SSTR].liver_ratio)

    @property
    def z_raw(self) -> float | None:
        """The same of SUVpeak itself."""
        s, f = self.sides[SSTR].uptake, self.sides[FDG].uptake
        return log_ratio(None if f is None else f.peak, None if s is None else s.peak)


def log_ratio(a: float | None, b: float | None) -> float | None:
    """ln(a / b); None where either is missing or not above 0."""
    return None if a is None or b is None or a <= 0 or b <= 0 else math.log(a / b)


def findings(sstr: Pet, fdg: Pet, suv: Mapping[str, Volume], settings: DiscordanceSettings) -> tuple[Finding, ...]:
    """Every finding of two PETs of one visit; both must be placed, suv: tracer -> PET."""
    is_near = moved_near(sstr, settings.near_mm)
    links = match(sstr.lesions, fdg.lesions, settings, is_near)
    pets = {SSTR: sstr, FDG: fdg}
    return tuple(_finding(link, pets, suv, settings) for link in links)


def moved_near(pet: Pet, near_mm: float) -> Callable[[Lesion], bool]:
    """Whether a lesion lies so near to the diaphragm or the bowel that breathing or peristalsis moves it."""
    if pet.read_organs is None:
        return lambda lesion: False
    organs = pet.read_organs()
    lungs = organs.corners_mm(("lung",))

    def near(lesion: Lesion) -> bool:
        assert lesion.placed_mm is not None
        points = pet.of_patient(lesion.placed_mm)
        bowel = organs.distance_mm(points, BOWEL) <= BOWEL_MM
        diaphragm = lungs is not None and abs(points[:, 2].mean() - lungs[0, 2]) <= near_mm
        return bool(bowel or diaphragm)

    return near


def _finding(link: Link, pets: Mapping[str, Pet], suv: Mapping[str, Volume], settings: DiscordanceSettings) -> Finding:
    lesions = {SSTR: link.first, FDG: link.second}
    every = (*link.first, *link.second)
    points = np.concatenate([x.placed_mm for x in every if x.placed_mm is not None])
    hits = {t: bool(lesions[t]) or (link.from_complex and _lies_in(pets[t], every, settings)) for t in (SSTR, FDG)}
    regions = {x.region for x in every} - {None}
    hot = {t: tuple(h for h in HOT[t] if h not in regions) for t in (SSTR, FDG)}
    sides = {t: _side(pets[t], suv[t], lesions[t], hits[t], points, hot[t], settings) for t in (SSTR, FDG)}
    volume_ml = max(sum(x.volume_ml for x in lesions[t]) for t in (SSTR, FDG))
    doubts = _doubts(sides, pets, points, volume_ml, settings)
    return Finding(sides, volume_ml, points, doubts)


def _lies_in(pet: Pet, lesions: Sequence[Lesion], settings: DiscordanceSettings) -> bool:
    """Whether what was left over of a complex component shares voxels with a lesion of this PET all the same."""
    mine = [Place(x.placed_mm, x.voxel_ml) for x in lesions if x.placed_mm is not None]
    others = [Place(x.placed_mm, x.voxel_ml) for x in pet.lesions if x.placed_mm is not None]
    return any(gap_mm(a, b, 10.0) <= 10.0 and shared(a, b) >= settings.share for a in mine for b in others)


def _side(
    pet: Pet,
    suv: Volume,
    own: Sequence[Lesion],
    hit: bool,
    points_mm: np.ndarray,
    hot: Sequence[str],
    settings: DiscordanceSettings,
) -> TracerFinding:
    """hot: organs that are no surroundings of the finding, since it does not lie in them."""
    voxels = voxels_at(pet, points_mm)
    uptake = uptake_at(suv, voxels)
    liver, reference = pet.references.liver, pet.references.found.get(REFERENCE[pet.tracer])
    shell = None
    if uptake is not None:
        shell = shell_around(pet, suv, voxels, settings.shell_inner_mm, settings.shell_outer_mm, hot)
    threshold = None if shell is None else _threshold(pet, shell, settings)
    above = uptake is not None and shell is not None and _is_above(uptake, shell, threshold, settings)
    return TracerFinding(
        lesions=tuple(own),
        uptake=uptake,
        hit=hit,
        seen=bool(pet.sees(points_mm).all()),
        background=threshold,
        positive_background=hit or above,
        positive_liver=None if reference is None else uptake is not None and uptake.peak > reference.mean,
        liver_ratio=None if liver is None or uptake is None or liver.mean <= 0 else uptake.peak / liver.mean,
    )


def _threshold(pet: Pet, shell: Shell, settings: DiscordanceSettings) -> float:
    """What the SUVpeak of a place without a mask must exceed: mean + 2 SD of its surroundings (clinical.md 3.6), and
    the blood pool, where it is known [P].
    """
    blood = pet.references.blood_pool
    threshold = shell.mean + settings.num_sd * shell.sd
    return threshold if blood is None else max(threshold, blood.mean)


def _is_above(uptake: PlaceUptake, shell: Shell, threshold: float | None, settings: DiscordanceSettings) -> bool:
    """Whether a place without a mask is positive: its peak by the threshold, and its mean by least_contrast times the
    surroundings [P], for the sphere of a peak reaches into what is beside a cold place.
    """
    peak = threshold is not None and uptake.peak > (1.0 + ROUNDING) * threshold
    return peak and uptake.mean > settings.least_contrast * shell.mean


def _doubts(
    sides: Mapping[str, TracerFinding],
    pets: Mapping[str, Pet],
    points_mm: np.ndarray,
    volume_ml: float,
    settings: DiscordanceSettings,
) -> tuple[str, ...]:
    """Why the class cannot be told (clinical.md 3.6); place and neighbours matter for the negative tracer alone."""
    doubts = []
    if volume_ml < settings.least_ml:
        doubts.append(f"it is smaller than {settings.least_ml:g} ml")
    negative = [t for t in (SSTR, FDG) if not sides[t].positive_background]
    for tracer in negative:
        pet = pets[tracer]
        if not sides[tracer].seen:
            doubts.append(f"it is outside the field of view of the {WORDS[tracer]} PET")
            continue
        near = _hot_near(pet, points_mm, settings.hot_mm)
        if tracer == SSTR and "liver" in near and _is_below_liver(pet, sides[tracer], settings):
            near = tuple(n for n in near if n != "liver")
        if near:
            organs = ", ".join(n.replace("_", " ") for n in near)
            doubts.append(
                f"it lies within {settings.hot_mm:g} mm of an organ hot on the {WORDS[tracer]} PET ({organs})"
            )
    residual = max((r for r in (p.residual_mm for p in pets.values()) if r is not None), default=0.0)
    diameter = (6000.0 * volume_ml / math.pi) ** (1.0 / 3.0)
    if negative and residual > diameter:
        doubts.append(f"the registration is uncertain by {residual:.0f} mm and it is {diameter:.0f} mm wide")
    return tuple(doubts)


def _hot_near(pet: Pet, points_mm: np.ndarray, hot_mm: float) -> tuple[str, ...]:
    if pet.read_organs is None:
        return ()
    organs, points = pet.read_organs(), pet.of_patient(points_mm)
    return tuple(n for n in HOT[pet.tracer] if organs.distance_mm(points, (n,)) <= hot_mm)


def _is_below_liver(pet: Pet, side: TracerFinding, settings: DiscordanceSettings) -> bool:
    liver = pet.references.liver
    return liver is not None and side.uptake is not None and side.uptake.mean < settings.below_liver * liver.mean


WORDS: Mapping[str, str] = {SSTR: "DOTATATE", FDG: "FDG"}
