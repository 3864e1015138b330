"""The tables of answers: one row a visit, a dictionary for every column, readable as categories."""

from __future__ import annotations

import json

from netlesion.answers.questions import QUESTIONS
from netlesion.answers.settings import Settings
from netlesion.answers.tables import write_tables
from netlesion.io.table_file import read_table
from tests.answers.patients import lesion, patient, pet


def test_a_question_leaves_one_row_for_each_visit_and_one_for_each_lesion(tmp_path):
    question = QUESTIONS["staging"]
    who = patient(pet(lesion(1, "liver"), lesion(2, "bone")), pet(lesion(1, "liver"), visit="visit-2"))
    paths = write_tables(tmp_path, question, question.answer(who, Settings().staging))
    visits, rows = (read_table(p) for p in paths)
    assert [r.cells["case"] for r in visits.rows] == ["sub-01_visit-1", "sub-01_visit-2"]
    assert [r.cells["category"] for r in visits.rows] == ["M1c", "M1a"]
    assert [r.cells["role"] for r in rows.rows] == ["liver", "distant", "liver"]
    for path, table in zip(paths, (visits, rows), strict=True):
        assert list(json.loads(path.with_suffix(".json").read_text())) == list(table.columns)


def test_what_is_not_assessable_is_a_row_without_values(tmp_path):
    question = QUESTIONS["staging"]
    found = question.answer(patient(pet(lesion(1)), site=None), Settings().staging)
    row = read_table(write_tables(tmp_path, question, found)[0]).rows[0]
    assert row.cells["status"] == "not_assessable"
    assert row.text("category") is row.text("m_category") is None
    assert "primary_site" in row.cells["missing"]
