"""Tracer discordance of hand-made patients: every class, every doubt, every grade (clinical.md 3.5, 3.6)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from netlesion.answers.discordance import answer, karfis, zidan
from netlesion.answers.settings import DiscordanceSettings, settings_of
from netlesion.errors import ConfigError
from netlesion.image.geometry import Geometry
from netlesion.image.transform import RigidTransform
from tests.answers.patients import GRID, lesion, organ_map, patient, permuted, pet, references, scaled, with_image

S = DiscordanceSettings()


def asked(sstr=(), fdg=(), sstr_spots=(), fdg_spots=(), organs=None, settings=S, **more):
    read = None if organs is None else (lambda: organs)
    one = with_image(pet(*sstr, read_organs=read, **more), 0.6, sstr_spots)
    two = with_image(pet(*fdg, tracer="fdg", read_organs=read, **more), 0.6, fdg_spots)
    return answer(patient(one, two), settings)[0]


def classes(found):
    return [row["class"] for row in found.rows]


def hot(number=1, x=0.0, suv=10.0, **more):
    return lesion(number, more.pop("region", "bone"), at=(x, 0, 0), suv=suv, radius_mm=more.pop("radius_mm", 9), **more)


def test_seen_by_both_is_concordant_by_either_definition():
    found = asked([hot(suv=12.0)], [hot(suv=6.0)])
    assert (found.category, classes(found)) == ("concordant", ["concordant"])
    assert found.rows[0]["class_liver"] == "concordant"
    assert found.values["karfis"] == "C2"
    assert found.values["zidan"] == "3"


def test_seen_on_dotatate_alone():
    found = asked([hot()], [])
    assert (found.category, classes(found)) == ("sstr_only", ["sstr_only"])
    assert (found.values["netpet_auto"], found.values["karfis"], found.values["zidan"]) == ("P1", "C1", "2")


def test_seen_on_fdg_alone_is_discordant_with_its_volume():
    found = asked([hot(1, -80)], [hot(2, 80)])
    assert (found.category, sorted(classes(found))) == ("discordant", ["fdg_only", "sstr_only"])
    assert found.values["volume_fdg_only_ml"] == pytest.approx(hot(2, 80).volume_ml)
    assert (found.values["netpet_auto"], found.values["karfis"], found.values["zidan"]) == ("P5a", "C3", "4")


def test_nothing_on_either_tracer():
    found = asked()
    assert (found.category, found.values["netpet_auto"]) == ("no_finding", "P0")


def test_uptake_above_the_surroundings_is_positive_without_a_mask():
    """The FDG lesion has DOTATATE of 3 where 0.6 is around it: above background, below liver."""
    found = asked([], [hot(1, suv=6.0)], sstr_spots=[((0, 0, 0), 9, 3.0)])
    assert classes(found) == ["concordant"]
    assert found.rows[0]["class_liver"] == "fdg_only"
    assert (found.values["karfis"], found.values["zidan"]) == ("C2", "4")


def test_a_mask_below_liver_is_negative_by_the_liver_definition():
    found = asked([hot(1, suv=3.0)], [])
    assert classes(found) == ["sstr_only"]
    assert found.rows[0]["class_liver"] == "neither"
    assert found.values["zidan"] == "1"


def test_a_cold_place_is_not_positive_for_what_the_sphere_of_its_peak_reaches():
    """A small vessel of SUV 60 touches the FDG lesion: SUVpeak is above the surroundings, the mean is not."""
    found = asked([], [hot(1, suv=6.0, radius_mm=6)], sstr_spots=[((9.0, 0, 0), 2.6, 60.0)])
    assert found.rows[0]["sstr_peak_g_per_ml"] > 1.5 * found.rows[0]["sstr_background_g_per_ml"]
    assert classes(found) == ["fdg_only"]


def test_a_cold_lesion_at_the_edge_of_the_liver_is_compared_with_the_liver_too():
    liver = organ_map(liver=((30, 0, 0), 30))
    spots = [((30, 0, 0), 30, 5.0), ((0, 0, 0), 9, 1.0)]
    assert classes(asked([], [hot(region="liver", suv=6.0)], sstr_spots=spots, organs=liver)) == ["fdg_only"]


def test_too_small_is_indeterminate():
    found = asked([hot(radius_mm=4)], [])
    assert classes(found) == ["indeterminate"]
    assert (found.category, found.alternatives) == ("indeterminate", ("sstr_only",))
    assert "smaller than 0.5 ml" in found.rows[0]["doubts"]


def test_beside_an_organ_that_is_hot_on_the_negative_tracer_is_indeterminate():
    brain = organ_map(brain=((0, 0, 25), 14))
    assert classes(asked([hot()], [], organs=brain)) == ["indeterminate"]
    assert classes(asked([hot()], [hot()], organs=brain)) == ["concordant"]
    kidney = organ_map(kidney_left=((0, 0, 25), 14))
    assert classes(asked([], [hot()], organs=kidney)) == ["indeterminate"]
    assert classes(asked([hot()], [], organs=kidney)) == ["sstr_only"]
    far = organ_map(kidney_left=((0, 0, 60), 14))
    assert classes(asked([], [hot()], organs=far)) == ["fdg_only"]


def test_in_the_liver_fdg_alone_needs_dotatate_visibly_below_liver():
    liver = organ_map(liver=((0, 0, 0), 40))
    assert classes(asked([], [hot(region="liver", suv=6.0)], organs=liver)) == ["fdg_only"]
    like_liver = asked([], [hot(region="liver", suv=6.0)], [((0, 0, 0), 40, 5.0)], organs=liver)
    assert classes(like_liver) == ["indeterminate"]
    assert "liver" in like_liver.rows[0]["doubts"]


def test_outside_the_other_field_of_view_is_indeterminate():
    low = Geometry(GRID.affine_ras, (200, 160, 100))
    one, two = with_image(pet(hot())), with_image(pet(tracer="fdg", geometry=low))
    suv = two.read_suv()
    two = replace(two, read_suv=lambda: replace(suv, array=suv.array[:, :, :100], geometry=low))
    found = answer(patient(one, two), S)[0]
    assert classes(found) == ["indeterminate"]
    assert "outside the field of view" in found.rows[0]["doubts"]


def test_registration_worse_than_the_lesion_is_indeterminate():
    one, two = with_image(pet(hot())), with_image(pet(tracer="fdg", residual_mm=25.0))
    assert classes(answer(patient(one, two), S)[0]) == ["indeterminate"]
    assert classes(answer(patient(one, replace(two, residual_mm=5.0)), S)[0]) == ["sstr_only"]


def test_a_transform_brings_them_together():
    """The FDG PET lies 40 mm further up: its lesion is found at the DOTATATE lesion's place."""
    up = RigidTransform(np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 40.0], [0, 0, 0, 1]]))
    moved = lesion(1, "bone", at=(0, 0, 40.0), radius_mm=9, suv=6.0)
    two = pet(moved, tracer="fdg", from_patient=up)
    two = with_image(
        replace(two, lesions=tuple(replace(x, placed_mm=two.to_patient(x.points_mm)) for x in two.lesions)), 0.6
    )
    found = answer(patient(with_image(pet(hot()), 0.6), two), S)[0]
    assert classes(found) == ["concordant"]
    assert found.rows[0]["fdg_peak_g_per_ml"] == pytest.approx(6.0, rel=0.02)


