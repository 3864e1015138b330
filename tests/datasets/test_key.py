"""One key and one cohort for every data source: names never collide or change, and no table loses a row."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from netlesion.datasets.dicom.importer import import_dicom
from netlesion.datasets.importer import import_listing
from netlesion.datasets.key import COLUMNS, FINGERPRINT, Key, held_key
from netlesion.datasets.source import SourceVisit
from netlesion.datasets.table import list_table
from netlesion.errors import CohortError, OutputError
from netlesion.io.bids.cohort import open_cohort
from tests.small_images import write_suv
from tests.synthetic_dicom import write_series

STORED = np.arange(5 * 3 * 7, dtype=np.int16).reshape(5, 3, 7) * 50


@pytest.fixture
def sources(tmp_path):
    """Two patients of a hospital, and a table of three, one of whom is called 001."""
    write_series(tmp_path / "export/a", STORED)
    write_series(tmp_path / "export/b", STORED, changes={"PatientID": "OTHER", "PatientWeight": 61.0})
    write_suv(tmp_path / "suv.nii.gz")
    header = ["patient", "session", "channel", "path", "quantity", "weight_kg", "computed_by", "visit"]
    rows = [f"{name} {session} fdg suv.nii.gz suvbw {weight} clinic first".split()
            for name, session, weight in (("001", "x", 55), ("p-9", "early", 81), ("p-9", "late", 80))]  # fmt: skip
    (tmp_path / "files.tsv").write_text("".join("\t".join(cells) + "\n" for cells in (header, *rows)))
    return tmp_path


def from_hospital(sources):
    return import_dicom(sources / "export", sources / "cohort")


def from_table(sources):
    return import_listing(list_table(sources / "files.tsv"), sources / "cohort")


def rows(table):
    with table.open(newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def tables(sources):
    return {p.name: p.read_bytes() for p in (sources / "cohort").rglob("*.tsv")} | {
        p.name: p.read_bytes() for p in (sources / "cohort").glob("README")
    }


def test_a_door_then_dicom(sources):
    assert from_table(sources).failures == ()
    assert from_hospital(sources).failures == ()
    assert [r["participant_id"] for r in rows(sources / "cohort/participants.tsv")] == [
        "sub-001", "sub-002", "sub-003", "sub-p9",
    ]  # fmt: skip
    assert open_cohort(sources / "cohort").patient_ids == ("001", "002", "003", "p9")
    own = rows(sources / "cohort/sub-p9/sub-p9_sessions.tsv")
    assert [(r["session_id"], r["visit"], r["weight"]) for r in own] == [
        ("ses-01", "visit-1", "81"), ("ses-02", "visit-1", "80"),
    ]  # fmt: skip
    hospital = [rows(sources / f"cohort/sub-{s}/sub-{s}_sessions.tsv")[0] for s in ("002", "003")]
    assert {r["weight"] for r in hospital} == {"70", "61"}
    assert all(r["acq_time"] < "1925" for r in hospital)
    key = sources / "cohort.key.tsv"
    assert key.stat().st_mode & 0o077 == 0
    assert [p.name for p in sources.glob("cohort.*")] == ["cohort.key.tsv"]


def test_dicom_then_a_door_whose_patients_have_other_names(sources):
    from_hospital(sources)
    before = tables(sources)
    (sources / "files.tsv").write_text((sources / "files.tsv").read_text().replace("\n001\t", "\nq7\t"))
    assert from_table(sources).failures == ()
    after = tables(sources)
    assert {name for name in before if after[name] != before[name]} == {"participants.tsv"}
    assert len(rows(sources / "cohort/participants.tsv")) == 4
    assert open_cohort(sources / "cohort").patient_ids == ("001", "002", "p9", "q7")


def test_a_rerun_of_each_adds_nothing_and_changes_no_table(sources):
    done = [from_table(sources), from_hospital(sources)]
    assert [len(result.written) for result in done] == [3, 2]
    before, key = tables(sources), (sources / "cohort.key.tsv").read_bytes()
    for again in (from_table(sources), from_hospital(sources), from_table(sources)):
        assert again.written == ()
        assert again.failures == ()
    assert tables(sources) == before
    assert (sources / "cohort.key.tsv").read_bytes() == key


def test_a_name_that_another_door_has_given_is_refused_before_anything_is_written(sources):
    from_hospital(sources)
    before = tables(sources)
    with pytest.raises(CohortError, match=r"'001' would be sub-001, which is a patient of dicom already") as refused:
        from_table(sources)
    assert "HOSPITAL" not in str(refused.value)
    assert "OTHER" not in str(refused.value)
    assert tables(sources) == before


def test_one_key_may_lie_elsewhere_for_all(sources):
    key = sources / "safe" / "who.tsv"
    import_dicom(sources / "export", sources / "cohort", key)
    (sources / "files.tsv").write_text((sources / "files.tsv").read_text().replace("\n001\t", "\nq7\t"))
    with pytest.raises(CohortError, match="which .*cohort.key.tsv does not name"):
        from_table(sources)
    assert import_listing(list_table(sources / "files.tsv"), sources / "cohort", key).failures == ()
    assert not (sources / "cohort.key.tsv").exists()


@pytest.mark.parametrize(
    ("cohort", "key"),
    [("cohort", None), ("cohort", "other.tsv"), ("new", "cohort.key.tsv"), ("link", "other.tsv"), ("new", "link.tsv")],
)
def test_two_imports_at_once_into_a_cohort_or_with_a_key_are_refused(sources, cohort, key):
    (sources / "link").symlink_to(sources / "cohort")
    (sources / "link.tsv").symlink_to(sources / "cohort.key.tsv")
    second = import_dicom if cohort != "link" else lambda *a: import_listing(list_table(sources / "files.tsv"), *a[1:])
    with held_key(sources / "cohort"), pytest.raises(OutputError, match="another run is writing here"):
        second(sources / "export", sources / cohort, None if key is None else sources / key)


def test_a_key_of_another_cohort_is_refused_though_its_names_are_the_same(sources):
    from_hospital(sources)
    import_dicom(sources / "export", sources / "twin")
    assert tables(sources).keys() == {p.name for p in (sources / "twin").rglob("*.tsv")} | {"README"}
    write_series(sources / "export/c", STORED, changes={"PatientID": "THIRD"})
    before = tables(sources)
    with pytest.raises(CohortError, match="was made with another key than .*twin.key.tsv"):
        import_dicom(sources / "export", sources / "cohort", sources / "twin.key.tsv")
    assert tables(sources) == before
    (sources / "cohort" / FINGERPRINT).unlink()  # a cohort of before keys were recorded takes the key that names it
    assert from_hospital(sources).failures == ()
    assert (sources / "cohort" / FINGERPRINT).is_file()


def test_a_key_is_never_readable_by_others(sources, monkeypatch):
    seen, move = {}, os.replace

    def spied(part, path):
        seen[Path(path).name] = os.stat(part).st_mode & 0o077
        move(part, path)

    monkeypatch.setattr(os, "replace", spied)
    from_hospital(sources)
    assert seen["cohort.key.tsv"] == 0
    assert seen["participants.tsv"] != 0


def test_what_a_person_wrote_into_a_table_stays(sources):
    from_table(sources)
    table = sources / "cohort/participants.tsv"
    table.write_text("participant_id\tsex\nsub-001\tF\nsub-p9\tM\n")
    from_hospital(sources)
    assert {r["participant_id"]: r["sex"] for r in rows(table)} == {
        "sub-001": "F", "sub-002": "n/a", "sub-003": "n/a", "sub-p9": "M",
    }  # fmt: skip
    table.write_text("participant_id\tsex\nsub-001\n")
    write_series(sources / "export/c", STORED, changes={"PatientID": "THIRD"})
    with pytest.raises(CohortError, match=r"participants.tsv, line 2: 1 cells under 2 names"):
        from_hospital(sources)


def test_an_import_killed_before_its_tables_is_completed(sources):
    from_hospital(sources)
    before = tables(sources)
    for path in (sources / "cohort").rglob("*.tsv"):
        path.unlink()
    assert from_hospital(sources).written == ()
    assert tables(sources) == before


def test_a_key_of_version_2_is_read(sources):
    path = sources / "old.key.tsv"
    columns = ["kind", "patient_id", "study_date", *COLUMNS[3:10]]
    session = ["session", 'A "B"', "20240314", "004", "01", "44000", "", "", "", ""]
    series = ["series", "", "", "", "", "", "ab12", "7", "sub-004/ses-01/ct/sub-004_ses-01_ct.nii.gz", ""]
    table = "".join("\t".join(cells) + "\n" for cells in (columns, session, series))
    path.write_text("# netlesion key 2, secret 00ff\n" + table)
    old = Key.read(path)
    assert old.day('A  "B" ', "20240314").subject == "004"
    assert old.day("C", "20240314").subject == "005"
    old.save()
    assert Key.read(path) == old
    path.write_text("# netlesion key 1, secret 00ff\n" + table)
    with pytest.raises(CohortError, match="not a key of this version"):
        Key.read(path)


def test_names_of_any_text_survive_the_table(tmp_path):
    key = Key(tmp_path / "key.tsv", b"secret")
    key.case("table", SourceVisit('a\tb/"c"', "a\tb", '"c"', (), visit_group="d\ne"))
    key.save()
    assert Key.read(key.path) == key


def test_a_case_that_changed_its_patient_or_is_there_twice_is_refused(tmp_path):
    key = Key(tmp_path / "key.tsv", b"secret")
    place = key.case("table", SourceVisit("1", "a", "x", ()))
    assert key.case("table", SourceVisit("1", "a", "x", ())) == place
    with pytest.raises(CohortError, match="was imported as study 'x' of patient 'a', now it is 'x' of 'b'"):
        key.case("table", SourceVisit("1", "b", "x", ()))
    with pytest.raises(CohortError, match="is case '1' already"):
        key.case("table", SourceVisit("2", "a", "x", ()))
