"""One page for treatment: which way the images point, by every branch, and what they cannot tell."""

import pytest

from netlesion.answers.answer import Answer
from netlesion.answers.settings import Settings
from netlesion.answers.treatment import QUESTION, against_prrt, answer, for_prrt, for_surgery
from tests.answers.patients import lesion, patient, pet, references

SETTINGS = Settings()


def part(category, alternatives=(), status="answered", **values):
    return Answer(
        question="staging", patient="01", visit="visit-1", status=status, category=category, alternatives=alternatives,
        values=values,
    )  # fmt: skip


PRIMARY = part(None, num_candidates=1)
NOBODY = part(None, num_candidates=0)


@pytest.mark.parametrize(
    ("stage", "origin", "expected"),
    [
        (part("M0"), PRIMARY, "yes"),
        (part("M0"), NOBODY, "open"),
        (part("M0"), None, "open"),
        (part("M0", ("M1b",)), PRIMARY, "open"),
        (part("M1a"), PRIMARY, "open"),
        (part("M1a", ("M1c",)), PRIMARY, "open"),
        (part("M1b"), PRIMARY, "no"),
        (part("M1c"), NOBODY, "no"),
        (part("M1b", ("M1c",)), NOBODY, "no"),
        (part(None, status="not_assessable"), PRIMARY, "not_known"),
        (None, PRIMARY, "not_known"),
    ],
)
def test_images_speak_for_surgery_where_nothing_has_spread_and_a_primary_is_seen(stage, origin, expected):
    assert for_surgery(stage, origin) == expected


@pytest.mark.parametrize(
    ("uptake", "expected"),
    [
        (part("all_above_liver"), "yes"),
        (part("all_above_liver", ("partly_above_liver",)), "open"),
        (part("partly_above_liver"), "open"),
        (part("none_above_liver"), "no"),
        (part("no_lesion"), "no"),
        (part("indeterminate", ("all_above_liver", "none_above_liver")), "open"),
        (part(None, status="not_assessable"), "not_known"),
        (None, "not_known"),
    ],
)
def test_images_speak_for_radionuclide_therapy_where_every_lesion_is_above_liver(uptake, expected):
    assert for_prrt(uptake) == expected


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (part("discordant"), "yes"),
        (part("concordant"), "no"),
        (part("sstr_only", num_indeterminate=0), "no"),
        (part("sstr_only", num_indeterminate=2), "open"),
        (part("no_finding", num_indeterminate=0), "no"),
        (part(None, status="not_assessable"), "not_known"),
        (None, "not_known"),
    ],
)
def test_disease_that_takes_up_fdg_alone_argues_against_it(classes, expected):
    assert against_prrt(classes) == expected


def test_the_page_gathers_what_the_other_answers_found():
    """A pancreatic primary above liver, one liver metastasis above liver, no FDG PET."""
    who = patient(pet(lesion(1, "pancreas", suv=20.0), lesion(2, "liver", suv=15.0, at=(0, 0, 120))), site="pancreas")
    found = answer(who, SETTINGS)[0]
    assert found.status == "answered"
    points = [found.values[f"images_{x}"] for x in ("for_surgery", "for_prrt", "against_prrt")]
    assert points == ["open", "yes", "not_known"]
    assert found.values["m_category"] == "M1a"
    assert found.values["frac_lesions_gt_liver"] == 1.0
    assert found.missing == ("Tracer discordance: The visit has no FDG PET",)
    assert {row["from"] for row in found.rows} == {"primary", "staging", "expression", "discordance"}
    assert set(found.values) == set(QUESTION.columns)
    assert all(set(row) == set(QUESTION.row_columns) for row in found.rows)
    assert len(found.reasons) == 3
    assert found.reasons[1].lesions


def test_it_never_gives_a_verdict_and_always_lists_what_images_cannot_tell():
    found = answer(patient(pet(lesion(1, suv=20.0)), site="ileum"), SETTINGS)[0]
    assert found.category is None
    said = " ".join(found.reader_decides)
    for word in ("Ki-67", "renal", "marrow", "no verdict"):
        assert word in said


def test_it_is_not_assessable_where_nothing_behind_it_is():
    bare = pet(lesion(1, None), references=references("sstr", liver=None))
    found = answer(patient(bare, site=None), SETTINGS)[0]
    assert found.status == "not_assessable"
    assert "Neither stage" in found.reasons[0].text
    tio = answer(patient(pet(lesion(1)), disease="tio"), SETTINGS)[0]
    assert "culprit" in tio.reasons[0].text
