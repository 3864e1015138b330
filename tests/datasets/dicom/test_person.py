"""Two people under one Patient ID are refused, whatever tells them apart; one person stays one."""

import numpy as np
import pytest

from netlesion.datasets.dicom.importer import import_dicom
from netlesion.datasets.dicom.person import Person, contradiction
from tests.synthetic_dicom import write_series

STORED = np.arange(5 * 3 * 7, dtype=np.int16).reshape(5, 3, 7) * 50
NOBODY = {"PatientBirthDate": "", "PatientName": "", "PatientSize": None}


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        ({"PatientSex": "F"}, {"PatientSex": "M"}, "two sexes"),
        ({"PatientSize": 1.5}, {"PatientSize": 1.8}, "two heights more than 15 cm apart"),
        ({"PatientSize": 150}, {"PatientSize": 1.8}, "two heights more than 15 cm apart"),
        ({"PatientBirthDate": "19500102"}, {"PatientBirthDate": "19510102"}, "two birth dates"),
        ({"PatientAge": "045Y"}, {"PatientAge": "060Y"}, "two ages that do not fit their dates"),
        ({"PatientName": "Doe^Jane"}, {"PatientName": "Roe^Ruth"}, "two names without a word in common"),
        ({}, {}, ""),
        ({"PatientSex": "F"}, {"PatientSex": "O"}, ""),
        ({"PatientSex": "F"}, {"PatientSex": ""}, ""),
        ({"PatientSize": 1.75}, {"PatientSize": 178}, ""),
        ({"PatientSize": 1.4, "PatientAge": "012Y"}, {"PatientSize": 1.7, "PatientAge": "015Y"}, ""),
        ({"PatientSize": 0}, {"PatientSize": 1.7}, ""),
        ({"PatientName": "DOE^JANE"}, {"PatientName": "Roe^Jane^M"}, ""),
        ({"PatientName": "Doe^Jane"}, {"PatientName": "Anonymous"}, ""),
        ({"PatientName": "Mueller^Jane"}, {"PatientName": "Müller^J", "SpecificCharacterSet": "ISO_IR 100"}, ""),
        ({"PatientAge": "090Y"}, {"PatientAge": "070Y"}, ""),
    ],
)
def test_two_people_of_one_id_are_refused_and_one_is_not(tmp_path, first, second, why):
    for n, facts in enumerate((first, second)):
        write_series(tmp_path / f"e/{n}", STORED, changes=NOBODY | {"StudyDate": f"2024031{n}"} | facts)
    result = import_dicom(tmp_path / "e", tmp_path / "c")
    assert len(result.written) == (0 if why else 2), result.failures
    assert all(f": {why} under one Patient ID (0010,0020); correct" in line for line in result.failures)
    assert len(result.failures) == (2 if why else 0)


def test_no_facts_contradict_nothing():
    assert contradiction([Person(), Person()]) == ""


def test_a_person_of_an_earlier_import_is_remembered_in_the_key_without_name_or_birth_date(tmp_path):
    facts = {"PatientSex": "F", "PatientName": "Doe^Jane", "PatientBirthDate": "19500102"}
    write_series(tmp_path / "e/0", STORED, changes=facts)
    assert len(import_dicom(tmp_path / "e/0", tmp_path / "c").written) == 1
    key = (tmp_path / "c.key.tsv").read_text()
    assert "person" in key
    assert not [word for word in ("Doe", "doe", "Jane", "jane", "1950") if word in key]
    write_series(tmp_path / "e/1", STORED, changes=facts | {"PatientSex": "M", "StudyDate": "20240401"})
    (line,) = import_dicom(tmp_path / "e/1", tmp_path / "c").failures
    assert "two sexes under one Patient ID (0010,0020), one of them in an earlier import; correct" in line
    write_series(tmp_path / "e/2", STORED, changes=facts | {"StudyDate": "20240402"})
    assert len(import_dicom(tmp_path / "e/2", tmp_path / "c").written) == 1
