"""Staging: M of hand-made patients, told in words (clinical.md 5.1, 5.2)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netlesion.answers.patient import Diameters
from netlesion.answers.settings import StagingSettings, settings_of
from netlesion.answers.staging import SITES, answer
from netlesion.errors import ConfigError
from tests.answers.patients import lesion, patient, permuted, pet, scaled

S = StagingSettings()


def staged(*lesions, site="ileum", **more):
    return answer(patient(pet(*lesions), site=site, **more), S)[0]


@pytest.mark.parametrize(
    ("told", "regions", "category"),
    [
        ("no lesion", [], "M0"),
        ("the primary alone", ["small_bowel"], "M0"),
        ("the primary and a mesenteric node", ["small_bowel", "node:mesenteric"], "M0"),
        ("a liver lesion", ["small_bowel", "liver"], "M1a"),
        ("two liver lesions", ["liver", "liver"], "M1a"),
        ("a bone lesion", ["small_bowel", "bone"], "M1b"),
        ("a node far from the primary", ["node:mediastinal"], "M1b"),
        ("a lung lesion", ["lung"], "M1b"),
        ("a deposit in the abdomen that no organ map names", ["abdominal_other"], "M1b"),
        ("liver and bone", ["small_bowel", "liver", "bone"], "M1c"),
        ("liver and a distant node", ["liver", "node:supraclavicular"], "M1c"),
    ],
)
def test_m_category_of_an_ileal_tumour(told, regions, category):
    lesions = []
    for n, region in enumerate(regions, start=1):
        name, _, station = region.partition(":")
        lesions.append(lesion(n, name, at=(20.0 * n, 0, 0), radius_mm=5, station=station or None))
    found = staged(*lesions)
    assert (found.status, found.category, found.alternatives) == ("answered", category, ()), told


@pytest.mark.parametrize("site", SITES)
def test_a_lesion_in_the_primarys_own_organ_is_no_metastasis(site):
    organs, stations = SITES[site]
    nodes = [lesion(2 + n, "node", station=s) for n, s in enumerate(sorted(stations))]
    found = staged(lesion(1, sorted(organs)[0]), *nodes, site=site)
    assert found.category == "M0"
    assert found.values["num_regional_nodes"] == len(nodes)


def test_the_same_node_is_regional_for_one_primary_and_distant_for_another():
    node = lesion(1, "node", station="mesenteric")
    assert staged(node, site="ileum").category == "M0"
    assert staged(node, site="stomach").category == "M1b"


def test_a_lesion_in_the_bowel_that_touches_the_primarys_may_be_the_primary():
    found = staged(lesion(1, "colon"), site="ileum")
    assert (found.category, found.alternatives) == ("M0", ("M1b",))


def test_a_node_without_a_station_may_be_either():
    found = staged(lesion(1, "node", station=None))
    assert (found.category, found.alternatives) == ("M0", ("M1b",))
    assert found.values["num_uncertain"] == 1


def test_a_lesion_of_low_score_may_be_none():
    sure, doubtful, dropped = (lesion(n, "liver", score=s) for n, s in ((1, 0.9), (2, 0.6), (3, 0.4)))
    assert staged(sure, doubtful).alternatives == ()
    assert (staged(doubtful).category, staged(doubtful).alternatives) == ("M1a", ("M0",))
    assert staged(dropped).category == "M0"


def test_a_lesion_between_lung_and_liver_may_be_in_either():
    dome = lesion(1, "liver", region_confidence=0.05, runner_up="lung")
    assert (staged(dome).category, staged(dome).alternatives) == ("M1a", ("M1b",))
    assert staged(replace(dome, region_confidence=0.5)).alternatives == ()


def test_one_lesion_cannot_be_liver_and_lung_at_once_but_two_can():
    domes = [lesion(n, "liver", region_confidence=0.0, runner_up="lung") for n in (1, 2)]
    assert "M1c" not in staged(domes[0]).alternatives
    assert set(staged(*domes).alternatives) == {"M1b", "M1c"}


def test_five_hundred_uncertain_lesions_are_no_effort():
    many = [lesion(n, "liver", radius_mm=4, region_confidence=0.0, runner_up="lung") for n in range(1, 501)]
    assert set(staged(*many).alternatives) == {"M1b", "M1c"}


def test_a_lesion_of_the_second_tracer_counts_and_none_is_counted_twice():
    both = patient(
        pet(lesion(1, "liver"), lesion(2, "liver")), pet(lesion(1, "bone"), lesion(2, "liver"), tracer="fdg")
    )
    found = answer(both, S)[0]
    assert found.category == "M1c"
    assert (found.values["num_liver"], found.values["num_distant"]) == (2, 1)


def test_what_is_not_known_is_not_staged():
    assert "primary_site" in staged(lesion(1, "liver"), site=None).reasons[0].text
    assert "organ map" in staged(lesion(1, None)).reasons[0].text
    assert "lung's TNM" in staged(lesion(1, "liver"), site="lung").reasons[0].text
    assert "no TNM" in staged(lesion(1, "liver"), disease="tio").reasons[0].text
    for found in (staged(lesion(1, "liver"), site=None), staged(lesion(1, None)), staged(lesion(1), site="lung")):
        assert (found.status, found.category, found.rows) == ("not_assessable", None, ())


def test_an_unknown_primary_leaves_nodes_and_bowel_open():
    found = staged(lesion(1, "small_bowel"), lesion(2, "node", station="mesenteric"), site="unknown")
    assert (found.category, found.alternatives) == ("M1b", ("M0",))
    assert found.values["n_suggested"] is None


def test_n_is_suggested_by_number_and_by_a_readers_diameter():
    nodes = [lesion(n, "node", station="mesenteric", radius_mm=4) for n in range(1, 13)]
    assert staged(lesion(1, "small_bowel")).values["n_suggested"] == "N0"
    assert staged(*nodes[:11]).values["n_suggested"] == "N1"
    assert staged(*nodes).values["n_suggested"] == "N2"
    mass = {nodes[0].key: Diameters(21.0)}
    assert staged(nodes[0], diameters=mass).values["n_suggested"] == "N2"
    assert staged(nodes[0], diameters={nodes[0].key: Diameters(20.0)}).values["n_suggested"] == "N1"
    pancreatic = staged(*[replace(x, station="hilar_hepatic") for x in nodes], site="pancreas")
    assert pancreatic.values["n_suggested"] == "N1"


@pytest.mark.parametrize(("mm", "t"), [(19.9, "T1"), (20.0, "T2"), (40.0, "T2"), (40.1, "T3"), (None, "TX")])
def test_t_of_the_pancreas_is_a_readers_diameter(mm, t):
    primary = lesion(1, "pancreas")
    given = {} if mm is None else {primary.key: Diameters(mm)}
    assert staged(primary, site="pancreas", diameters=given).values["t_category"] == t
    assert staged(replace(primary, region="small_bowel"), diameters=given).values["t_category"] == "TX"


def test_order_and_scale_change_no_category():
    who = patient(pet(*(lesion(n, r, score=0.6) for n, r in enumerate(["liver", "bone", "node", "small_bowel"], 1))))
    first = answer(who, S)[0]
    for other in (permuted(who), scaled(who, 3.0)):
        found = answer(other, S)[0]
        assert (found.category, found.alternatives, found.values) == (first.category, first.alternatives, first.values)


def test_every_claim_about_a_lesion_has_its_key():
    found = staged(lesion(1, "liver"), lesion(2, "bone"), lesion(3, "small_bowel"))
    named = {key for reason in found.reasons for key in reason.lesions}
    assert named == {f"sub-01_ses-1_trc-dotatate/{n}" for n in (1, 2, 3)}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"p_lesion": 0.8, "p_certain": 0.6}, r"staging.p_certain is 0.6, expected p_lesion \(0.8\) to 1"),
        ({"p_lesion": 1.5}, "staging.p_lesion is 1.5"),
        ({"p_lesion": "high"}, "expected a number"),
        ({"p_leison": 0.5}, "is no setting; expected one of p_lesion"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(given, said):
    with pytest.raises(ConfigError, match=said):
        settings_of({"staging": given})
    with pytest.raises(ConfigError, match="stagging is no question"):
        settings_of({"stagging": {}})
