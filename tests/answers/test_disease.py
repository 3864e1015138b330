"""What the first question explains takes no part in the others where a network found it, and is named as left out."""

from dataclasses import replace

from netlesion.answers.cohort import answer_patient
from netlesion.answers.disease import disease_of
from netlesion.answers.questions import QUESTIONS, chosen
from netlesion.answers.settings import DifferentialSettings, Settings
from tests.answers.patients import lesion, patient, pet

SETTINGS = Settings()
LIVER = lesion(1, "liver", suv=20.0, score=0.9)
URINE = lesion(2, "urinary_bladder", at=(0.0, 0.0, -300.0), suv=40.0, score=0.8)


def asked(who, name):
    (found,) = answer_patient(who, chosen([name]), SETTINGS)
    return found


def test_urine_that_a_network_calls_a_lesion_is_no_disease_to_the_other_questions():
    found = asked(patient(pet(LIVER, URINE)), "expression")
    assert [row["lesion"] for row in found.rows] == [LIVER.key]
    assert found.reasons[-1].text == "Left out as physiologic or a pitfall by the first question: DOTATATE lesion 2."
    assert found.reasons[-1].lesions == (URINE.key,)
    calls = asked(patient(pet(LIVER, URINE)), "differential")
    assert len(calls.rows) == 2, "the first question still shows every candidate"


def test_what_a_reader_drew_is_disease_whatever_it_is_called():
    drawn = patient(pet(LIVER, replace(URINE, score=None)))
    same, left_out = disease_of(drawn, SETTINGS.differential)
    assert (len(same.visits[0].lesions()), left_out) == (2, {})


def test_the_setting_keeps_every_candidate():
    who = patient(pet(LIVER, URINE))
    same, left_out = disease_of(who, DifferentialSettings(leave_out_explained=False))
    assert same is who
    assert not left_out


def test_the_questions_about_disease_are_those_that_rest_on_it():
    assert {q.name for q in QUESTIONS.values() if not q.of_disease} == {"differential", "culprit", "modality"}