@pytest.mark.parametrize(
    ("told", "pet_pairs", "grade"),
    [
        ("FDG far below SSTR", [(20.0, 3.0)], "P2a"),
        ("equal, each over its liver", [(10.0, 4.0)], "P3a"),
        ("FDG above SSTR", [(4.0, 9.0)], "P4a"),
        ("two of the highest grade are still a", [(4.0, 9.0), (4.0, 8.0), (20.0, 3.0)], "P4a"),
        ("three of the highest grade are b", [(4.0, 9.0), (4.0, 8.0), (4.0, 8.5)], "P4b"),
    ],
)
def test_netpet_is_set_by_the_most_discordant_lesion(told, pet_pairs, grade):
    sstr = [hot(n, 60.0 * n - 120, s) for n, (s, _) in enumerate(pet_pairs)]
    fdg = [hot(n, 60.0 * n - 120, f) for n, (_, f) in enumerate(pet_pairs)]
    assert asked(sstr, fdg).values["netpet_auto"] == grade, told


def test_netpet_without_a_liver_has_a_raw_form_only():
    one = with_image(pet(hot(suv=4.0), references=references("sstr", liver=None)), 0.6)
    two = with_image(pet(hot(suv=9.0), tracer="fdg"), 0.6)
    found = answer(patient(one, two), S)[0]
    assert found.values["netpet_auto"] is None
    assert found.values["netpet_auto_raw"] == "P4a"
    assert any("liver" in m for m in found.missing)
    assert classes(found) == ["concordant"]
    assert found.values["zidan"] is None


