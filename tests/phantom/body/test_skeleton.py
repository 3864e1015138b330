"""Bones and head: curves of the spine, slope of the ribs, the pelvis' measures, sockets, shells, the brain's ribbon."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from netlesion.phantom.body.head import draw_head
from netlesion.phantom.body.limbs import draw_limbs
from netlesion.phantom.body.parts import Part
from netlesion.phantom.body.shape import BodyShape, head_shape
from netlesion.phantom.body.skeleton import draw_skeleton
from netlesion.phantom.body.spine_curve import CENTRES
from netlesion.phantom.solids import Plate, contains

NOMINAL = BodyShape("M", 172.0, (1.0, 1.0, 1.0), 15.0, 1.0)


@lru_cache(maxsize=1)
def bones() -> tuple[Part, ...]:
    return (*draw_skeleton(np.random.default_rng(2), NOMINAL), *draw_limbs(np.random.default_rng(3), NOMINAL))


def points_in(parts: tuple[Part, ...] | list[Part], count: int = 40_000) -> tuple[np.ndarray, float]:
    """Random points inside the parts' union (N, 3), and its volume in ml."""
    boxes = np.array([p.solid.bounds_mm() for p in parts])
    low, high = boxes[:, 0].min(axis=0), boxes[:, 1].max(axis=0)
    points = np.random.default_rng(0).uniform(low, high, (count, 3))
    inside = np.any([contains(p.solid, points) for p in parts], axis=0)
    return points[inside], float(inside.mean() * np.prod(high - low)) / 1000.0


def of(organ: str, tissue: str | None = None) -> list[Part]:
    return [p for p in bones() if p.organ == organ and (tissue is None or p.tissue == tissue)]


def test_spine_bends_forwards_in_neck_and_loin_and_backwards_in_the_chest() -> None:
    names = list(CENTRES)
    y, z = np.array(list(CENTRES.values()), dtype=float).T

    def bow(lower: str, middle: str, upper: str) -> float:
        a, b, c = (names.index(n) for n in (lower, middle, upper))
        return float(y[b] - np.interp(z[b], [z[a], z[c]], [y[a], y[c]]))

    assert bow("L5", "L3", "T12") > 5.0
    assert bow("L1", "T7", "T1") < -15.0
    assert bow("T1", "C4", "C1") > 3.0


def test_ribs_slope_down_to_the_front() -> None:
    for n in range(2, 10):
        points, _ = points_in(of(f"rib_left_{n}", "cortical_bone"), 20_000)
        back, front = points[points[:, 1] < -60.0], points[points[:, 1] > 20.0]
        assert back[:, 2].mean() - front[:, 2].mean() > 25.0, n


def test_pelvis_has_the_measures_of_an_adult() -> None:
    """Breadth over the crests 250-300 mm, height of a hip bone 190-240 mm, front spines in front of the sacrum."""
    right, ml = points_in(of("hip_right", "cortical_bone"))
    left, _ = points_in(of("hip_left", "cortical_bone"))
    assert 250.0 < right[:, 0].max() - left[:, 0].min() < 300.0
    assert 190.0 < np.ptp(right[:, 2]) < 245.0
    assert 200.0 < ml < 450.0
    wing = right[right[:, 2] > -190.0]
    assert 95.0 < np.ptp(wing[:, 1]) < 150.0


def test_femoral_head_lies_in_an_empty_socket() -> None:
    hip = of("hip_left", "cortical_bone")
    head = np.array([[-93.0, -5.0, -288.0]])
    assert not any(contains(p.solid, head)[0] for p in hip)
    around = head + 28.0 * np.array([[0.5, 0.0, 0.866], [0.866, 0.0, 0.5], [0.3, -0.7, 0.65]])
    assert sum(bool(contains(p.solid, around).any()) for p in hip) >= 1
    assert any(contains(p.solid, head)[0] for p in of("femur_left"))


