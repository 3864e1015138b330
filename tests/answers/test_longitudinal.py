"""What becomes of lesions between visits: every class, every guard, and tracks over three visits (clinical.md 4.5)."""

from __future__ import annotations

from dataclasses import replace

from netlesion.answers.longitudinal import changes, tracks
from netlesion.answers.settings import ResponseSettings
from netlesion.image.geometry import Geometry
from tests.answers.patients import GRID, lesion, organ_map, pet, with_image

S = ResponseSettings()


def visit(n, *lesions, background=0.6, spots=(), organs=None, **more):
    read = None if organs is None else (lambda: organs)
    one = pet(*lesions, visit=f"visit-{n}", read_organs=read, **more)
    return with_image(one, background, spots)


def at(number, x, radius_mm=9.0, suv=10.0, region="bone", **more):
    return lesion(number, region, at=(x, 0, 0), radius_mm=radius_mm, suv=suv, **more)


def statuses(one, two):
    return [c.status for c in changes(one, two, S)]


def test_every_class_once():
    before = visit(
        1,
        at(1, -150),
        at(2, -100),
        at(3, -50, radius_mm=14),
        *(at(4, 20, 6), at(5, 38, 6)),
        *(at(6, 90, 14), at(7, 98, 14)),
    )
    after = visit(
        2,
        at(1, -150),
        *(at(2, -58, 5), at(3, -42, 5)),
        at(4, 29, 16),
        *(at(5, 91, 14), at(6, 99, 14)),
        at(7, 160),
    )
    found = {
        c.status: (sorted(x.lesion_id for x in c.before), sorted(x.lesion_id for x in c.after))
        for c in changes(before, after, S)
    }
    assert found["persistent"] == ([1], [1])
    assert found["resolved"] == ([2], [])
    assert found["split"] == ([3], [2, 3])
    assert found["merged"] == ([4, 5], [4])
    assert found["new"] == ([], [7])
    assert "complex" in found


def test_a_component_is_compared_by_sums_and_the_hottest():
    before, after = visit(1, at(1, 0, 14, 10.0)), visit(2, at(1, -8, 5, 4.0), at(2, 8, 5, 6.0))
    change = changes(before, after, S)[0]
    assert change.volumes_ml == (before.lesions[0].volume_ml, sum(x.volume_ml for x in after.lesions))
    assert change.peaks == (10.0, 6.0)
    assert change.distance_mm < 2.0


def test_nothing_resolves_outside_the_later_field_of_view():
    low = Geometry(GRID.affine_ras, (200, 160, 100))
    later = replace(pet(visit="visit-2"), geometry=low)
    found = changes(visit(1, at(1, 0)), later, S)[0]
    assert (found.status, found.why) == ("not_assessable", "its place is outside the later field of view")


def test_nothing_resolves_beside_a_hot_organ_but_in_the_liver():
    kidney = organ_map(kidney_left=((0, 0, 25), 14))
    assert statuses(visit(1, at(1, 0)), visit(2, organs=kidney)) == ["not_assessable"]
    liver = organ_map(liver=((0, 0, 0), 40))
    assert statuses(visit(1, at(1, 0, region="liver")), visit(2, organs=liver)) == ["resolved"]


def test_new_needs_size_or_uptake_and_nothing_there_before():
    nothing = visit(1)
    assert statuses(nothing, visit(2, at(1, 0))) == ["new"]
    assert statuses(nothing, visit(2, at(1, 0, radius_mm=4, suv=4.0))) == ["newly_segmented"]
    assert statuses(nothing, visit(2, at(1, 0, radius_mm=4, suv=6.0))) == ["new"]
    missed = visit(1, spots=[((0, 0, 0), 9, 6.0)])
    assert statuses(missed, visit(2, at(1, 0, suv=10.0))) == ["newly_segmented"]
    faint = visit(1, spots=[((0, 0, 0), 9, 4.0)])
    assert statuses(faint, visit(2, at(1, 0, suv=10.0))) == ["new"]


def test_new_is_not_said_where_the_earlier_scan_cannot_be_looked_at():
    low = Geometry(GRID.affine_ras, (200, 160, 100))
    assert statuses(replace(pet(), geometry=low), visit(2, at(1, 0))) == ["not_assessable"]
    assert statuses(pet(), visit(2, at(1, 0))) == ["not_assessable"]


def test_tracks_over_three_visits():
    pets = [visit(1, at(1, 0), at(2, 60)), visit(2, at(1, 1), at(2, 120)), visit(3, at(1, 0), at(2, 121), at(3, 60))]
    steps = [changes(a, b, S) for a, b in zip(pets, pets[1:], strict=False)]
    found = {
        (t.begins, tuple(sorted((case[7:12], x.lesion_id) for case, lesions in t.lesions.items() for x in lesions)))
        for t in tracks(pets, steps)
    }
    assert found == {
        ("first", (("ses-1", 1), ("ses-2", 1), ("ses-3", 1))),
        ("first", (("ses-1", 2),)),
        ("new", (("ses-2", 2), ("ses-3", 2))),
        ("new", (("ses-3", 3),)),
    }
