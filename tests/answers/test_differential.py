"""Physiologic, pitfall, lesion or not decidable: one hand-made candidate for each explanation and each doubt.

Liver 5.25 and 2.1 g/ml (hottest sphere, DOTATATE and FDG), blood pool 1.05, spleen 21. Lesions are balls.
"""

from dataclasses import replace

import pytest

from netlesion.answers.answer import Answer
from netlesion.answers.context import uptake_level
from netlesion.answers.differential import QUESTION, answer, findings, suggested
from netlesion.answers.patient import Diameters
from netlesion.answers.patterns import HU_MEAN
from netlesion.answers.settings import DifferentialSettings, settings_of
from netlesion.errors import ConfigError
from tests.answers.patients import lesion, patient, permuted, pet, references

SETTINGS = DifferentialSettings()
SMALL = {"radius_mm": 7.0}


def called(*pets, **more):
    """(call, kind) of every candidate, by its number."""
    who = patient(*pets, **more)
    return {f.lesion.lesion_id: (f.call, f.kind) for f in findings(who, who.visits[0], SETTINGS)}


def only(one, *others, organs=None, **more):
    """(call, kind) of one DOTATATE candidate beside FDG lesions."""
    pets = [pet(one, read_organs=organs)] + ([pet(*others, tracer="fdg")] if others else [])
    who = patient(*pets, **more)
    found = findings(who, who.visits[0], SETTINGS)[0]
    return found.call, found.kind


def hu(value):
    return {"facts": {HU_MEAN: value}}


@pytest.mark.parametrize(
    ("region", "suvmax", "expected"),
    [
        ("spleen", 25.0, ("physiologic", "spleen_uptake")),
        ("adrenal_gland", 13.0, ("physiologic", "adrenal_gland_uptake")),
        ("pituitary", 9.0, ("physiologic", "pituitary_uptake")),
        ("small_bowel", 6.0, ("physiologic", "small_bowel_uptake")),
        ("stomach", 8.0, ("physiologic", "stomach_uptake")),
        ("salivary_gland", 5.9, ("physiologic", "salivary_gland_uptake")),
        ("urinary_bladder", 80.0, ("physiologic", "urinary_bladder_uptake")),
        ("urinary_tract", 15.0, ("physiologic", "urinary_tract_uptake")),
        ("small_bowel", 6.1, ("not_decidable", "small_bowel_uptake")),
        ("small_bowel", 9.1, ("lesion", None)),
        ("pancreas", 4.4, ("physiologic", "pancreas_uptake")),
        ("pancreas", 6.0, ("not_decidable", "pancreas_uptake")),
        ("pancreas", 20.0, ("lesion", None)),
        ("colon", 4.6, ("not_decidable", None)),
    ],
)
def test_a_normal_organ_explains_what_it_usually_takes_up(region, suvmax, expected):
    """Up to 1.5 times the typical SUVmax of clinical.md 7.2 (where NET arise: up to it, then open); above it a lesion,
    if it is above the liver, too.
    """
    assert only(lesion(region=region, suv=suvmax / 1.2)) == expected


def test_the_uncinate_process_may_take_up_more_than_the_rest_of_the_pancreas():
    """SUVmax 9: too much for the body of the pancreas (4.5), not for its head (7), which lies beside the duodenum."""

    class Organs:
        def distance_mm(self, points_mm, starts):
            return 10.0 if starts == ("duodenum",) else float("inf")

        def corners_mm(self, starts):
            return None

    one = lesion(region="pancreas", suv=7.5)
    assert only(one) == ("lesion", None)
    assert only(one, organs=Organs) == ("physiologic", "uncinate_process_uptake")


def test_fdg_in_a_normal_organ_leaves_open_what_dotatate_alone_would_explain():
    bowel = lesion(region="small_bowel", suv=4.0)
    assert only(bowel, lesion(region="small_bowel", suv=2.0)) == ("physiologic", "small_bowel_uptake")
    assert only(bowel, lesion(region="small_bowel", suv=6.0)) == ("not_decidable", "small_bowel_uptake")


def test_fdg_in_the_bowel_is_physiologic_unless_dotatate_is_intense_there():
    bowel = lesion(region="small_bowel", suv=2.0)
    assert called(pet(bowel, tracer="fdg")) == {1: ("physiologic", "small_bowel_uptake")}
    who = patient(pet(lesion(region="small_bowel", suv=12.0)), pet(replace(bowel, lesion_id=2), tracer="fdg"))
    assert [f.call for f in findings(who, who.visits[0], SETTINGS)] == ["lesion", "not_decidable"]


