"""How large one person is: what scales the nominal adult of the body plans.

The plans are written in nominal millimetres (an adult of 172 cm and middling build, frame of `body.parts`);
`at` and `size` make them this person's. Draws nothing itself but what `draw_shape` takes from its generator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from netlesion.phantom.solids import Point, point

NOMINAL_HEIGHT_CM = 172.0
#: Width and depth of a woman's frame over that of a man of her height.
FEMALE_FRAME = 0.965


@dataclass(frozen=True)
class BodySettings:
    """How people differ, all [P]. Heights in cm, fat (thickness under the belly's skin) in mm; SDs beside means.

    build: the frame's width and depth over what the height says; belly_sd: visceral fat, a share of the belly's depth.
    """

    female_share: float = 0.5
    female_height_cm: tuple[float, float] = (164.0, 6.5)
    male_height_cm: tuple[float, float] = (177.0, 7.0)
    build_sd: float = 0.045
    female_fat_mm: tuple[float, float] = (24.0, 9.0)
    male_fat_mm: tuple[float, float] = (17.0, 8.0)
    belly_sd: float = 0.09


@dataclass(frozen=True)
class BodyShape:
    """One person. scale: this person's mm per nominal mm along x, y, z; fat_mm as in BodySettings; belly: depth of
    the belly over nominal; 1 is nominal everywhere."""

    sex: Literal["F", "M"]
    height_cm: float
    scale: tuple[float, float, float]
    fat_mm: float
    belly: float

    def at(self, nominal_mm: Point) -> Point:
        """A nominal place -> this person's."""
        return point(c * s for c, s in zip(nominal_mm, self.scale, strict=True))

    def size(self, nominal_mm: Point) -> Point:
        """Nominal lengths along x, y, z -> this person's."""
        return self.at(nominal_mm)

    @property
    def head_scale(self) -> Point:
        """This person's mm per nominal mm of the head."""
        sex = FEMALE_HEAD if self.sex == "F" else MALE_HEAD
        return point(sex * (1.0 + HEAD_SHARE * (s - 1.0)) for s in self.scale)

    @property
    def rib_slope(self) -> float:
        """How steep the ribs fall forwards, over the nominal adult's."""
        return 1.0

    def size_at(self, nominal_mm: Point, z_mm: float) -> Point:
        """Nominal lengths along x, y, z at a nominal height -> this person's; the same at every height here."""
        return self.size(nominal_mm)

    def cleared(self, curve_N3: np.ndarray, radii_mm: np.ndarray | float) -> np.ndarray:
        """A tube's curve moved out of organs that stay where they are; none do here."""
        return curve_N3

    def on_wall(self, curve_N3: np.ndarray, sign: float, margin_mm: float) -> np.ndarray:
        """A right-sided curve moved onto the chest wall of a side; here it was drawn there."""
        return curve_N3


#: Where the head meets the spine, and how much of the body's size the head follows: heads differ less than bodies.
HEAD_BASE_MM, HEAD_SHARE, FEMALE_HEAD, MALE_HEAD = (0.0, -10.0, 410.0), 0.4, 0.965, 0.985


@dataclass(frozen=True)
class HeadShape(BodyShape):
    """The shape that the head is drawn with: nearer to the nominal adult, standing on this person's spine."""

    shift_mm: Point = (0.0, 0.0, 0.0)

    def at(self, nominal_mm: Point) -> Point:
        return point(c + s for c, s in zip(super().at(nominal_mm), self.shift_mm, strict=True))

    def size(self, nominal_mm: Point) -> Point:
        return super().at(nominal_mm)


def head_shape(shape: BodyShape) -> HeadShape:
    """The head of a body of this shape."""
    scale = shape.head_scale
    shift = point(full - s * c for full, s, c in zip(shape.at(HEAD_BASE_MM), scale, HEAD_BASE_MM, strict=True))
    return HeadShape(shape.sex, shape.height_cm, scale, shape.fat_mm, shape.belly, shift)


def draw_shape(rng: np.random.Generator, settings: BodySettings) -> BodyShape:
    """One person's sex, height, build and fat; always takes the same number of draws."""
    sex = "F" if rng.random() < settings.female_share else "M"
    tall, build, deep, fat, belly = (float(z) for z in np.clip(rng.normal(size=5), -2.4, 2.4))
    mean, sd = settings.female_height_cm if sex == "F" else settings.male_height_cm
    height_cm = round(mean + sd * tall, 1)
    z = height_cm / NOMINAL_HEIGHT_CM
    frame = FEMALE_FRAME if sex == "F" else 1.0
    x = frame * (0.5 * z + 0.5) * float(np.exp(settings.build_sd * build))
    y = x * float(np.exp(0.03 * deep))
    mean, sd = settings.female_fat_mm if sex == "F" else settings.male_fat_mm
    return BodyShape(sex, height_cm, (x, y, z), max(6.0, mean + sd * fat), float(np.exp(settings.belly_sd * belly)))
