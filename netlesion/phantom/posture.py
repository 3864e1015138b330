"""How one person lies in one scan: arms, head, legs, place on the table, breathing, and what moves from day to day.

Takes a generator, a Body and PostureSettings; returns frozen values that `pose_of` turns into a Pose. A patient keeps
`own` (the smooth displacement that makes his trunk unlike anybody else's) at every scan; an examination day adds its
own posture and a displacement of the soft trunk; a scan of that day adds a little rigid motion and its breathing state.
Sizes follow clinical.md 7.4 [P]. Knows nothing about images.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.ndimage import gaussian_filter

from netlesion.phantom.pose import Displacement, Pose

if TYPE_CHECKING:
    from netlesion.phantom.body.parts import Body
    from netlesion.phantom.solids import Point

#: The lattice of the trunk's displacements, in the posed body: origin, spacing and size in mm and points.
LATTICE_ORIGIN_MM, LATTICE_SPACING_MM, LATTICE_SHAPE = (-280.0, -200.0, -480.0), 40.0, (15, 11, 24)
#: Displacements live between these heights (mm, body scale 1) and fall to 0 beyond over 80 mm; joints stay closed.
DISPLACED_Z_MM = (-260.0, 250.0)


@dataclass(frozen=True)
class PostureSettings:
    """All [P] from clinical.md 7.4; SDs per axis, mm and degrees.

    own_sd_mm, day_sd_mm: SD of the smooth displacement of one patient and of one day; own_wave_mm: how smooth it is.
    inspiration_mm: how much lower the diaphragm lies in CT (MR: breath_hold_mm) than in PET, mean and SD; deep_share of
    patients breathe in deeply, deep_mm. moved_share: scans with a moved arm or turned head against their PET.
    """

    arms: Literal["up", "down"] = "up"
    shift_sd_mm: float = 6.0
    turn_sd_deg: float = 1.5
    limb_sd_deg: float = 4.0
    own_sd_mm: float = 3.5
    own_wave_mm: float = 70.0
    day_sd_mm: float = 2.5
    scan_shift_sd_mm: float = 0.8
    inspiration_mm: tuple[float, float] = (7.0, 3.0)
    deep_share: float = 0.12
    deep_mm: tuple[float, float] = (20.0, 30.0)
    breath_hold_mm: tuple[float, float] = (10.0, 3.0)
    moved_share: float = 0.06
    breathing_mm: tuple[float, float] = (8.0, 15.0)


@dataclass(frozen=True, eq=False)
class Posture:
    """Frozen facts of one scan: turns per segment, the table, breathing depth (mm of diaphragm), smooth fields."""

    turns_deg: Mapping[str, Point]
    trunk_turn_deg: Point
    shift_mm: Point
    inspiration_mm: float
    field_values: np.ndarray


def draw_own_field(rng: np.random.Generator, settings: PostureSettings) -> np.ndarray:
    """(3, *LATTICE_SHAPE) mm: one patient's own shape."""
    return _smooth_field(rng, settings.own_sd_mm, settings.own_wave_mm)


def draw_day(rng: np.random.Generator, body: Body, own_field: np.ndarray, settings: PostureSettings) -> Posture:
    """How the patient lies on one examination day, at the PET's mean breathing position."""
    field = own_field + _smooth_field(rng, settings.day_sd_mm, settings.own_wave_mm)
    shift = tuple((rng.normal(size=3) * settings.shift_sd_mm).tolist())
    turn = tuple((rng.normal(size=3) * settings.turn_sd_deg).tolist())
    return Posture(_draw_turns(rng, settings), turn, shift, 0.0, field)


def draw_other_scan(
    rng: np.random.Generator, day: Posture, settings: PostureSettings, modality: Literal["ct", "mr"]
) -> Posture:
    """The CT or MR of that day: nearly the same place, another breathing position, sometimes a moved arm or head."""
    mean, sd = settings.inspiration_mm if modality == "ct" else settings.breath_hold_mm
    usual, deep = float(rng.normal(mean, sd)), float(rng.uniform(*settings.deep_mm))
    depth = deep if rng.random() < settings.deep_share and modality == "ct" else usual
    shift = tuple((np.array(day.shift_mm) + rng.normal(size=3) * settings.scan_shift_sd_mm).tolist())
    turns, moved = dict(day.turns_deg), rng.random() < settings.moved_share
    joint = ("head", "upper_arm_left", "upper_arm_right")[int(rng.integers(3))]
    change = rng.normal(size=3) * 4.0
    if moved:
        turns[joint] = tuple((np.array(turns.get(joint, (0.0, 0.0, 0.0))) + change).tolist())
    return replace(day, turns_deg=turns, shift_mm=shift, inspiration_mm=depth)


