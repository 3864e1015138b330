"""A table of paired lesions becomes a pilot, or is refused in one line; the verb plans from it."""

import pytest
from typer.testing import CliRunner

from netlesion.cli.main import app
from netlesion.errors import CohortError
from netlesion.evaluate.compare.pilot import read_pilot

HEAD = "patient\tfound_a\tfound_b\n"


def written(tmp_path, text):
    path = tmp_path / "lesions.tsv"
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_are_counted_by_patient(tmp_path):
    """001 has three lesions: both, only A, neither; 002 has one, found by B alone; 003 has none."""
    rows = "001\t1\t1\n002\t0\t1\n001\t1\t0\n001\t0\t0\n003\tn/a\tn/a\n"
    pilot = read_pilot(written(tmp_path, HEAD + rows))
    assert [x.tolist() for x in (pilot.sizes, pilot.both, pilot.only_a, pilot.only_b)] == [
        [3, 1, 0],
        [1, 0, 0],
        [1, 0, 0],
        [0, 1, 0],
    ]
    assert (pilot.sensitivity_a, pilot.sensitivity_b, pilot.difference) == (0.5, 0.5, 0.0)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (HEAD + "001\t2\t1\n", "line 2: found_a is '2', expected 1"),
        (HEAD + "001\tn/a\t1\n", "line 2: found_a or found_b is n/a"),
        (HEAD + "n/a\t1\t1\n", "line 2: patient is missing"),
        (HEAD + "001\tn/a\tn/a\n", "no lesion"),
        ("comparison\t" + HEAD + "x\t001\t1\t1\ny\t001\t1\t0\n", "2 comparisons .x, y.; name one"),
        ("patient\tfound_a\n001\t1\n", "no column found_b"),
    ],
)
def test_a_table_that_is_no_pilot_is_refused(tmp_path, text, line):
    with pytest.raises(CohortError, match=line):
        read_pilot(written(tmp_path, text))


def test_one_of_several_comparisons_is_taken_by_name(tmp_path):
    path = written(tmp_path, "comparison\t" + HEAD + "x\t001\t1\t1\ny\t001\t1\t0\n")
    assert read_pilot(path, "y").difference == 1.0
    with pytest.raises(CohortError, match="no row of the comparison z; there are x, y"):
        read_pilot(path, "z")


def test_the_verb_says_how_many_patients_are_needed(tmp_path):
    rows = "".join(f"{n:03d}\t1\t1\n{n:03d}\t{int(n % 4 == 0)}\t{int(n % 3 == 0)}\n" for n in range(24))
    done = CliRunner().invoke(app, ["plan-study", str(written(tmp_path, HEAD + rows)), "--margin", "0.15"])
    assert done.exit_code == 0, done.output
    assert "pilot: 24 patients, 48 lesions" in done.output
    assert "the study needs" in done.output
    assert "fixed before the study begins" in done.output


def test_of_the_table_of_an_answer_rows_of_lesions_count_and_patients_without_one_stay_patients(tmp_path):
    rows = [
        "patient\t001\t1\t1", "region\t001\t1\t1", "lesion\t001\t1\t1", "lesion\t001\t1\t0", "lesion\t001\tn/a\tn/a",
        "patient\t002\t0\t0",
    ]  # fmt: skip
    pilot = read_pilot(written(tmp_path, "level\t" + HEAD + "\n".join(rows) + "\n"))
    assert (pilot.sizes.tolist(), pilot.only_a.tolist()) == ([2, 0], [1, 0])
