"""Tables as spreadsheets save them: what is harmless is taken, what changes a value is refused in one line."""

import csv
import io

import pytest

from netlesion.datasets.key import Key, Place
from netlesion.datasets.table import list_table
from netlesion.errors import CohortError
from netlesion.evaluate.case.lesion_table import read_lesion_facts
from netlesion.evaluate.case.marks import read_marks
from netlesion.evaluate.cohort.categories import _read as read_categories
from netlesion.io.bids.files import SessionRow, sessions_of, write_dataset
from netlesion.io.bids.label_maps import _read_table as read_label_names
from netlesion.io.bids.masks import find_masks
from netlesion.io.bids.pet import session_weight
from netlesion.io.bids.visits import visit_values
from netlesion.io.table_file import number_of, read_table

TEXT = "case\tx_mm\tnote\n0012\t-31.5\tn/a\nü\t4\ta, b\n"
CELLS = [{"case": "0012", "x_mm": "-31.5", "note": "n/a"}, {"case": "ü", "x_mm": "4", "note": "a, b"}]


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.replace("\n", "\r\n").encode("utf-8-sig"),
        TEXT.replace("\n", "\r").encode(),
        TEXT.rstrip("\n").encode(),
        TEXT.replace("\n", "\t\t\n").encode() + b"\t\t\t\t\n\n",
        TEXT.replace("case", '"case "').replace("-31.5", '"-31.5 "').encode(),
    ],
)
def test_what_a_spreadsheet_adds_without_harm_is_taken(tmp_path, content):
    (tmp_path / "t.tsv").write_bytes(content)
    table = read_table(tmp_path / "t.tsv", ("case", "x_mm"))
    assert [dict(row.cells) for row in table.rows] == CELLS
    assert [row.line for row in table.rows] == [2, 3]
    twin = csv.DictReader(io.StringIO(TEXT), delimiter="\t")
    assert [row.number("x_mm") for row in table.rows] == [float(row["x_mm"]) for row in twin]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (TEXT.encode("utf-16"), "t.tsv: saved as UTF-16"),
        (TEXT.encode("utf-16-le"), "t.tsv: saved as UTF-16"),
        (TEXT.encode("latin-1"), r"t.tsv, line 3: not UTF-8 \(byte 0xfc\)"),
        (b"PK\x03\x04rest", "a spreadsheet's workbook"),
        (b"\xd0\xcf\x11\xe0rest", "a spreadsheet's workbook"),
        (TEXT.replace("\t", ";").encode(), "separated by semicolons, expected tabs"),
        (TEXT.replace("\t", ",").encode(), "separated by commas, expected tabs"),
        (b"x_mm\t\n1\t\n", "no column case; expected case"),
        (b"", "no column case"),
        (b"case\tcase\n1\t2\n", "column case is there twice"),
        (b"case\tx_mm\n1\t2\t3\n", "line 2: 3 cells under 2 names"),
        (b"case\tx_mm\t\n1\t2\t3\n", "line 2: a column without a name holds a value"),
        (b"case\tx_mm\n\n1\n", "line 3: 1 cells under 2 names"),
        (b'case\tx_mm\n"1\t2\n3\t4\n', "not readable as a table"),
        (b'case\tx_mm\n"1\t2\n3"\t4\n', "line 3: a cell holds a line break"),
    ],
)
def test_what_would_hide_or_move_a_value_is_refused(tmp_path, content, words):
    (tmp_path / "t.tsv").write_bytes(content)
    with pytest.raises(CohortError, match=words) as caught:
        read_table(tmp_path / "t.tsv", ("case",))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("72,5", r"a decimal point \(72.5\)"),
        ("72.5 kg", r"a number without its unit \(72.5\)"),
        ("200,000", "a number without separators between thousands"),
        ("1.2e8Bq", r"a number without its unit \(1.2e8\)"),
        ("\N{MINUS SIGN}31", "the minus sign of a keyboard"),
        *[(text, "a finite number") for text in ("nan", "1e999", "1_000", "1.234,5", "0x10", "٣", "Mai 16", "--")],
    ],
)
def test_a_number_that_is_none_is_told_how_to_be_written(text, words):
    with pytest.raises(CohortError, match=f"there: weight is .*, expected {words}"):
        number_of("there", "weight", text)


READERS = {
    "marks": ("t.csv", ",", "case,x_mm,y_mm,z_mm,rating\n1,2,3,4,5\n", lambda f: read_marks(f / "t.csv")),
    "lesion facts": ("t.tsv", "\t", "case\tlesion_id\tregion\na\t1\tliver\n", lambda f: read_lesion_facts(f / "t.tsv")),
    "categories": ("t.tsv", "\t", "case\tgrade\na\t1\n", lambda f: read_categories(f / "t.tsv")),
    "label names": ("t.tsv", "\t", "index\tname\n5\tliver\n", lambda f: read_label_names(f / "t.tsv")),
}


