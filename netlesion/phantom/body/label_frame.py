"""Where the places of the nominal adult lie in somebody's label map: heights along his spine, widths from his pairs.

Takes what was measured of each labelled organ; returns a Frame that carries nominal mm (of `spine_curve`, `stations`,
`build.LANDMARKS`) into the map's RAS+ mm, and the joints and landmarks that the labels show themselves. Refuses maps
whose organs lie upside down or on the wrong sides. Pure; knows nothing about tissues, files or chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from netlesion.errors import ConfigError
from netlesion.phantom.body.build import LANDMARKS
from netlesion.phantom.body.outline import joints
from netlesion.phantom.body.shape import NOMINAL_HEIGHT_CM, BodyShape
from netlesion.phantom.body.spine_curve import CENTRES, depth_at
from netlesion.phantom.solids import Point

NOMINAL = BodyShape("M", NOMINAL_HEIGHT_CM, (1.0, 1.0, 1.0), 17.0, 1.0)
#: Middles of organs in the built-in adult (nominal mm): heights where there is no spine.
MIDDLES: Mapping[str, Point] = {
    "liver": (55, 3, 48), "spleen": (-104, -36, 45), "pancreas": (-4, 11, -14), "urinary_bladder": (0, 24, -264),
    "heart": (-14, 28, 135),
    "sacrum": (0, -73, -205), "sternum": (0, 71, 201), "brain": (0, 5, 492), "stomach": (-54, 22, 35),
    **{f"rib_{side}_{n}": (0, -25, z) for side in ("left", "right") for n, z in
       ((1, 291), (2, 269), (3, 238), (4, 213), (5, 186), (6, 159), (7, 135), (8, 108), (9, 87), (10, 61), (11, 47),
       (12, 27))},
}  # fmt: skip
#: The right ones of pairs.
PAIRS: Mapping[str, Point] = {
    "kidney": (62, -46, -24), "hip": (80, -13, -242), "femur": (110, -5, -330), "scapula": (122, -47, 243),
    "clavicula": (82, 15, 278), "lung_upper_lobe": (60, 9, 211), "lung_lower_lobe": (70, -34, 143),
    "iliopsoas": (54, -20, -132),
    "autochthon": (29, -74, -8), "humerus": (185, -10, 157), "rib": (90, -25, 150),
}  # fmt: skip
#: Pairs that give a width: not those that move with arms and legs.
WIDTH_PAIRS = ("kidney", "hip", "scapula", "clavicula", "lung_upper_lobe", "lung_lower_lobe", "autochthon")
#: Ends of bones: top of the iliac crests, bottom of the hip bones, top of the femora; nominal heights.
CREST_MM, ISCHIUM_MM, TROCHANTER_MM = -118.0, -366.0, -264.0
#: A fit over less than this is not trusted for its slope; and the slopes that are believed.
LEAST_SPAN_MM, SLOPES, WIDTHS = 120.0, (0.3, 1.5), (0.4, 1.6)
#: How near another bone a voxel must lie to be of their joint.
CONTACT_MM = 7.0


@dataclass(frozen=True, eq=False)
class Measured:
    """Voxels of one organ, a sample of them: points (N, 3) RAS+ mm of the map."""

    points_mm: np.ndarray

    @property
    def middle(self) -> np.ndarray:
        return np.median(self.points_mm, axis=0)


@dataclass(frozen=True, eq=False)
class Frame:
    """nominal_z -> map_z at knots, straight between; spine_xy at spine_z (map mm); width, slope: mm per nominal mm."""

    nominal_z: np.ndarray
    map_z: np.ndarray
    slope: float
    width: float
    spine_z: np.ndarray
    spine_xy: np.ndarray

    def at(self, nominal_mm: Point) -> np.ndarray:
        """A nominal place -> RAS+ mm of the map, (3,)."""
        x, y, z = nominal_mm
        height = self.height(z)
        mid_x, back_y = (float(np.interp(height, self.spine_z, self.spine_xy[:, a])) for a in (0, 1))
        return np.array([mid_x + self.width * x, back_y + self.width * (y - depth_at(z)), height])

    def height(self, nominal_z: float) -> float:
        """Piecewise straight, continued with the mean slope."""
        low, high = self.nominal_z[0], self.nominal_z[-1]
        beyond = nominal_z - min(max(nominal_z, low), high)
        return float(np.interp(nominal_z, self.nominal_z, self.map_z)) + self.slope * beyond

    def size(self, nominal_mm: Point) -> Point:
        """Nominal lengths along x, y, z -> mm of the map."""
        return self.width * nominal_mm[0], self.width * nominal_mm[1], self.slope * nominal_mm[2]


def frame_of(
    organs: Mapping[str, Measured], low: np.ndarray, high: np.ndarray, what: str, told_apart: bool = False
) -> Frame:
    """The frame of a map whose labels reach from low to high (mm).

    Raises ConfigError, naming `what`, for a body that is upside down or the wrong way round.
    """
    _require_sides(organs, what, told_apart)
    spine = {v: organs[f"vertebrae_{v}"].middle for v in CENTRES if f"vertebrae_{v}" in organs}
    knots = [(CENTRES[v][1], p[2]) for v, p in spine.items()] + _bone_ends(organs, low, high)
    if len(knots) < 2 or np.ptp([k[0] for k in knots]) < LEAST_SPAN_MM:
        knots += [(MIDDLES[n][2], m.middle[2]) for n, m in organs.items() if n in MIDDLES]
        knots += [(PAIRS[p][2], organs[n].middle[2]) for p in PAIRS for n in (f"{p}_left", f"{p}_right") if n in organs]
        knots = _straightened(knots, what)
    else:
        nominal, measured = np.array(knots).T
        slope = float(np.polyfit(nominal, measured, 1)[0])
        if not SLOPES[0] <= slope <= SLOPES[1]:
            raise ConfigError(_disordered(what, slope))
        knots = _rising(knots)
    nominal_z, map_z = np.array(sorted(knots)).T
    slope = (map_z[-1] - map_z[0]) / (nominal_z[-1] - nominal_z[0])
    width = _width(organs, slope)
    if spine:
        points = np.array(sorted(spine.values(), key=lambda p: p[2]))
    else:
        middle_x = _midline(organs, (low[0] + high[0]) / 2.0)
        front = [
            m.middle[1] - width * (MIDDLES[n][1] - depth_at(MIDDLES[n][2])) for n, m in organs.items() if n in MIDDLES
        ]
        points = np.array([[middle_x, np.median(front) if front else (low[1] + high[1]) / 2.0 - 50.0 * width, low[2]]])
    return Frame(nominal_z, map_z, float(slope), width, points[:, 2], points[:, :2])


def landmarks_of(
    frame: Frame, organs: Mapping[str, Measured], low: np.ndarray, high: np.ndarray
) -> dict[str, np.ndarray]:
    """All of `parts.LANDMARKS` in map mm: from labels where these show them, else by proportion; never off the map."""
    found = {name: frame.at(place) for name, place in LANDMARKS.items()}
    if "liver" in organs:
        points = organs["liver"].points_mm
        top = points[points[:, 2] >= np.percentile(points[:, 2], 98.0)]
        found["diaphragm_dome"] = np.array([*top[:, :2].mean(axis=0), points[:, 2].max()])
    if "brain" in organs:
        points = organs["brain"].points_mm
        base = float(np.percentile(points[:, 2], 1.0))
        found["skull_base"] = np.array([*np.median(points[:, :2], axis=0), base])
    for top_of in ("skull", "brain"):
        if top_of in organs:
            points = organs[top_of].points_mm
            found["vertex"] = points[int(np.argmax(points[:, 2]))] + [0.0, 0.0, 8.0]
            break
    hips = [organs[n] for n in ("hip_left", "hip_right") if n in organs]
    if len(hips) == 2:
        middle = float(np.mean([h.middle[0] for h in hips]))
        nearest = [
            h.points_mm[np.argsort(np.abs(h.points_mm[:, 0] - middle))[: max(1, len(h.points_mm) // 50)]] for h in hips
        ]
        found["pubis"] = np.concatenate(nearest).mean(axis=0)
    return {n: np.array([*p[:2], min(max(p[2], low[2]), high[2])]) for n, p in found.items()}


def joints_of(frame: Frame, organs: Mapping[str, Measured], skull_base: np.ndarray) -> dict[str, np.ndarray]:
    """All joints of `parts.SEGMENTS` in map mm: hips and shoulders where labelled bones meet, else by proportion."""
    found = {name: frame.at(place) for name, place in joints(NOMINAL).items()}
    found["neck"] = np.array([*found["neck"][:2], skull_base[2]])
    for side in ("left", "right"):
        for joint, ball, socket in (("hip", "femur", "hip"), ("shoulder", "humerus", "scapula")):
            contact = _contact(organs.get(f"{ball}_{side}"), organs.get(f"{socket}_{side}"))
            if contact is not None:
                found[f"{joint}_{side}"] = contact
    return found


def _contact(ball: Measured | None, socket: Measured | None) -> np.ndarray | None:
    """The middle of the ball's voxels near the socket; None when they do not meet."""
    from scipy.spatial import cKDTree

    if ball is None or socket is None:
        return None
    gap, _ = cKDTree(socket.points_mm).query(ball.points_mm)
    near = ball.points_mm[gap <= CONTACT_MM + gap.min()]
    return near.mean(axis=0) if gap.min() <= 2.0 * CONTACT_MM else None


