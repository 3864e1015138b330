"""No cell of a table is a formula for a spreadsheet, and every reader gets back what was written."""

import csv
import io

import pytest

from netlesion.datasets.key import Key
from netlesion.datasets.source import SourceVisit
from netlesion.io.table_file import read_table
from netlesion.output.atomic import write_text
from netlesion.output.tables import neutral, original, tsv
from netlesion.quantify.row import LesionRow
from netlesion.quantify.table import read_lesions, write_lesions

FORMULAS = [
    "=1+1", "=cmd|' /C calc'!A0", "+1+1", "-1+1", "-", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1", "=", "'=1", "''@a",
    "=HYPERLINK(\"http://x\")",
]  # fmt: skip
PLAIN = ["", "n/a", "-5", "-5.25e-3", "+3", "+49", "3", "a=1", "it's", "'quoted'", "sub-001", "O'Neill", "0.5", "a-b"]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_shown_and_not_computed_and_comes_back(text):
    assert neutral(text)[0] == "'"
    assert original(neutral(text)) == text


@pytest.mark.parametrize("text", PLAIN)
def test_anything_else_stays_as_it_is(text):
    assert neutral(text) == text
    assert original(text) == text


def test_every_cell_of_a_table_and_its_header(tmp_path):
    texts = [t for t in FORMULAS if t.strip() == t]
    write_text(tmp_path / "a.tsv", tsv(["=name", "value"], [(text, -1.5) for text in texts]))
    raw = list(csv.reader((tmp_path / "a.tsv").read_text().splitlines(), delimiter="\t"))
    assert all(row[0][0] == "'" and row[1] in ("value", "-1.5") for row in raw)
    assert [row.cells["value"] for row in read_table(tmp_path / "a.tsv").rows] == ["-1.5"] * len(texts)


def test_the_key_and_the_lesion_table_give_back_the_names_they_were_given(tmp_path):
    key = Key(tmp_path / "key.tsv", b"secret")
    for n, text in enumerate(FORMULAS):
        key.case("table", SourceVisit(text, f"p{n}{text}", text, (), visit_group=text))
    key.save()
    assert Key.read(key.path) == key
    lines = io.StringIO(key.path.read_bytes().decode(), newline="")
    cells = [c for row in csv.reader(lines, delimiter="\t") for c in row]
    assert not [c for c in cells if c.startswith(("=", "+", "@", "-"))]
    row = LesionRow(1, 2, 0.1, 1.0, 1.0, 1.0, None, -1.0, -2.0, -3.0)
    write_lesions(tmp_path / "lesions.tsv", {"=case": [row]})
    assert read_lesions(tmp_path / "lesions.tsv") == {"=case": (row,)}
