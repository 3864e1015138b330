"""Which lesion to biopsy: terms of the utility counted by hand, ranks, places that a radiologist can use."""

from dataclasses import replace

import numpy as np
import pytest

from netlesion.answers.biopsy import (
    QUESTION,
    answer,
    candidates,
    diameter_mm,
    slice_from_feet,
    vertebral_level,
)
from netlesion.answers.needle import Way
from netlesion.answers.settings import Settings, settings_of
from netlesion.errors import ConfigError
from netlesion.quantify.organ_map import OrganMap
from tests.answers.patients import GRID, lesion, patient, permuted, pet, references

SETTINGS = Settings()


def organs(*boxes):
    """A body of fat, 300 x 240 mm, with boxes (name, low mm, high mm) in it."""
    labels = np.zeros(GRID.shape, dtype=np.uint8)
    names = {1: "fat"}
    for low, high, name in (((-150, -120, -520), (150, 120, 520), "fat"), *((b[1], b[2], b[0]) for b in boxes)):
        number = next((n for n, x in names.items() if x == name), len(names) + 1)
        names[number] = name
        ends = GRID.to_index(np.array([low, high], dtype=float))
        a, b = np.ceil(ends.min(axis=0)).astype(int), np.floor(ends.max(axis=0)).astype(int) + 1
        labels[tuple(slice(max(i, 0), j) for i, j in zip(a, b, strict=True))] = number
    found = OrganMap(labels, GRID, names)
    return lambda: found


BODY = organs()


def first(*pets, **more):
    who = patient(*pets, **more)
    return candidates(who, who.visits[0], SETTINGS)


def terms(one, *others, **more):
    return first(pet(one, **more), *others)[0].terms


def test_each_term_is_between_0_and_1_as_its_formula_says():
    """SUVpeak 10.5 over 5.25: log2 is 1, two thirds of the way from -1 to 2. A ball of 14 mm: half of 8 to 20."""
    one = replace(lesion(suv=10.5), volume_ml=4 / 3 * np.pi * 7.0**3 / 1000, score=0.8)
    found = terms(one)
    assert diameter_mm(one) == pytest.approx(14.0)
    assert found["uptake"] == pytest.approx(2 / 3)
    assert found["size"] == pytest.approx(0.5)
    assert found["confidence"] == 0.8
    assert found["fdg_clone"] is None
    assert found["path"] is None


def test_an_fdg_avid_part_is_a_term_only_where_fdg_was_looked_at():
    one, warm, cold = lesion(suv=10.0), lesion(suv=4.0), lesion(suv=2.0)
    assert terms(one)["fdg_clone"] is None
    assert terms(one, pet(warm, tracer="fdg"))["fdg_clone"] == 1.0
    assert terms(one, pet(cold, tracer="fdg"))["fdg_clone"] == 0.0
    assert terms(one, pet(tracer="fdg"))["fdg_clone"] == 0.0
    assert terms(one, pet(warm, tracer="fdg", references=references("fdg", liver=None)))["fdg_clone"] is None


def test_terms_that_are_not_known_give_their_weight_to_the_others():
    one = lesion(suv=10.5)
    found = first(pet(one, references=references("sstr", liver=None), read_organs=None))[0]
    assert found.terms["uptake"] is None
    assert found.utility(SETTINGS.biopsy) == pytest.approx(found.terms["size"])


def test_a_lesion_seen_with_both_tracers_is_one_candidate_and_fdg_alone_is_one_too():
    both = first(pet(lesion(1, suv=10.0)), pet(lesion(7, suv=5.0), tracer="fdg"))
    assert [c.lesion.tracer for c in both] == ["sstr"]
    assert both[0].fdg_peak == 5.0
    apart = first(pet(lesion(1, suv=10.0)), pet(lesion(7, region="lung", at=(90, 0, 0), suv=5.0), tracer="fdg"))
    assert {c.lesion.tracer for c in apart} == {"sstr", "fdg"}


def test_what_is_physiologic_or_a_pitfall_is_no_target():
    assert first(pet(lesion(region="spleen", suv=18.0))) == ()
    found = answer(patient(pet(lesion(region="spleen", suv=18.0))), SETTINGS)[0]
    assert found.status == "not_assessable"  # no organ map: no way can be judged
    found = answer(patient(pet(lesion(region="spleen", suv=18.0), read_organs=BODY)), SETTINGS)[0]
    assert (found.category, found.rows) == ("no_target", ())


def test_the_fdg_avid_large_and_shallow_lesion_comes_first():
    deep = lesion(1, suv=12.0, at=(0, 0, 0), radius_mm=6.0)
    shallow = lesion(2, suv=12.0, at=(120, 0, 60), radius_mm=11.0)
    fdg = lesion(5, suv=6.0, at=(120, 0, 60), radius_mm=11.0)
    found = first(pet(deep, shallow, read_organs=BODY), pet(fdg, tracer="fdg", read_organs=BODY))
    assert [c.lesion.lesion_id for c in found] == [2, 1]
    assert found[0].way.length_mm == pytest.approx(31.0, abs=4.0)
    assert found[1].way.length_mm > 100.0


