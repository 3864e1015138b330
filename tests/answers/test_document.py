"""answers.json satisfies its schema, and the sentences name what they speak of."""

from __future__ import annotations

import json

import jsonschema
import pytest

from netlesion.answers.answer import Answer, Reason, not_assessable
from netlesion.answers.cohort import answer_patient
from netlesion.answers.document import document_of, schema, text_of
from netlesion.answers.questions import QUESTIONS, chosen
from netlesion.answers.settings import Settings
from netlesion.errors import ConfigError
from tests.answers.patients import lesion, patient, pet

WHO = patient(pet(lesion(1, "liver", score=0.6), lesion(2, "node", station="mesenteric")))
SETTINGS = Settings()


def everything(who=WHO):
    return answer_patient(who, tuple(QUESTIONS.values()), SETTINGS)


@pytest.mark.parametrize("who", [WHO, patient(pet(), site=None), patient(pet(lesion(1, None)), site=None)])
def test_every_questions_answer_satisfies_the_schema(who):
    document = document_of("01", everything(who))
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(json.loads(json.dumps(document, allow_nan=False)), schema())


def test_the_schema_refuses_a_category_where_nothing_could_be_assessed():
    bad = not_assessable("staging", "01", None, "Nothing is there.", needed=())
    document = document_of("01", [bad])
    document["answers"][0]["category"] = "M0"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema())


def test_values_and_rows_are_those_that_the_question_names():
    for found in everything():
        question = QUESTIONS[found.question]
        if found.status == "answered":
            assert set(found.values) == set(question.columns), found.question
        for row in found.rows:
            assert set(row) == set(question.row_columns), found.question


def test_a_nan_becomes_null():
    one = Answer(
        question="staging", patient="01", visit=None, status="answered", values={"x_ml": float("nan")},
        reasons=(Reason("It is so."),),
    )  # fmt: skip
    assert document_of("01", [one])["answers"][0]["values"] == {"x_ml": None}


def test_sentences_name_their_lesions_and_what_is_to_be_decided():
    text = text_of("01", everything())
    assert "not a medical device" in text
    assert "What stage is that?" in text
    assert "M1a, metastases in the liver alone (M0 possible, too)." in text
    assert "DOTATATE lesion 1 lies in the liver." in text
    assert "A reader must still decide: " in text


def test_questions_are_chosen_by_name():
    assert chosen(()) == chosen(("all",)) == tuple(QUESTIONS.values())
    assert [q.name for q in chosen(("staging",))] == ["staging"]
    with pytest.raises(ConfigError, match="question 'stage' is not known; expected all or some of"):
        chosen(("stage",))
