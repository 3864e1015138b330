"""Response and recurrence of hand-made patients over visits (clinical.md 4)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from netlesion.answers.fdg_response import longest_mm
from netlesion.answers.patient import Diameters
from netlesion.answers.response import answer
from netlesion.answers.settings import ResponseSettings
from netlesion.image.visit import Acquisition
from tests.answers.patients import ball, lesion, patient, permuted, pet, references, with_image

S = ResponseSettings()
SCAN = Acquisition(manufacturer="Siemens", model="Biograph", weight_kg=70.0, height_cm=175.0, uptake_s=3600.0)


def at(number, x, suv=10.0, radius_mm=9.0, region="bone", **more):
    return lesion(number, region, at=(x, 0, 0), radius_mm=radius_mm, suv=suv, **more)


def scan(n, *lesions, tracer="fdg", **more):
    values = {"acquisition": SCAN, "reconstruction": "OSEM", "sul_per_suv": 0.8}
    return with_image(pet(*lesions, tracer=tracer, visit=f"visit-{n}", **(values | more)), 0.6)


def asked(*pets, **visit_facts):
    who = patient(*pets)
    if visit_facts:
        who = replace(who, visits=tuple(replace(v, **visit_facts.get(v.name.replace("-", ""), {})) for v in who.visits))
    return answer(who, S)


def test_fdg_falls_by_half():
    found = asked(scan(1, at(1, 0, 10.0)), scan(2, at(1, 0, 5.0)))[0]
    assert (found.category, found.values["percist"]) == ("PMR", "PMR")
    assert found.values["percist_percent"] == pytest.approx(-50.0)
    assert found.values["percist_sul"] == pytest.approx(-4.0)
    assert [row["class"] for row in found.rows] == ["persistent"]
    assert found.values["recurrence"] is None


def test_a_new_lesion_is_progression_and_named():
    found = asked(scan(1, at(1, 0)), scan(2, at(1, 0, 4.0), at(2, 80)))[0]
    assert found.category == "PMD"
    assert found.values["num_new"] == 1
    assert any("FDG lesion 2" in r.text and r.lesions == ("sub-01_ses-2_trc-fdg/2",) for r in found.reasons)


def test_all_gone_is_a_complete_response():
    found = asked(scan(1, at(1, 0)), scan(2))[0]
    assert (found.category, found.values["num_resolved"]) == ("CMR", 1)


def test_a_lesion_that_was_missed_before_is_not_new():
    first = with_image(scan(1, at(1, 0)), 0.6, spots=[((80, 0, 0), 9, 8.0)])
    found = asked(first, scan(2, at(1, 0), at(2, 80)))[0]
    assert (found.category, found.values["num_new"]) == ("SMD", 0)
    assert "newly_segmented" in [row["class"] for row in found.rows]


@pytest.mark.parametrize(
    ("told", "change", "said"),
    [
        (
            "uptake times 20 minutes apart",
            {"acquisition": replace(SCAN, uptake_s=4800.0)},
            "uptake times are 60 and 80",
        ),
        ("an uptake time that is not known", {"acquisition": replace(SCAN, uptake_s=None)}, "uptake time is not known"),
        ("another scanner", {"acquisition": replace(SCAN, model="Vision")}, "scanners differ"),
        ("another reconstruction", {"reconstruction": "OSEM PSF"}, "reconstructions differ"),
        ("a liver 25 % hotter", {"references": references("fdg", liver=2.5)}, "liver's SUVmean is 2.0 and 2.5"),
    ],
)
def test_scans_that_are_not_comparable_are_not_evaluated(told, change, said):
    found = asked(scan(1, at(1, 0)), scan(2, at(1, 0, 5.0), **change))[0]
    assert (found.category, found.values["percist_as_measured"], found.alternatives) == ("NE", "PMR", ("PMR",)), told
    assert said in found.values["not_comparable_fdg"]
    assert found.values["percist_percent"] == pytest.approx(-50.0)


def test_percist_needs_lean_mass_and_liver():
    for more in ({"sul_per_suv": None}, {"references": references("fdg", liver=None)}):
        found = asked(scan(1, at(1, 0)), scan(2, at(1, 0, 5.0), **more))[0]
        assert found.values["percist"] is None
        assert any("PERCIST has no value" in m for m in found.missing)


def test_eortc_needs_cycles_and_they_decide():
    pets = scan(1, at(1, 0, 10.0)), scan(2, at(1, 0, 8.0))
    assert asked(*pets)[0].values["eortc"] is None
    assert asked(*pets, visit2={"cycles_completed": 1})[0].values["eortc"] == "PMR"
    assert asked(*pets, visit2={"cycles_completed": 3})[0].values["eortc"] == "SMD"
    assert asked(*pets, visit2={"cycles_completed": 3})[0].values["eortc_percent"] == pytest.approx(-20.0)


def test_a_target_that_is_gone_counts_with_what_is_left_of_it():
    found = asked(scan(1, at(1, 0, 10.0), at(2, 80, 10.0)), scan(2, at(1, 0, 10.0)), visit2={"cycles_completed": 2})[0]
    assert found.values["eortc_percent"] == pytest.approx(100 * (12.0 + 0.6 - 24.0) / 24.0, abs=0.1)
    assert found.values["eortc"] == "PMR"


def test_dotatate_is_exploratory_by_volume():
    found = asked(scan(1, at(1, 0, radius_mm=12), tracer="sstr"), scan(2, at(1, 0, radius_mm=8), tracer="sstr"))[0]
    assert (found.category, found.values["percist"]) == ("decrease", None)
    assert found.values["sstr_volume_percent"] == pytest.approx(-70, abs=3)
    assert found.values["sstr_suvpeak_percent"] == 0.0
    assert found.values["sstr_to_liver_percent"] == 0.0
    assert any("no accepted criterion" in r.text for r in found.reasons)


def test_dotatate_over_a_hotter_liver():
    later = scan(2, at(1, 0), tracer="sstr", references=references("sstr", liver=10.0, spleen=20.0))
    found = asked(scan(1, at(1, 0), tracer="sstr"), later)[0]
    assert found.values["sstr_to_liver_percent"] == pytest.approx(-50.0)
    assert found.values["sstr_to_spleen_percent"] == pytest.approx(0.0)
    assert "liver" in found.values["not_comparable_sstr"]


def test_three_visits_compare_with_the_first_and_match_with_the_one_before():
    found = asked(scan(1, at(1, 0, 10.0)), scan(2, at(1, 0, 5.0)), scan(3, at(1, 0, 9.0)))
    assert [a.category for a in found] == ["PMR", "SMD"]
    assert [a.rows[0]["before_visit"] for a in found] == ["visit-1", "visit-2"]
    assert found[1].rows[0]["suvpeak_percent"] == pytest.approx(80.0)


def test_what_is_new_at_the_second_visit_is_still_new_at_the_third():
    found = asked(scan(1, at(1, 0)), scan(2, at(1, 0), at(2, 80)), scan(3, at(1, 0), at(5, 80)))
    assert [a.values["num_new"] for a in found] == [1, 1]
    assert [a.category for a in found] == ["PMD", "PMD"]


def test_recist_from_a_readers_diameters():
    one, two = at(1, 0), at(1, 0)
    keys = "sub-01_ses-1_trc-fdg/1", "sub-01_ses-2_trc-fdg/1"
    for mm, category in ((13.0, "PR"), (20.0, "SD"), (26.0, "PD")):
        who = patient(scan(1, one), scan(2, two), diameters={keys[0]: Diameters(20.0), keys[1]: Diameters(mm)})
        found = answer(who, S)[0]
        assert found.values["recist"] == category
        assert (found.values["recist_sum_before_mm"], found.values["recist_sum_mm"]) == (20.0, mm)
    gone = answer(patient(scan(1, one), scan(2), diameters={keys[0]: Diameters(20.0)}), S)[0]
    assert gone.values["recist"] == "CR"
    unread = answer(patient(scan(1, one), scan(2, two), diameters={keys[0]: Diameters(20.0)}), S)[0]
    assert unread.values["recist"] == "NE"
    assert answer(patient(scan(1, one), scan(2, two)), S)[0].values["recist"] is None


def test_recurrence_after_an_operation():
    pets = scan(1, at(1, 0)), scan(2), scan(3, at(1, 80), at(2, -80))
    surgery = {"visit2": {"therapy": "surgery"}}
    assert asked(*pets, **surgery)[-1].values["recurrence"] == "somewhere"
    assert asked(*pets, **surgery)[0].values["recurrence"] is None
    assert asked(*pets[:2], scan(3), **surgery)[-1].values["recurrence"] == "none"
    dated = {"visit1": {"days": 0.0}, "visit2": {"days": 60.0, "surgery_days": 20.0}, "visit3": {"days": 200.0}}
    assert asked(*pets, **dated)[-1].values["recurrence"] == "somewhere"
    for centre, where in ((80, "both"), (0, "elsewhere")):
        who = patient(*pets, bed_mm=ball((centre, 0, 0), 12))
        who = replace(who, visits=tuple(replace(v, **surgery.get(v.name.replace("-", ""), {})) for v in who.visits))
        assert answer(who, S)[-1].values["recurrence"] == where
    one_sided = patient(*pets[:2], scan(3, at(1, 80)), bed_mm=ball((80, 0, 0), 12))
    one_sided = replace(
        one_sided,
        visits=tuple(replace(v, therapy="surgery" if v.name == "visit-2" else None) for v in one_sided.visits),
    )
    assert answer(one_sided, S)[-1].values["recurrence"] == "in_bed"


def test_what_cannot_be_compared_at_all():
    assert answer(patient(scan(1, at(1, 0))), S)[0].reasons[0].text == "There is one visit only."
    assert "No tracer was used both" in asked(scan(1, at(1, 0)), scan(2, at(1, 0), tracer="sstr"))[0].reasons[0].text
    apart = asked(scan(1, at(1, 0)), scan(2, at(1, 0), frame="ses-2"))[0]
    assert (apart.status, apart.category) == ("not_assessable", None)
    assert "netlesion register --followups" in apart.reasons[0].text


def test_order_of_lesions_changes_nothing():
    one = [at(n, 45.0 * n - 160, 5.0 + n) for n in range(1, 8)]
    two = [at(n, 45.0 * n - 158, 3.0 + n, 7.0) for n in range(2, 9)]
    who = patient(scan(1, *one), scan(2, *two))
    first, second = answer(who, S)[0], answer(permuted(who), S)[0]
    assert (second.category, second.values, second.rows) == (first.category, first.values, first.rows)


def test_the_longest_dimension_of_a_ball_and_of_a_large_bar():
    assert longest_mm(ball((0, 0, 0), 10)) == pytest.approx(20.0, abs=3.0)
    bar = np.stack(np.meshgrid(np.arange(40), np.arange(10), np.arange(10), indexing="ij"), -1).reshape(-1, 3) * 2.0
    assert longest_mm(bar) == pytest.approx(np.linalg.norm([78, 18, 18]), rel=0.01)
    assert longest_mm(bar[:1]) == 0.0
