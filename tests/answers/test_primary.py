"""The primary of hand-made patients: which lesion is put first, and why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netlesion.answers.primary import answer
from netlesion.answers.settings import PrimarySettings, settings_of
from netlesion.errors import ConfigError
from tests.answers.patients import lesion, patient, permuted, pet, scaled

S = PrimarySettings()


def asked(*lesions, site=None, **more):
    return answer(patient(pet(*lesions), site=site, **more), S)[0]


def at(number, region, x=0.0, **more):
    return lesion(number, region, at=(x, 0, 0), radius_mm=more.pop("radius_mm", 8), **more)


@pytest.mark.parametrize(
    ("told", "regions", "category", "first"),
    [
        ("no lesion", [], "no_candidate", None),
        ("liver and bone only", ["liver", "bone"], "no_candidate", None),
        ("a pancreatic lesion among liver lesions", ["liver", "liver", "pancreas"], "pancreas", 3),
        ("a small bowel lesion and a node", ["node", "small_bowel"], "small_bowel", 2),
        ("stomach before lung", ["lung", "stomach"], "stomach", 2),
        ("a single lung lesion", ["lung", "liver"], "lung", 1),
        ("two lung lesions are metastases", ["lung", "lung"], "no_candidate", None),
    ],
)
def test_the_first_candidate(told, regions, category, first):
    found = asked(*(at(n, r, 30.0 * n - 100) for n, r in enumerate(regions, 1)))
    assert found.category == category, told
    key = None if first is None else f"sub-01_ses-1_trc-dotatate/{first}"
    assert found.values["first_candidate"] == key, told


def test_drainage_breaks_a_tie():
    """A pancreatic and an ileal lesion weigh alike; mesenteric nodes drain both, a hepatic node the pancreas alone."""
    bowel, pancreas = at(1, "small_bowel", -60, radius_mm=9), at(2, "pancreas", 60)
    assert asked(bowel, pancreas).category == "small_bowel"
    assert asked(bowel, pancreas, at(3, "node", 0, station="hilar_hepatic")).category == "pancreas"


def test_the_given_site_and_the_network_decide():
    bowel, pancreas = at(1, "small_bowel", -60), at(2, "pancreas", 60)
    assert asked(bowel, pancreas, site="pancreas").category == "pancreas"
    assert asked(bowel, pancreas, site="ileum").category == "small_bowel"
    sure = replace(pancreas, p_primary=0.9), replace(bowel, p_primary=0.2)
    assert asked(*sure).category == "pancreas"
    assert asked(*sure).missing == ()
    assert "network" in asked(bowel).missing[0]


def test_ties_go_to_the_larger_one_and_the_rest_are_alternatives():
    found = asked(at(1, "pancreas", -60, radius_mm=6), at(2, "pancreas", 60, radius_mm=9), at(3, "stomach", 0))
    assert found.values["first_candidate"].endswith("/2")
    assert [row["rank"] for row in found.rows] == [1, 2, 3]
    assert (found.category, found.alternatives) == ("pancreas", ("stomach",))


def test_one_lesion_of_both_tracers_is_one_candidate():
    one, two = pet(at(1, "pancreas")), pet(at(1, "pancreas"), at(2, "liver", 100), tracer="fdg")
    found = answer(patient(one, two, site=None), S)[0]
    assert [row["other_tracer"] for row in found.rows] == ["sub-01_ses-1_trc-fdg/1", None]
    assert found.values["num_metastases"] == 1


def test_a_lesion_that_narrowly_missed_the_bowel_is_a_candidate():
    node = at(1, "node", station="mesenteric", region_confidence=0.0, runner_up="small_bowel")
    found = asked(node)
    assert (found.category, found.rows[0]["candidate"]) == ("small_bowel", True)
    assert "close to the small bowel" in found.rows[0]["why"]
    clear = replace(node, region_confidence=0.6)
    assert asked(clear).category == "no_candidate"
    assert asked(clear, at(2, "small_bowel", 60, region_confidence=0.2, runner_up="node")).category == "small_bowel"


def test_the_tracer_that_places_a_lesion_better_tells_its_region():
    one = pet(at(1, "node", station="mesenteric", region_confidence=0.9))
    two = pet(at(1, "small_bowel"), tracer="fdg")
    found = answer(patient(one, two, site=None), S)[0]
    assert (found.category, len(found.rows)) == ("small_bowel", 1)


def test_colon_may_be_the_ileum_that_is_given():
    assert asked(at(1, "colon"), site="ileum").category == "colon"
    assert asked(at(1, "stomach"), site="ileum").category == "no_candidate"


def test_what_is_needed():
    assert "organ map" in asked(at(1, None)).reasons[0].text
    assert "culprit" in asked(at(1, "bone"), disease="tio").reasons[0].text


def test_order_and_scale_change_nothing():
    regions = ["liver", "pancreas", "small_bowel", "node", "lung", "bone", "stomach"]
    who = patient(pet(*(at(n, r, 30.0 * n - 120) for n, r in enumerate(regions, 1))), site=None)
    first = answer(who, S)[0]
    for other in (permuted(who), scaled(who, 5.0)):
        assert answer(other, S)[0].rows == first.rows


def test_a_weight_above_one_is_refused():
    with pytest.raises(ConfigError, match=r"primary\.pancreas is 1\.2"):
        settings_of({"primary": {"pancreas": 1.2}})
