"""`netlesion answer`: answers of a folder are written whole, valid, and said in words; one bad patient stops no
other."""

from __future__ import annotations

import json

import jsonschema
import pytest
from typer.testing import CliRunner

from netlesion.answers.cohort import answer_cohort
from netlesion.answers.document import schema
from netlesion.answers.questions import QUESTIONS
from netlesion.cli.answer import given_settings
from netlesion.cli.main import app
from netlesion.errors import ConfigError
from netlesion.io.table_file import read_table
from tests.answers.small_cohort import make


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return make(tmp_path_factory.mktemp("answers") / "cohort")


def test_answers_are_written_for_each_patient_and_for_the_cohort(cohort, tmp_path):
    found = answer_cohort(cohort, out=tmp_path)
    assert not found.failures
    document = json.loads((tmp_path / "sub-001" / "answers.json").read_text())
    jsonschema.validate(document, schema())
    assert {a["question"] for a in document["answers"]} == set(QUESTIONS)
    for name in QUESTIONS:
        table = read_table(tmp_path / f"{name}.tsv", ("case", "status", "category"))
        assert list(json.loads((tmp_path / f"{name}.json").read_text())) == list(table.columns)
    staged = read_table(tmp_path / "staging.tsv").rows
    assert [(r.cells["case"], r.cells["category"]) for r in staged] == [
        ("sub-001_visit-1", "M1a"),
        ("sub-001_visit-2", "M0"),
    ]
    record = json.loads((tmp_path / "provenance.json").read_text())
    assert record["config"]["staging"]["p_lesion"] == 0.5
    assert str(cohort) not in json.dumps(record)


@pytest.mark.parametrize(
    "laid", [{"flip": (0,)}, {"flip": (1, 2)}, {"finer": 2}, {"one_day": True}], ids=["x", "yz", "finer", "one session"]
)
def test_how_an_image_is_laid_out_changes_no_category(cohort, tmp_path, laid):
    """Axes that run the other way, voxels half as large, and one session instead of two."""
    expected = answer_cohort(cohort, out=tmp_path / "as_it_is").answers["001"]
    found = answer_cohort(make(tmp_path / "other", **laid), out=tmp_path / "laid").answers["001"]
    categories = [[(a.question, a.visit, a.category, a.alternatives) for a in each] for each in (expected, found)]
    assert categories[0] == categories[1]
    words = ("netpet_auto", "karfis", "zidan", "percist", "n_suggested", "sstr_exploratory")
    of = [{w: a.values[w] for a in each for w in words if w in a.values} for each in (expected, found)]
    assert of[0] == of[1]


def test_one_question_with_another_setting(cohort, tmp_path):
    command = ["answer", str(cohort), "--out", str(tmp_path), "--question", "staging", "--set", "staging.p_certain=0.9"]
    done = CliRunner().invoke(app, [*command, "--text"])
    assert done.exit_code == 0, done.output
    assert "What stage is that?" in done.output
    assert "M1a" in done.output
    assert "not a medical device" in done.output
    assert sorted(p.name for p in tmp_path.glob("*.tsv")) == ["staging.tsv", "staging_rows.tsv"]
    assert json.loads((tmp_path / "provenance.json").read_text())["config"]["staging"]["p_certain"] == 0.9


def test_swapped_thresholds_are_refused_before_anything_is_read(cohort, tmp_path):
    swapped = ["--set", "staging.p_lesion=0.9", "--set", "staging.p_certain=0.2"]
    done = CliRunner().invoke(app, ["answer", str(cohort), "--out", str(tmp_path / "out"), *swapped])
    assert isinstance(done.exception, ConfigError)
    assert "staging.p_certain is 0.2" in str(done.exception)
    assert not (tmp_path / "out").exists()


def test_settings_are_read_from_words():
    assert given_settings(["a.b=0.5", "a.c=[1, 2]", "d.e=peak"]) == {"a": {"b": 0.5, "c": [1, 2]}, "d": {"e": "peak"}}
    for word in ("staging=1", "p_lesion", "staging.=1"):
        with pytest.raises(ConfigError, match="is not understood"):
            given_settings([word])


def test_a_patient_whose_files_contradict_stops_no_other(tmp_path):
    cohort = make(tmp_path / "cohort")
    other = cohort / "sub-002"
    other.mkdir()
    for folder in (cohort / "derivatives/netlesion/sub-001", cohort / "sub-001"):
        for path in sorted(folder.rglob("*ses-01*")):
            if path.is_file():
                target = cohort / str(path.relative_to(cohort)).replace("001", "002")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
    (other / "sub-002_sessions.tsv").write_text("session_id\ttherapy\nses-01\tmiracle\n")
    stale = tmp_path / "out" / "sub-002" / "answers.json"
    stale.parent.mkdir(parents=True)
    stale.write_text("{}")
    found = answer_cohort(cohort, out=tmp_path / "out")
    assert list(found.answers) == ["001"]
    assert "miracle" in found.failures["002"]
    assert not stale.exists()
    with pytest.raises(ConfigError, match="workers is 0"):
        answer_cohort(cohort, workers=0)