@pytest.mark.parametrize(
    ("found", "of_karfis", "of_zidan"),
    [
        ([], None, None),
        (["sstr_only"], "C1", "2"),
        (["sstr_only", "concordant"], "C2", "3"),
        (["sstr_only", "fdg_only"], "C3", "4"),
        (["neither"], None, "1"),
        (["neither", "sstr_only"], None, None),
    ],
)
def test_published_groups(found, of_karfis, of_zidan):
    assert (karfis(found), zidan(found)) == (of_karfis, of_zidan)


def test_what_is_needed_and_not_there():
    one, two = with_image(pet(hot())), with_image(pet(tracer="fdg"))
    for who, said in (
        (patient(one), "no FDG PET"),
        (patient(two), "no DOTATATE PET"),
        (patient(one, replace(two, placed=False)), "No transform leads from ses-1"),
        (patient(one, replace(two, frame="ses-9")), "No transform"),
        (patient(one, replace(two, read_suv=None)), "images are not there"),
    ):
        found = answer(who, S)[0]
        assert found.status == "not_assessable"
        assert said in found.reasons[0].text


def test_order_and_scale_change_nothing():
    sstr = [hot(1, -120), hot(2, -60, 4.0), hot(3, 0.0, radius_mm=4)]
    fdg = [hot(1, -60, 9.0), hot(2, 90)]
    one, two = with_image(pet(*sstr), 0.6), with_image(pet(*fdg, tracer="fdg"), 0.6)
    first = answer(patient(one, two), S)[0]
    assert sorted(classes(first)) == ["concordant", "fdg_only", "indeterminate", "sstr_only"]
    shuffled = answer(permuted(patient(one, two)), S)[0]
    assert (shuffled.rows, shuffled.values) == (first.rows, first.values)
    times = scaled(patient(one, two), 2.0)
    pets = [with_image(p, 1.2) for p in times.pets]
    again = answer(patient(*pets), S)[0]
    assert (again.category, classes(again)) == (first.category, classes(first))
    assert [again.values[k] for k in ("netpet_auto", "karfis", "zidan")] == [
        first.values[k] for k in ("netpet_auto", "karfis", "zidan")
    ]


@pytest.mark.parametrize(
    "given",
    [
        {"shell_inner_mm": 15.0, "shell_outer_mm": 5.0},
        {"reach_mm": 10.0, "reach_near_mm": 5.0},
        {"equal_ratio": 0.5},
        {"below_liver": 1.5},
    ],
)
def test_swapped_or_impossible_thresholds_are_refused(given):
    with pytest.raises(ConfigError, match=r"answers\.discordance\."):
        settings_of({"discordance": given})