def _bone_ends(organs: Mapping[str, Measured], low: np.ndarray, high: np.ndarray) -> list[tuple[float, float]]:
    """Heights of bone ends that the map's own end does not cut, and of the brain's base."""
    knots = []
    for names, nominal, take in (
        (("hip_left", "hip_right"), CREST_MM, np.max), (("hip_left", "hip_right"), ISCHIUM_MM, np.min),
        (("femur_left", "femur_right"), TROCHANTER_MM, np.max), (("brain",), LANDMARKS["skull_base"][2], _base),
    ):  # fmt: skip
        ends = [float(take(organs[n].points_mm[:, 2])) for n in names if n in organs]
        if ends and low[2] + 6.0 < np.mean(ends) < high[2] - 6.0:
            knots.append((nominal, float(np.mean(ends))))
    return knots


def _base(heights: np.ndarray) -> float:
    return float(np.percentile(heights, 1.0))


def _straightened(knots: list[tuple[float, float]], what: str) -> list[tuple[float, float]]:
    """Two knots on the line through many soft ones; one mm per mm where they span little."""
    nominal, measured = np.array(knots).T
    slope = 1.0
    if len(knots) > 1 and np.ptp(nominal) >= LEAST_SPAN_MM:
        slope = float(np.polyfit(nominal, measured, 1)[0])
        if not SLOPES[0] <= slope <= SLOPES[1]:
            raise ConfigError(_disordered(what, slope))
    shift = float(np.median(measured - slope * nominal))
    return [(z, shift + slope * z) for z in (-300.0, 400.0)]


