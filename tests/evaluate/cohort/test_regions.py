"""Four cases counted by hand: where lesions were found, missed and invented, region by region."""

import dataclasses

import numpy as np
import pytest

from netlesion.evaluate.case.facts import CaseFacts
from netlesion.evaluate.case.lesion_table import LesionFacts
from netlesion.evaluate.case.score import evaluate_case, evaluate_points
from netlesion.evaluate.cohort.interval import Resampling
from netlesion.evaluate.cohort.regions import region_detection, regions_are_known
from netlesion.evaluate.cohort.strata import strata
from netlesion.quantify.organ_map import OrganMap

SHAPE = (31, 17, 13)
LIVER, BONE = np.s_[2:5, 3:6, 3:6], np.s_[20:23, 3:6, 3:6]


@pytest.fixture
def organs(label):
    volume = label(SHAPE, {1: np.s_[0:12, 0:14, 0:12]}, {2: np.s_[18:30, 0:14, 0:12]})
    return OrganMap(volume.array, volume.geometry, {1: "liver", 2: "vertebrae_L1"})


@pytest.fixture
def cases(label, organs):
    """a: liver lesion found, bone invented. b: liver lesion missed. c: bone lesion found. d: nothing on either side."""

    def case(name, reference, prediction, **given):
        masks = (label(SHAPE, *({1: box} for box in boxes)) for boxes in (reference, prediction))
        return evaluate_case(name, name, *masks, **{"organs": organs, **given})

    made = [("a", [LIVER], [LIVER, BONE]), ("b", [LIVER], []), ("c", [BONE], [BONE]), ("d", [], [])]
    return lambda **given: [case(*row, **given) for row in made]


def test_regions_by_hand(cases):
    results = cases()
    found = region_detection(results, Resampling(0, 200))
    # eight units: positive liver a, b and bone c; called liver a, bone a and c
    assert found["sensitivity"]["value"] == pytest.approx(2 / 3)
    assert found["specificity"]["value"] == pytest.approx(4 / 5)
    assert (found["regions"], found["num_units"], found["sensitivity"]["n"]) == (["bone", "liver"], 8, 3)
    assert found["kappa"]["value"] == pytest.approx((6 / 8 - (9 + 25) / 64) / (1 - (9 + 25) / 64))
    rows = {row.name: row for row in strata(results, Resampling(0, 200)) if row.by == "region"}
    bone, liver = rows["bone"], rows["liver"]
    assert (liver.sensitivity.value, liver.specificity.value, liver.num_false_positives) == (1 / 2, 1.0, 0)
    assert (bone.sensitivity.value, bone.num_false_positives) == (1.0, 1)
    assert bone.specificity.value == pytest.approx(2 / 3)
    assert bone.false_positives_per_patient.value == 1 / 4


def test_inventions_lie_somewhere_in_the_table_of_lesions(cases):
    rows = [row for result in cases() for row in result.lesions]
    assert [(row.case, row.source, row.region) for row in rows] == [
        ("a", "reference", "liver"),
        ("a", "prediction", "bone"),
        ("b", "reference", "liver"),
        ("c", "reference", "bone"),
    ]


def test_a_table_wins_over_the_organ_map(cases):
    facts = CaseFacts(unlisted=LesionFacts(region="segment_8"))
    assert [row.region for r in cases(facts=facts) for row in r.lesions] == [
        "segment_8",
        "bone",
        "segment_8",
        "segment_8",
    ]


def test_without_a_map_nobody_knows_where_nothing_was_called(cases):
    facts = CaseFacts(unlisted=LesionFacts(region="liver"))
    results = cases(organs=None, facts=facts)
    assert not regions_are_known(results)
    assert region_detection(results, Resampling(0, 200))["not_run"].startswith("1 lesions or inventions have no region")
    rows = {row.name: row for row in strata(results, Resampling(0, 200)) if row.by == "region"}
    assert rows["liver"].sensitivity.value == pytest.approx(2 / 3)
    assert (rows["liver"].specificity, rows["liver"].num_false_positives) == (None, None)
    assert "not_run" in region_detection([results[3]], Resampling(0, 200))


def test_readers_marks_lie_in_regions_too(label, organs):
    reference = label(SHAPE, {1: LIVER})
    mark = reference.geometry.to_world(np.array([[21.0, 4.0, 4.0]]))
    result = evaluate_points("a", "a", reference, mark, [1.0], organs=organs)
    assert [row.region for row in result.lesions] == ["liver", "bone"]


def test_a_dont_care_is_in_no_region(cases, label, organs):
    tiny = evaluate_case("e", "e", label(SHAPE, {1: np.s_[25, 4, 4]}), label(SHAPE), organs=organs)
    with_it, without = (region_detection(r, Resampling(0, 200)) for r in ([*cases(), tiny], cases()))
    assert with_it["sensitivity"]["value"] == without["sensitivity"]["value"]
    assert dataclasses.asdict(tiny.lesions[0])["region"] == "bone"