def test_a_way_around_the_vessel_is_taken_and_a_lesion_behind_vessels_says_so():
    wall = organs(("aorta", (125, -30, -40), (140, 30, 40)))
    one = lesion(suv=12.0, at=(110, 0, 0), radius_mm=6.0)
    found = first(pet(one, read_organs=wall))[0]
    assert found.way.is_safe
    cage = organs(("aorta", (80, -40, -40), (145, 40, 40)), ("fat", (95, -25, -25), (130, 25, 25)))
    behind = answer(patient(pet(one, read_organs=cage)), SETTINGS)[0]
    assert behind.category == "no_path_clear_of_vessels"
    assert "no straight way keeps clear of vessels" in behind.reasons[0].text
    assert behind.rows[0]["path"] == "vessel"
    assert behind.rows[0]["term_path"] == 0.0


@pytest.mark.parametrize(("group", "name"), [("bowel", "colon"), ("lung", "lung_lower_lobe_left"), ("organ", "spleen")])
def test_the_worst_that_a_way_goes_through_is_the_category(group, name):
    everywhere = organs((name, (-150, -120, -520), (150, 120, 520)), ("fat", (80, -30, -30), (130, 30, 30)))
    one = lesion(suv=12.0, at=(110, 0, 0), radius_mm=6.0)
    found = answer(patient(pet(one, read_organs=everywhere)), SETTINGS)[0]
    assert found.category == f"path_through_{group}"
    assert found.rows[0]["path_organs"] == name


def test_the_target_is_the_hottest_voxel_or_one_in_the_middle_of_the_lesion():
    hot = lesion(facts={"hottest_x_mm": 4.0, "hottest_y_mm": 1.0, "hottest_z_mm": -3.0})
    assert first(pet(hot))[0].target_mm.tolist() == [4.0, 1.0, -3.0]
    middle = first(pet(lesion(at=(20, 10, 30))))[0].target_mm
    assert np.linalg.norm(middle - (20, 10, 30)) < 3.0


def test_slices_are_counted_from_the_feet_whichever_way_the_grid_runs():
    """The grid's lowest slice lies at z = -525, 3 mm apart: z = 0 is number 176."""
    point = np.array([0.0, 0.0, 0.0])
    assert slice_from_feet(point, pet()) == 176
    affine = GRID.affine_ras.copy()
    affine[2, 2], affine[2, 3] = -3.0, -525 + 3.0 * 349
    assert slice_from_feet(point, pet(geometry=replace(GRID, affine_ras=affine))) == 176


def test_the_nearest_vertebra_names_the_height():
    spine = organs(("vertebrae_L2", (-20, -60, 20), (20, -20, 50)), ("vertebrae_L3", (-20, -60, -20), (20, -20, 10)))()
    assert vertebral_level(0.0, spine) == "L3"
    assert vertebral_level(40.0, spine) == "L2"
    assert vertebral_level(200.0, spine) is None
    assert vertebral_level(0.0, None) is None


def test_the_answer_has_a_row_and_a_sentence_for_each_rank():
    one, two = (
        lesion(1, suv=30.0, at=(110, 0, 0)),
        lesion(2, region="bone", bone="rib_left_6", suv=8.0, at=(-100, 0, 0)),
    )
    found = answer(patient(pet(one, two, read_organs=BODY)), SETTINGS)[0]
    assert found.category == "clear_path"
    assert [row["rank"] for row in found.rows] == [1, 2]
    assert all(set(row) == set(QUESTION.row_columns) for row in found.rows)
    assert found.values["target"] == found.rows[0]["lesion"]
    assert found.reasons[0].text.startswith("Rank 1 (utility 0.")
    assert "goes through no organ" in found.reasons[0].text
    assert found.missing == ("an FDG PET, for the part of the tumour that decides the grade",)


def test_without_a_skin_the_way_is_not_known_but_lesions_are_ranked():
    bare = OrganMap(np.zeros(GRID.shape, dtype=np.uint8), GRID, {1: "liver"})
    found = answer(patient(pet(lesion(suv=30.0), read_organs=lambda: bare)), SETTINGS)[0]
    assert found.category == "path_not_known"
    assert found.missing[0] == "where the skin is, for DOTATATE lesion 1"


def test_ranks_do_not_depend_on_the_order_of_lesions():
    found = [lesion(n, suv=5.0 + 3 * n, at=(0, 0, 60.0 * n - 180)) for n in range(1, 6)]
    who = patient(pet(*found))
    ranked = [c.lesion.key for c in candidates(who, who.visits[0], SETTINGS)]
    again = permuted(who, 4)
    assert [c.lesion.key for c in candidates(again, again.visits[0], SETTINGS)] == ranked


def test_a_way_knows_whether_it_is_safe_and_weights_below_0_are_refused():
    assert Way((0.0, 0.0, 0.0), 10.0, ("bowel",), ("colon",)).is_safe
    assert not Way((0.0, 0.0, 0.0), 10.0, ("nerve_tissue",), ("brain",)).is_safe
    with pytest.raises(ConfigError, match=r"answers\.biopsy\.weight_size"):
        settings_of({"biopsy": {"weight_size": -1.0}})