@pytest.mark.parametrize("name", READERS)
def test_every_reader_takes_what_a_spreadsheet_adds_and_refuses_the_rest(tmp_path, name):
    file, separator, text, read = READERS[name]
    (tmp_path / file).write_text(text)
    expected = read(tmp_path)
    (tmp_path / file).write_bytes(text.replace("\n", "\r\n").encode("utf-8-sig"))
    assert read(tmp_path) == expected
    for broken in (
        text.encode("utf-16"),
        (text + "ü").encode("latin-1"),
        text.replace(separator, ";").encode(),
        text.rstrip("\n").encode() + separator.encode() + b"9\n",
    ):
        (tmp_path / file).write_bytes(broken)
        with pytest.raises(CohortError, match=file):
            read(tmp_path)


def test_unquoted_decimal_commas_of_a_readers_table_are_no_coordinates(tmp_path):
    (tmp_path / "t.csv").write_text("case,x_mm,y_mm,z_mm,sensitivity\n0012,-31,5,16,5,0,5,4,5\n")
    with pytest.raises(CohortError, match="line 2: 9 cells under 5 names; write a decimal point"):
        read_table(tmp_path / "t.csv", ("case",), ",")


@pytest.fixture
def sessions(tmp_path):
    """A cohort's sessions.tsv, and what the readers of its weight and its visits say of it."""
    write_dataset(tmp_path, {"1": [SessionRow("01", 1, 70.0)]})
    pet = tmp_path / "sub-1/ses-01/pet/sub-1_ses-01_trc-fdg_pet.nii.gz"
    return tmp_path / "sub-1/sub-1_sessions.tsv", lambda: (session_weight(pet), visit_values(tmp_path / "sub-1"))


def test_sessions_saved_by_a_spreadsheet_switch_no_check_off(sessions):
    table, read = sessions
    text = table.read_text()
    table.write_bytes(text.replace("\n", "\r\n").encode("utf-8-sig"))
    assert read() == (70.0, {"ses-01": "visit-1"})
    assert sessions_of(table.parents[1], "1") == {"01"}
    for broken, words in (
        (text.replace("\t", ";"), "separated by semicolons"),
        (text.replace("70", "72,5"), "weight is '72,5', expected a decimal point"),
        (text.replace("70", "72.5 kg"), "weight is '72.5 kg', expected a number without its unit"),
        (text.replace("session_id", "session"), "no column session_id"),
    ):
        table.write_text(broken)
        with pytest.raises(CohortError, match=words):
            read()


def test_a_broken_sessions_table_makes_a_cohort_no_plain_folder_of_masks(sessions):
    table, _ = sessions
    root = table.parents[1]
    for folder, name in (("", "pet"), ("derivatives/netlesion/", "desc-lesions_dseg")):
        path = root / f"{folder}sub-1/ses-01/pet/sub-1_ses-01_trc-fdg_{name}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    assert list(find_masks(root)) == ["sub-1_ses-01_trc-fdg"]
    table.write_text(table.read_text().replace("\t", ";"))
    with pytest.raises(CohortError, match="separated by semicolons"):
        find_masks(root)


def test_an_import_table_with_a_byte_order_mark_keeps_its_first_column(tmp_path):
    (tmp_path / "x.nii.gz").write_bytes(b"")
    text = "patient\tsession\tchannel\tpath\tquantity\tcomputed_by\np\ts\tfdg\tx.nii.gz\tsuvbw\tme\n"
    (tmp_path / "t.tsv").write_bytes(text.encode("utf-8-sig"))
    assert [visit.patient for visit in list_table(tmp_path / "t.tsv").visits] == ["p"]


def test_a_key_saved_by_a_spreadsheet_is_read(tmp_path):
    key = Key(tmp_path / "key.tsv", b"secret")
    key._add(Place("dicom", "Müller", "20200101", "001", "01"))
    key.save()
    first, *rest = key.path.read_text(encoding="utf-8").splitlines()
    saved = "\r\n".join([f'"{first}"' + "\t" * 12, *rest]) + "\r\n"
    for content in (saved.encode(), saved.encode("utf-8-sig")):
        key.path.write_bytes(content)
        assert Key.read(key.path) == key
    for broken in (saved.encode("utf-16"), saved.encode("latin-1"), saved.replace("\t", ";").encode()):
        key.path.write_bytes(broken)
        with pytest.raises(CohortError, match=r"key\.tsv"):
            Key.read(key.path)