def test_a_round_focus_like_the_spleen_beside_it_is_an_accessory_spleen():
    class Organs:
        def distance_mm(self, points_mm, starts):
            return 20.0 if starts == ("spleen",) else float("inf")

        def corners_mm(self, starts):
            return None

    like, cold, far = (lesion(region="abdominal_other", suv=s) for s in (18.0, 6.0, 18.0))
    assert only(like, organs=Organs) == ("pitfall", "accessory_spleen")
    assert only(cold, organs=Organs) == ("lesion", None)
    assert only(far) == ("lesion", None)
    assert only(replace(like, volume_ml=12.0), organs=Organs) == ("lesion", None)


def test_a_focus_within_the_spread_of_the_liver_is_mottle():
    """Mean 5, SD 0.5: up to 6.0."""
    assert only(lesion(suv=5.9)) == ("physiologic", "liver_mottle")
    assert only(lesion(suv=6.1)) == ("lesion", None)
    assert only(lesion(suv=5.9), lesion(suv=3.0)) == ("not_decidable", "liver_mottle")


WEAK_BONE = {"region": "bone", "suv": 3.0, **SMALL}


@pytest.mark.parametrize(
    ("bone", "value", "expected"),
    [
        ("vertebrae_L4", 420.0, ("pitfall", "degenerative")),
        ("humerus_left", 300.0, ("pitfall", "degenerative")),
        ("rib_left_6", 500.0, ("pitfall", "fracture")),
        ("metatarsal_right", 500.0, ("pitfall", "fracture")),
        ("vertebrae_L4", 60.0, ("not_decidable", "degenerative")),
        ("skull", 600.0, ("not_decidable", None)),
    ],
)
def test_mild_uptake_in_worn_or_broken_bone_is_a_pitfall_where_ct_shows_dense_bone(bone, value, expected):
    assert only(lesion(bone=bone, **WEAK_BONE, **hu(value))) == expected


def test_without_ct_the_other_tracer_may_tell_that_bone_is_worn():
    """No FDG PET: not decidable. One that shows nothing or something mild there: a pitfall. Avid: not decidable."""
    one = lesion(bone="vertebrae_L4", **WEAK_BONE)
    far = lesion(2, region="lung", at=(100.0, 0.0, 0.0))
    assert only(one) == ("not_decidable", "degenerative")
    assert only(one, far) == ("pitfall", "degenerative")
    assert only(one, lesion(region="bone", suv=2.0, **SMALL)) == ("pitfall", "degenerative")
    assert only(one, lesion(region="bone", suv=6.0, **SMALL)) == ("not_decidable", "degenerative")


def test_bone_above_the_liver_or_large_is_no_worn_bone():
    hot = lesion(region="bone", bone="rib_left_6", suv=6.0, **SMALL, **hu(500.0))
    large = lesion(region="bone", bone="rib_left_6", suv=3.0, radius_mm=15.0, **hu(500.0))
    warm = lesion(region="bone", bone="rib_left_6", suv=4.5, **SMALL, **hu(500.0))  # SUVmax 5.4, below the liver
    assert only(hot) == ("lesion", None)
    assert only(large) == ("not_decidable", None)
    assert only(warm) == ("not_decidable", None)


def test_mild_bone_among_many_hot_bone_lesions_is_not_decidable():
    hot = [lesion(n, region="bone", suv=12.0, at=(60.0 * n - 150, 0, 0), **SMALL) for n in (2, 3, 4)]
    mild = lesion(1, bone="vertebrae_L4", at=(0, 100, 0), **WEAK_BONE, **hu(420.0))
    assert called(pet(mild, *hot[:1]))[1] == ("pitfall", "degenerative")
    assert called(pet(mild, *hot[:2]))[1] == ("not_decidable", "degenerative")


def test_mild_nodes_at_stations_that_net_seldom_reach_are_inflamed():
    mild = lesion(region="node", station="axillary_left", suv=3.0, **SMALL)
    assert only(mild) == ("pitfall", "inflamed_node")
    assert only(replace(mild, station="mesenteric")) == ("not_decidable", None)
    assert only(replace(mild, suvpeak=8.0)) == ("lesion", None)


def test_an_fdg_node_is_inflamed_only_if_dotatate_was_looked_at_and_is_weak_there():
    node = lesion(5, region="node", station="axillary_left", suv=5.0, **SMALL)
    elsewhere = lesion(1, region="liver", suv=20.0, at=(0, 0, 200))
    hot = lesion(1, region="node", station="axillary_left", suv=12.0, **SMALL)
    assert called(pet(node, tracer="fdg")) == {5: ("lesion", None)}
    assert called(pet(elsewhere), pet(node, tracer="fdg"))[5] == ("pitfall", "inflamed_node")
    assert called(pet(hot), pet(node, tracer="fdg"))[5] == ("lesion", None)


