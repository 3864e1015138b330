"""Paired tables: who found what, patient by patient, region by region, finding by finding."""

from dataclasses import replace

import numpy as np
import pytest

from netlesion.answers.modality import NO_STANDARD, QUESTION, answer, comparisons
from netlesion.answers.settings import ModalitySettings
from netlesion.image.geometry import Geometry
from tests.answers.patients import GRID, lesion, patient, permuted, pet

SETTINGS = ModalitySettings()


def at(n):
    """Places that are far from each other."""
    return (0.0, 0.0, 80.0 * n - 200.0)


def two_tracers(*more):
    """Lesion 1 on both, 2 (node) on DOTATATE alone, 3 (lung) on FDG alone."""
    sstr = pet(lesion(1, at=at(1)), lesion(2, "node", at=at(2)), *more)
    fdg = pet(lesion(11, at=at(1)), lesion(13, "lung", at=at(3)), tracer="fdg")
    return patient(sstr, fdg)


def table(found, level):
    return {row["unit"]: (row["found_a"], row["found_b"]) for row in found.rows if row["level"] == level}


def test_findings_of_both_tracers_are_counted_and_listed():
    found = answer(two_tracers(), SETTINGS)[0]
    assert found.status == "answered"
    assert [found.values[f"sstr_fdg_{cell}"] for cell in ("both", "only_a", "only_b")] == [1, 1, 1]
    assert found.values["petmr_petct_sstr_both"] is None
    assert table(found, "patient") == {"01": (1, 1)}
    assert table(found, "region") == {"liver": (1, 1), "node": (1, 0), "lung": (0, 1)}
    assert sorted(table(found, "lesion").values()) == [(0, 1), (1, 0), (1, 1)]
    assert all(set(row) == set(QUESTION.row_columns) for row in found.rows)
    assert set(found.values) == set(QUESTION.columns)
    assert [r.text for r in found.reasons] == [
        "1 of 3 findings are seen by DOTATATE and by FDG, 1 by DOTATATE alone and 1 by FDG alone.",
        "Those of DOTATATE alone lie in node.",
        "Those of FDG alone lie in lung.",
    ]


def test_a_row_says_what_it_rests_on():
    plain = answer(two_tracers(), SETTINGS)[0]
    assert {row["reference_standard"] for row in plain.rows} == {NO_STANDARD}
    assert plain.missing == ("a reference standard that is neither of the scans",)
    known = {"facts": {"reference_standard": "histology"}}
    who = patient(pet(lesion(1, at=at(1), **known)), pet(tracer="fdg"))
    told = answer(who, SETTINGS)[0]
    assert {row["reference_standard"] for row in told.rows} == {"histology"}
    assert told.missing == ()


def test_petmr_is_a_and_petct_is_b_whichever_came_first():
    ct = pet(lesion(1, at=at(1)), lesion(2, at=at(2)), modality="PET/CT", case="sub-01_ses-1_trc-dotatate")
    mr = pet(lesion(1, at=at(1)), modality="PET/MR", case="sub-01_ses-2_trc-dotatate")
    found = answer(patient(ct, mr), SETTINGS)[0]
    assert [found.values[f"petmr_petct_sstr_{cell}"] for cell in ("both", "only_a", "only_b")] == [1, 0, 1]
    assert list(comparisons(patient(ct, mr).visits[0])) == ["petmr_petct_sstr"]
    assert "1 by PET/CT with DOTATATE alone" in found.reasons[0].text


def test_what_lies_outside_of_the_other_scan_is_no_pair():
    """The FDG scan ends 100 mm above the feet's end of the other."""
    short = Geometry(
        GRID.affine_ras + np.array([[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 400.0], [0, 0, 0, 0]]), (200, 160, 200)
    )
    who = patient(pet(lesion(1, at=(0, 0, -300.0)), lesion(2, at=at(3))), pet(tracer="fdg", geometry=short))
    found = answer(who, SETTINGS)[0]
    assert [found.values[f"sstr_fdg_{cell}"] for cell in ("both", "only_a", "only_b")] == [0, 1, 0]
    assert sorted(table(found, "lesion").values(), key=str) == [(1, 0), (None, None)]
    assert {row["why_not"] for row in found.rows} == {None, "outside the field of view of the other scan"}
    assert found.reasons[-1].text == "1 lie outside the field of view of the other scan and are not counted."


def test_a_patient_without_a_lesion_is_a_row_too():
    found = answer(patient(pet(), pet(tracer="fdg")), SETTINGS)[0]
    assert table(found, "patient") == {"01": (0, 0)}
    assert found.reasons[0].text == "Neither DOTATATE nor FDG shows a lesion."


@pytest.mark.parametrize(
    ("pets", "line"),
    [
        ((pet(),), "neither both tracers nor one tracer on PET/MR and PET/CT"),
        ((pet(), pet(tracer="fdg", placed=False, session="ses-02")), "no transform leads from ses-02 to ses-1"),
    ],
)
def test_what_cannot_be_paired_is_not_assessable(pets, line):
    found = answer(patient(*pets), SETTINGS)[0]
    assert found.status == "not_assessable"
    assert line in found.reasons[0].text


def test_counts_do_not_depend_on_the_order_of_lesions():
    who = two_tracers(lesion(4, "bone", at=at(4)))
    assert answer(permuted(who, 2), SETTINGS)[0].values == answer(who, SETTINGS)[0].values
    assert replace(who).patient_id == "01"
