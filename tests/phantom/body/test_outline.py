"""The outline stays closed when joints turn, and looks like a person's: widths, waist, fat where it belongs."""

from __future__ import annotations

import numpy as np
import pytest

from netlesion.phantom.body.build import draw_body
from netlesion.phantom.body.outline import draw_outline, joints
from netlesion.phantom.body.parts import SEGMENTS, Body, Part
from netlesion.phantom.body.shape import BodySettings, BodyShape
from netlesion.phantom.pose import Pose
from netlesion.phantom.posture import PostureSettings, draw_day, draw_own_field, pose_of
from netlesion.phantom.solids import contains


def skins(parts: tuple[Part, ...] | list[Part]) -> list[Part]:
    return [p for p in parts if p.tissue == "skin"]


def body_of(sex: str, seed: int) -> Body:
    return draw_body(np.random.default_rng(seed), BodySettings(female_share=1.0 if sex == "F" else 0.0))


def inside_skin(body: Body, pose: Pose, points_N3: np.ndarray) -> np.ndarray:
    """Which points of the scan's world lie in any segment."""
    found = np.zeros(len(points_N3), dtype=bool)
    for part in skins(body.parts):
        found |= contains(part.solid, pose.to_body(points_N3, part.segment))
    return found


@pytest.mark.parametrize("arms", ["up", "down"])
@pytest.mark.parametrize(("sex", "seed"), [("F", 3), ("M", 4)])
def test_joints_have_no_gap(sex: str, seed: int, arms: str) -> None:
    """Balls around every joint, and the way from each joint to the next, lie inside the skin."""
    body, rng = body_of(sex, seed), np.random.default_rng(seed)
    settings = PostureSettings(arms=arms)
    pose = pose_of(draw_day(rng, body, draw_own_field(rng, settings), settings), body)
    directions = rng.normal(size=(300, 3))
    ball = directions / np.linalg.norm(directions, axis=1)[:, None] * rng.uniform(0.0, 1.0, (300, 1)) ** (1.0 / 3.0)
    open_joints = {}
    for segment, hold in SEGMENTS.items():
        if hold is None:
            continue
        parent, joint = hold
        radius = 17.0 if "wrist" in joint else 24.0
        centre = pose.to_scan(np.array([body.joints[joint]]), segment)
        out = float((~inside_skin(body, pose, centre + radius * ball)).mean())
        if out > 0.02:
            open_joints[joint] = out
        if SEGMENTS[parent] is not None:
            before = np.array(body.joints[SEGMENTS[parent][1]])
            way = before + np.linspace(0.0, 1.0, 30)[:, None] * (np.array(body.joints[joint]) - before)
            assert inside_skin(body, pose, pose.to_scan(way, parent)).all(), parent
    assert not open_joints


def width(parts: list[Part], z_mm: float, axis: int = 0, segment: str = "trunk") -> float:
    """How wide the skin of the trunk is at this height, mm."""
    line = np.arange(-300.0, 300.0, 1.0)
    grid = np.array(np.meshgrid(line, np.arange(-200.0, 200.0, 4.0))).reshape(2, -1).T
    if axis == 1:
        grid = np.array(np.meshgrid(np.arange(-300.0, 300.0, 4.0), np.arange(-200.0, 200.0, 1.0))).reshape(2, -1).T
    points = np.column_stack([grid, np.full(len(grid), z_mm)])
    inside = np.zeros(len(points), dtype=bool)
    for part in skins(parts):
        if part.segment == segment:
            inside |= contains(part.solid, points)
    return float(np.ptp(points[inside, axis]))


def shape_of(sex: str, fat_mm: float) -> BodyShape:
    return BodyShape(sex, 172.0, (1.0, 1.0, 1.0), fat_mm, 1.0)


@pytest.mark.parametrize("sex", ["F", "M"])
def test_silhouette_has_shoulders_waist_and_hips(sex: str) -> None:
    parts = draw_outline(np.random.default_rng(1), shape_of(sex, 15.0))
    shoulders, waist, hips, neck = (width(parts, z) for z in (255.0, -40.0, -270.0, 360.0))
    assert neck < 150.0 < waist < hips
    assert waist < shoulders
    assert 90.0 < width(parts, 360.0, axis=1) < 150.0


def test_women_have_wider_hips_over_the_waist() -> None:
    ratio = {}
    for sex in ("F", "M"):
        parts = draw_outline(np.random.default_rng(1), shape_of(sex, 15.0))
        ratio[sex] = width(parts, -40.0) / width(parts, -270.0)
    assert ratio["F"] < ratio["M"] - 0.04


def test_more_fat_widens_the_belly_more_than_the_chest() -> None:
    thin, fat = (draw_outline(np.random.default_rng(1), shape_of("M", f)) for f in (8.0, 30.0))
    belly, chest = (width(fat, z, axis=1) - width(thin, z, axis=1) for z in (-120.0, 140.0))
    assert 25.0 < chest + 10.0 < belly < 60.0


def test_neighbouring_segments_agree_in_width_at_the_knee() -> None:
    parts = draw_outline(np.random.default_rng(1), shape_of("M", 15.0))
    knee = joints(shape_of("M", 15.0))["knee_right"][2]
    thigh, shank = (width(parts, knee, segment=f"{s}_right") for s in ("thigh", "shank"))
    assert abs(thigh - shank) < 4.0


def test_men_have_no_breasts_and_take_the_same_draws() -> None:
    following = []
    for sex in ("F", "M"):
        rng = np.random.default_rng(9)
        parts = draw_outline(rng, shape_of(sex, 15.0))
        assert any(p.organ == "breast_left" for p in parts) == (sex == "F")
        following.append(rng.random())
    assert following[0] == following[1]