def _rising(knots: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Without those that lie lower than a knot below them (a fragment under a wrong name)."""
    kept: list[tuple[float, float]] = []
    x, y = np.array(knots).T
    slope, shift = np.polyfit(x, y, 1)
    knots = [k for k in knots if abs(k[1] - slope * k[0] - shift) < 60.0] or knots
    for nominal, measured in sorted(knots):
        if not kept or (nominal > kept[-1][0] + 1.0 and measured > kept[-1][1] + 1.0):
            kept.append((nominal, measured))
    return kept if len(kept) > 1 else [(z, shift + slope * z) for z in (-300.0, 400.0)]


def _width(organs: Mapping[str, Measured], slope: float) -> float:
    """How far paired organs lie apart, over the nominal adult's; the slope along z where there is no pair."""
    ratios = [
        (organs[f"{p}_right"].middle[0] - organs[f"{p}_left"].middle[0]) / (2.0 * PAIRS[p][0])
        for p in WIDTH_PAIRS
        if f"{p}_left" in organs and f"{p}_right" in organs
    ]
    return float(np.clip(np.median(ratios) if ratios else slope, *WIDTHS))


def _midline(organs: Mapping[str, Measured], otherwise: float) -> float:
    middles = [
        (organs[f"{p}_right"].middle[0] + organs[f"{p}_left"].middle[0]) / 2.0
        for p in WIDTH_PAIRS
        if f"{p}_left" in organs and f"{p}_right" in organs
    ]
    return float(np.median(middles)) if middles else otherwise


def _require_sides(organs: Mapping[str, Measured], what: str, told_apart: bool) -> None:
    """Right organs lie at larger x than left ones, and the liver right of spleen and stomach.

    told_apart: pairs have sides by where they lie, and say nothing.
    """
    names = [("liver", "spleen")]
    names += [("liver", "stomach")] if told_apart else [(f"{p}_right", f"{p}_left") for p in PAIRS]
    apart = [organs[r].middle[0] - organs[left].middle[0] for r, left in names if r in organs and left in organs]
    if apart and np.median(apart) < 0.0:
        raise ConfigError(
            f"{what}: right organs lie on the left; the image is mirrored or its affine has a wrong sign (x must grow "
            "to the patient's right), or the integers are another table's"
        )


def _disordered(what: str, slope: float) -> str:
    return (
        f"{what}: organs do not follow each other from foot to head as in a body (heights grow {slope:.2f} mm per mm "
        f"of the nominal adult, expected {SLOPES[0]:g} to {SLOPES[1]:g}); the image is upside down, its voxel size is "
        "wrong, or its integers are another table's (TotalSegmentator 1: put a labels.tsv beside it)"
    )
