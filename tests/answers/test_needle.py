"""Straight ways to a target in bodies of a few boxes: the shortest clear one, through no vessel that can be avoided."""

import numpy as np
import pytest

from netlesion.answers.needle import best_way, can_end, sphere
from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.quantify.organ_map import OrganMap

#: 160 x 150 x 200 mm, voxels of 4 x 5 x 4 mm, first axis to the left; the body is 120 x 110 mm and as high as the grid.
GEOMETRY = Geometry(np.array([[-4.0, 0, 0, 80], [0, 5.0, 0, -75], [0, 0, 4.0, -100], [0, 0, 0, 1]]), (40, 30, 50))
NAMES = {1: "fat", 2: "aorta", 3: "colon", 4: "liver", 5: "rib_left_6", 6: "lung_lower_lobe_left"}
MARGIN = 3.0


def body(*boxes, skin=True):
    """A body of fat with boxes (label, low mm, high mm) in it."""
    labels = np.zeros(GEOMETRY.shape, dtype=np.uint8)
    world = GEOMETRY.to_world(np.argwhere(np.ones(GEOMETRY.shape, dtype=bool))).reshape(*GEOMETRY.shape, 3)
    for label, low, high in ((1, (-60, -55, -200), (60, 55, 200)), *boxes):
        labels[((world >= low) & (world <= high)).all(axis=-1)] = label
    if not skin:
        labels[labels == 1] = 0
    return OrganMap(labels, GEOMETRY, NAMES)


def ball(centre, radius=8.0):
    points = GEOMETRY.to_world(np.argwhere(np.ones(GEOMETRY.shape, dtype=bool)))
    return points[np.linalg.norm(points - centre, axis=1) <= radius]


def way(organs, target, margin=MARGIN, ct=None):
    return best_way(np.asarray(target, dtype=float), ball(target), organs, ct, margin)


def test_in_plain_fat_the_way_is_the_shortest():
    """20 mm under the right side of a body that ends at x = 62."""
    found = way(body(), (40.0, 0.0, 0.0))
    assert found.length_mm == pytest.approx(22.0, abs=4.0)
    assert (found.crosses, found.organs, found.is_safe) == ((), (), True)
    assert found.entry_mm[0] == pytest.approx(62.0, abs=4.0)


def test_a_vessel_on_the_shortest_way_is_gone_around():
    wall = (2, (52, -30, -60), (60, 30, 60))
    found = way(body(wall), (40.0, 0.0, 0.0))
    assert found.is_safe
    assert found.length_mm > 28.0
    points = np.linspace((40.0, 0.0, 0.0), found.entry_mm, 200)
    labels = body(wall).labels[tuple(np.rint(GEOMETRY.to_index(points)).astype(int).T)]
    assert 2 not in labels


def test_the_margin_keeps_the_way_away_from_the_vessel():
    """A vessel whose edge is 4 mm off the straight way: allowed with a margin of 2 mm, not with 10."""
    beside = body((2, (44, 6, -200), (60, 40, 200)), (2, (44, -40, -200), (60, -8, 200)))
    assert way(beside, (40.0, 0.0, 0.0), margin=2.0).length_mm == pytest.approx(22.0, abs=4.0)
    assert way(beside, (40.0, 0.0, 0.0), margin=10.0).length_mm > 30.0


def test_where_vessels_are_all_around_the_way_says_so():
    shell = (2, (10, -30, -40), (60, 30, 40))
    inside = (1, (24, -15, -25), (55, 15, 25))
    found = way(body(shell, inside), (40.0, 0.0, 0.0))
    assert not found.is_safe
    assert "vessel" in found.crosses


def test_bowel_is_gone_around_if_that_is_not_too_far_and_bone_if_at_all_possible():
    small = way(body((3, (52, -6, -6), (60, 6, 6))), (40.0, 0.0, 0.0))
    assert small.crosses == ()
    wide = way(body((3, (52, -55, -90), (60, 55, 90)), (4, (-60, -55, -200), (0, 55, 200))), (46.0, 0.0, 0.0))
    assert wide.crosses in (("bowel",), ("organ",), ())
    rib = way(body((5, (52, -55, -30), (60, 55, 30)), (3, (-60, -55, -200), (20, 55, 200))), (44.0, 0.0, 0.0))
    assert "bone" not in rib.crosses


def test_the_organ_that_holds_the_lesion_does_not_count():
    found = way(body((4, (-60, -55, -200), (60, 55, 200))), (40.0, 0.0, 0.0))
    assert (found.crosses, found.organs) == ((), ())


def test_a_lesion_inside_a_vessel_does_not_make_the_vessel_free():
    found = way(body((2, (20, -25, -40), (60, 25, 40))), (40.0, 0.0, 0.0))
    assert not found.is_safe


def test_where_the_scan_was_cut_is_no_skin():
    """The target lies 6 mm under the end of the scan; the way still goes to the side."""
    found = way(body(), (40.0, 0.0, 92.0))
    assert abs(found.entry_mm[0]) > 58.0 or abs(found.entry_mm[1]) > 52.0


def test_ct_tells_where_the_body_ends_if_the_map_does_not():
    organs = body((4, (30, -10, -10), (50, 10, 10)), skin=False)
    assert not can_end(organs, None)
    array = np.where(body().labels > 0, 40.0, -1000.0).astype(np.float32)
    ct = Volume(array, GEOMETRY, Quantity.HU)
    assert can_end(organs, ct)
    assert way(organs, (40.0, 0.0, 0.0), ct=ct).length_mm == pytest.approx(22.0, abs=4.0)


def test_turning_the_grid_changes_nothing():
    wall = (2, (52, -30, -60), (60, 30, 60))
    plain = body(wall)
    affine = GEOMETRY.affine_ras.copy()
    affine[:3, 3] += affine[:3, 0] * (GEOMETRY.shape[0] - 1)
    affine[:3, 0] *= -1
    flipped = OrganMap(plain.labels[::-1].copy(), Geometry(affine, GEOMETRY.shape), NAMES)
    assert way(flipped, (40.0, 0.0, 0.0)) == way(plain, (40.0, 0.0, 0.0))


def test_directions_cover_the_sphere():
    directions = sphere(400)
    assert np.allclose(np.linalg.norm(directions, axis=1), 1.0)
    assert np.abs(directions.mean(axis=0)).max() < 0.01
    gaps = np.arccos(np.clip(np.sort(directions @ directions.T, axis=1)[:, -2], -1, 1))
    assert np.degrees(gaps).min() > 6.0