@pytest.mark.parametrize(
    "organ", ["vertebrae_L3", "hip_right", "femur_right", "sternum", "rib_right_6", "scapula_left"]
)
def test_marrow_lies_inside_cortex(organ: str) -> None:
    marrow = [p for p in of(organ) if p.tissue != "cortical_bone"]
    points, marrow_ml = points_in(marrow)
    _, whole_ml = points_in(of(organ))
    shell = np.any([contains(p.solid, points) for p in of(organ, "cortical_bone")], axis=0)
    assert shell.mean() > 0.99
    assert 0.15 < marrow_ml / whole_ml < 0.9


def test_two_people_have_other_bones() -> None:
    one, other = (draw_skeleton(np.random.default_rng(n), NOMINAL) for n in (1, 2))
    ml = [[points_in([p for p in skeleton if p.organ == "scapula_left"])[1] for skeleton in (one, other)]]
    assert ml[0][0] != pytest.approx(ml[0][1], rel=1e-4)


@lru_cache(maxsize=1)
def head() -> tuple[Part, ...]:
    return tuple(draw_head(np.random.default_rng(4), NOMINAL))


def test_cortex_is_a_ribbon_around_white_matter() -> None:
    """Of random points of the brain 40-65 % are grey; the way inwards from any side starts in grey."""
    brain = [p for p in head() if p.organ == "brain"]
    low, high = brain[1].solid.bounds_mm()
    points = np.random.default_rng(0).uniform(low, high, (60_000, 3))
    tissue = np.full(len(points), "", dtype=object)
    for part in brain:
        tissue[contains(part.solid, points)] = part.tissue
    grey, white = (float((tissue == t).sum()) for t in ("brain_grey", "brain_white"))
    assert 0.40 < grey / (grey + white) < 0.65
    middle = np.array(head_shape(NOMINAL).at((0.0, 3.0, 492.0)))
    depth = np.linalg.norm((points - middle) / ((high - low) / 2.0), axis=1)
    rim = (depth > 0.93) & (depth < 0.97) & (points[:, 2] > middle[2])
    assert (tissue[rim] == "brain_grey").mean() > 0.75


def test_small_things_of_the_head() -> None:
    pituitary = next(p for p in head() if p.organ == "pituitary")
    size = np.ptp(pituitary.solid.bounds_mm(), axis=0)
    assert (size >= 5.0).all()
    assert (size <= 12.0).all()
    eyes = [
        np.mean(next(p for p in head() if p.organ == f"eye_{s}").solid.bounds_mm(), axis=0) for s in ("right", "left")
    ]
    assert 55.0 < eyes[0][0] - eyes[1][0] < 70.0
    thyroid, ml = points_in([p for p in head() if p.organ == "thyroid_gland"])
    assert 7.0 < ml < 26.0
    assert np.all(np.abs(thyroid[:, 0]) < 40.0)


def test_heads_differ_less_than_bodies() -> None:
    tall = BodyShape("M", 200.0, (1.1, 1.1, 1.16), 15.0, 1.0)
    grown = np.array(head_shape(tall).size((1.0, 1.0, 1.0))) / head_shape(NOMINAL).size((1.0, 1.0, 1.0))
    assert (grown < 1.08).all()
    base = (0.0, -10.0, 410.0)
    assert head_shape(tall).at(base) == pytest.approx(tall.at(base))


def test_plate_is_as_far_as_its_nearest_point() -> None:
    """Against the nearest of many points spread over the triangle."""
    rng = np.random.default_rng(1)
    corners = rng.normal(size=(3, 3)) * 12.0
    plate = Plate(tuple(tuple(c) for c in corners.tolist()), 1.5)
    on_it = rng.dirichlet([1.0, 1.0, 1.0], 20_000) @ corners
    on_it = np.concatenate(
        [on_it, *(corners[n] + np.linspace(0, 1, 400)[:, None] * (corners[n - 1] - corners[n]) for n in range(3))]
    )
    points = rng.normal(size=(300, 3)) * 15.0
    nearest = np.linalg.norm(points[:, None] - on_it[None], axis=2).min(axis=1) - 1.5
    assert plate.distance(*points.T.astype(np.float32)) == pytest.approx(nearest, abs=0.12)
    low, high = plate.bounds_mm()
    assert (on_it.min(axis=0) - 1.5 >= low - 1e-6).all()
    assert (on_it.max(axis=0) + 1.5 <= high + 1e-6).all()