def test_brown_fat_is_told_by_fat_on_ct_or_by_its_mirror_image():
    class Organs:
        def distance_mm(self, points_mm, starts):
            return float("inf")

        def corners_mm(self, starts):
            import numpy as np

            return np.array([[-5.0, 0, 0], [5.0, 0, 0]])

    right, left = (
        lesion(n, region="node", station=f"supraclavicular_{side}", suv=6.0, at=(x, 0, 0), **SMALL)
        for n, side, x in ((1, "right", 60.0), (2, "left", -66.0))
    )
    both = pet(right, left, tracer="fdg", read_organs=Organs)
    assert called(both) == {1: ("pitfall", "brown_fat"), 2: ("pitfall", "brown_fat")}
    assert called(pet(right, tracer="fdg", read_organs=Organs)) == {1: ("lesion", None)}
    assert called(pet(replace(right, facts={HU_MEAN: -90.0}), tracer="fdg")) == {1: ("pitfall", "brown_fat")}
    uneven = pet(right, replace(left, suvpeak=20.0), tracer="fdg", read_organs=Organs)
    assert called(uneven)[1] == ("lesion", None)


def test_a_long_thin_focus_along_the_spine_is_urine_in_a_ureter():
    import numpy as np

    thin = lesion(region="node", station="retroperitoneal", suv=9.0, **SMALL)
    z = np.linspace(0, 60, 60)
    thin = replace(thin, points_mm=np.stack([2.0 * np.sin(z), 2.0 * np.cos(z), z], axis=1))
    assert only(thin) == ("pitfall", "ureter")
    assert only(lesion(region="node", station="retroperitoneal", suv=9.0, **SMALL)) == ("lesion", None)


def test_what_is_weak_in_one_tracer_and_intense_in_the_other_is_a_lesion():
    weak = lesion(region="lung", suv=2.0)
    assert only(weak) == ("not_decidable", None)
    assert only(weak, lesion(region="lung", suv=6.0)) == ("lesion", None)


def test_what_a_reader_measured_on_ct_or_mr_is_a_lesion():
    mild = lesion(bone="rib_left_6", **WEAK_BONE, **hu(500.0))
    key = pet(mild).lesions[0].key
    assert only(mild, diameters={key: Diameters(14.0)}) == ("lesion", None)


def test_without_a_liver_or_a_region_nothing_is_decided():
    bare = pet(lesion(region="lung"), references=references("sstr", liver=None))
    assert called(bare) == {1: ("not_decidable", None)}
    assert called(pet(lesion(1, region=None), lesion(2, at=(0, 0, 99)))) == {
        1: ("not_decidable", None),
        2: ("lesion", None),
    }


@pytest.mark.parametrize(
    ("region", "suv", "measured", "expected"),
    [
        ("lung", 0.9, False, "2|3A"),
        ("bone", 0.9, False, "2|3B"),
        ("node", 4.0, False, "2|3A"),
        ("bone", 5.0, False, "2|3B"),
        ("liver", 8.0, False, "4|5"),
        ("liver", 8.0, True, "5"),
    ],
)
def test_sstr_rads_suggests_sets_by_uptake_level(region, suv, measured, expected):
    one = lesion(region=region, suv=suv)
    assert suggested(one, uptake_level(one, pet(one)), measured) == expected


def test_the_uptake_level_needs_only_the_references_that_it_depends_on():
    weak, hot = lesion(suv=4.0), lesion(suv=8.0)
    no_blood, no_liver = (pet(references=references("sstr", **{o: None})) for o in ("blood_pool", "liver"))
    assert (uptake_level(hot, no_blood), uptake_level(weak, no_blood)) == (3, None)
    assert uptake_level(hot, no_liver) is None
    assert suggested(weak, None, False) is None
    assert suggested(lesion(tracer="fdg"), 3, False) is None


def answers(*pets, **more) -> tuple[Answer, ...]:
    return answer(patient(*pets, **more), SETTINGS)