def pose_of(posture: Posture, body: Body) -> Pose:
    """The Pose: joints from the body, breathing laid over the smooth field."""
    values = posture.field_values * _window(body)
    if posture.inspiration_mm != 0.0:
        values = values.copy()
        values[2] += posture.inspiration_mm * _breathing_share(body)
    return Pose(
        joints=body.joints,
        turns_deg=posture.turns_deg,
        trunk_turn_deg=posture.trunk_turn_deg,
        shift_mm=posture.shift_mm,
        displacement=Displacement(values, LATTICE_ORIGIN_MM, LATTICE_SPACING_MM),
    )


def _draw_turns(rng: np.random.Generator, settings: PostureSettings) -> dict[str, Point]:
    """Turns of every segment. Arms up: the upper arm swings beside the head, the forearm folds over it."""
    sd = settings.limb_sd_deg
    turns: dict[str, Point] = {}
    noise = rng.normal(size=(7, 3)) * sd
    turns["head"] = tuple((noise[0] * [1.0, 0.7, 1.2]).tolist())
    spread = rng.uniform(-6.0, 6.0)
    for n, (side, sign) in enumerate((("right", 1.0), ("left", -1.0))):
        a, b, c = noise[1 + 3 * n : 4 + 3 * n]
        if settings.arms == "up":
            turns[f"upper_arm_{side}"] = (-12.0 + 0.5 * a[0], -sign * (152.0 + spread + 0.6 * a[1]), 0.3 * a[2])
            turns[f"forearm_{side}"] = (-10.0 + 0.3 * b[0], -sign * (62.0 + b[1]), 0.0)
            turns[f"hand_{side}"] = (0.5 * c[0], -sign * (8.0 + c[1]), 0.0)
        else:
            turns[f"upper_arm_{side}"] = (0.4 * a[0] - 4.0, -sign * (4.0 + abs(a[1]) * 0.5), 0.3 * a[2])
            turns[f"forearm_{side}"] = (6.0 + 0.5 * b[0], sign * (4.0 + 0.5 * b[1]), 0.0)
            turns[f"hand_{side}"] = (0.5 * c[0], 0.5 * c[1], 0.0)
    legs = rng.normal(size=(2, 3)) * 0.5 * sd
    for side, sign, leg in (("right", 1.0, legs[0]), ("left", -1.0, legs[1])):
        turns[f"thigh_{side}"] = (0.5 * leg[0], -sign * (1.5 + abs(leg[1])), sign * (4.0 + leg[2]))
        turns[f"shank_{side}"] = (-abs(leg[0]) * 0.6, 0.0, 0.0)
        turns[f"foot_{side}"] = (0.0, 0.0, sign * (8.0 + 2.0 * leg[2]))
    return turns


def _smooth_field(rng: np.random.Generator, sd_mm: float, wave_mm: float) -> np.ndarray:
    """Three independent Gaussian fields, SD sd_mm, smooth over wave_mm; wide at the lattice's ends."""
    sigma = wave_mm / 2.0 / LATTICE_SPACING_MM
    white = rng.normal(size=(3, *LATTICE_SHAPE))
    field = np.stack([gaussian_filter(w, sigma, mode="wrap") for w in white])
    return field * (sd_mm / field.std())


def _lattice_points() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    places = zip(LATTICE_ORIGIN_MM, LATTICE_SHAPE, strict=True)
    x, y, z = (o + LATTICE_SPACING_MM * np.arange(n) for o, n in places)
    return x, y, z


def _window(body: Body) -> np.ndarray:
    """1 in the soft trunk, 0 towards neck, shoulders, hips and behind the spine."""
    x, y, z = _lattice_points()
    up = body.landmarks["diaphragm_dome"][2] / 112.0
    low, high = (h * up for h in DISPLACED_Z_MM)
    along = _step((z - low + 80.0) / 80.0) * _step((high + 80.0 - z) / 80.0)
    across = _step((210.0 - np.abs(x)) / 60.0)
    return across[:, None, None] * np.ones_like(y)[None, :, None] * along[None, None, :]


def _breathing_share(body: Body) -> np.ndarray:
    """1 at the diaphragm's dome, 0 at lung apex, pelvis and spine; the share of the diaphragm's motion."""
    x, y, z = _lattice_points()
    dome = body.landmarks["diaphragm_dome"][2]
    along = np.where(z > dome, np.exp(-(((z - dome) / 70.0) ** 2)), np.exp(-(((z - dome) / 110.0) ** 2)))
    deep = _step((y + 75.0) / 40.0)
    across = _step((170.0 - np.abs(x)) / 50.0)
    return across[:, None, None] * deep[None, :, None] * along[None, None, :]


def _step(t: np.ndarray) -> np.ndarray:
    """0 below 0, 1 above 1, smooth between."""
    t = np.clip(t, 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)
