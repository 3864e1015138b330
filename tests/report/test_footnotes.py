"""Notes of many rows, each told once."""

from netlesion.report.footnotes import Footnotes


def test_what_all_rows_say_stands_once_and_the_rest_is_numbered_in_order():
    rows = ["few patients; partial", "few patients; 3 left out; partial", "few patients; partial; no area"]
    notes = Footnotes(rows)
    assert notes.common == ("few patients", "partial")
    assert notes.table(rows) == ((), [(), (1,), (2,)])
    assert notes.numbered == ["3 left out", "no area"]


def test_what_one_table_says_of_all_its_rows_belongs_to_the_table():
    first, second = ["a; b", "a"], ["b", ""]
    notes = Footnotes([*first, *second])
    assert notes.common == ()
    assert notes.table(first) == ((1,), [(2,), ()])
    assert notes.table(second) == ((), [(2,), ()])


def test_a_single_row_and_none_at_all():
    assert Footnotes([]).common == ()
    notes = Footnotes(["only; twice; only"])
    assert notes.table(["only; twice; only"]) == ((), [(1, 2)])