def test_an_answer_counts_calls_and_gives_each_candidate_a_row_and_a_sentence():
    found = answers(pet(lesion(1, suv=20.0), lesion(2, region="spleen", suv=18.0, at=(0, 0, 99))))[0]
    assert found.status == "answered"
    assert found.values == {"num_physiologic": 1, "num_pitfall": 0, "num_lesion": 1, "num_not_decidable": 0}
    assert all(set(row) == set(QUESTION.row_columns) for row in found.rows)
    assert set(found.values) == set(QUESTION.columns)
    assert [r.text for r in found.reasons] == [
        "DOTATATE lesion 1 is called a lesion: it is intense (SUVpeak 20.0 g/ml, 3.81 times that of the liver) and no "
        "normal organ or pitfall explains it.",
        "DOTATATE lesion 2 is called physiologic (spleen uptake): the spleen usually has an SUVmax of up to 25 g/ml, "
        "and here it is 21.6 g/ml.",
    ]
    assert found.reasons[0].lesions == (found.rows[0]["lesion"],)


def test_without_an_organ_map_or_a_pet_it_is_not_assessable_and_an_empty_scan_is_answered():
    assert "No organ map" in answers(pet(lesion(region=None)))[0].reasons[0].text
    who = patient(pet())
    assert answer(replace(who, visits=(replace(who.visits[0], pets=()),)), SETTINGS)[0].status == "not_assessable"
    empty = answers(pet())[0]
    assert (empty.status, empty.reasons[0].text) == ("answered", "No candidate was found.")


def test_calls_do_not_depend_on_the_order_of_lesions():
    bones = [lesion(n, bone="vertebrae_L4", at=(0, 0, 50.0 * n), **WEAK_BONE, **hu(420.0)) for n in range(1, 5)]
    who = patient(pet(*bones, lesion(9, suv=20.0, at=(100, 0, 0))), pet(lesion(3, suv=5.0), tracer="fdg"))

    def rows(one):
        return {row["lesion"]: row["call"] for row in answer(one, SETTINGS)[0].rows}

    assert rows(permuted(who, 3)) == rows(who)


@pytest.mark.parametrize("given", [{"like_spleen": (1.2, 0.4)}, {"fat_hu": (-30.0, -150.0)}, {"usual_factor": 0.0}])
def test_thresholds_in_the_wrong_order_are_refused(given):
    with pytest.raises(ConfigError, match=r"answers\.differential\."):
        settings_of({"differential": given})


def test_the_hottest_candidate_of_a_suspected_osteomalacia_is_not_dismissed_as_a_pitfall():
    """Two mild ribs, dense on CT: both fractures, but in TIO the hotter may be the tumour. The spleen is no rival."""
    ribs = [
        lesion(n, "bone", bone=f"rib_left_{n}", suv=s, at=(0, 0, 50.0 * n), **SMALL, **hu(500.0))
        for n, s in ((5, 2.0), (6, 3.0))
    ]
    spleen = lesion(9, "spleen", suv=15.0, at=(100, 0, 0))
    fracture = ("pitfall", "fracture")
    assert called(pet(*ribs, spleen), disease="net") == {5: fracture, 6: fracture, 9: ("physiologic", "spleen_uptake")}
    assert called(pet(*ribs, spleen), disease="tio")[5] == fracture
    assert called(pet(*ribs, spleen), disease="tio")[6] == ("not_decidable", "fracture")


def test_a_small_focus_of_the_bowel_is_open_and_a_segment_is_normal():
    segment = lesion(region="small_bowel", suv=4.0)
    assert only(replace(segment, volume_ml=3.1)) == ("physiologic", "small_bowel_uptake")
    assert only(replace(segment, volume_ml=2.9)) == ("not_decidable", "small_bowel_uptake")


def test_what_rests_on_weak_uptake_is_open_where_the_lesion_is_too_small_to_measure():
    node = lesion(region="node", station="axillary_left", suv=3.0, **SMALL)
    assert only(replace(node, volume_ml=0.11)) == ("pitfall", "inflamed_node")
    assert only(replace(node, volume_ml=0.09)) == ("not_decidable", "inflamed_node")
    assert only(lesion(region="spleen", suv=15.0, volume_ml=0.05)) == ("physiologic", "spleen_uptake")


def test_fdg_in_bone_is_no_pitfall_where_dotatate_is_above_a_liver_that_takes_up_little():
    """DOTATATE 3.4 in a liver of 2.1: a lesion by its own PET, and so FDG there is not excused as a fracture."""
    bone = {"region": "bone", "bone": "hip_right", **SMALL, **hu(500.0)}
    pale = references("sstr", liver=2.0)
    fdg = pet(lesion(2, suv=1.5, **bone), tracer="fdg")
    assert called(pet(lesion(1, suv=3.4, **bone), references=pale), fdg) == {
        1: ("lesion", None),
        2: ("not_decidable", "fracture"),
    }
    assert called(pet(lesion(1, suv=1.5, **bone), references=pale), fdg)[2] == ("pitfall", "fracture")
