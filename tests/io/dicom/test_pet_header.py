"""PET header -> facts: what is read, in which clock, and what is refused."""

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from netlesion.errors import DicomError, SuvError
from netlesion.io.dicom.pet_header import nuclide, pet_facts
from netlesion.io.dicom.private import GE_SCAN_DATETIME, PHILIPS_SUV_FACTOR, private_datetime, private_number
from netlesion.io.dicom.series import index_folder, require_one
from netlesion.suv import suv_conversion
from tests.synthetic_dicom import write_series

STORED = np.arange(5 * 3 * 7, dtype=np.int16).reshape(5, 3, 7)


def test_facts_of_a_dotatate_series_give_its_suv(tmp_path):
    write_series(tmp_path, STORED)
    series = require_one(index_folder(tmp_path), "PT", tmp_path)
    facts = pet_facts(series)
    assert facts.nuclide == "68Ga"
    assert suv_conversion(facts).activity.elapsed_s == 3600.0


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"PatientWeight": None}, "Weight"),
        ({"Units": "CNTS"}, "CNTS"),
        ({"dose.RadionuclideTotalDose": None}, "Total Dose"),
        ({"CorrectedImage": ["DECY"]}, "attenuation"),
    ],
)
def test_missing_facts_are_refused(tmp_path, changes, match):
    write_series(tmp_path, STORED, changes=changes)
    with pytest.raises(SuvError, match=match):
        suv_conversion(pet_facts(require_one(index_folder(tmp_path), "PT", tmp_path)))


def test_slices_that_disagree_on_the_dose_are_not_one_series(tmp_path):
    paths = write_series(tmp_path, STORED)
    dataset = pydicom.dcmread(paths[3])
    dataset.RadiopharmaceuticalInformationSequence[0].RadionuclideTotalDose = 1e6
    dataset.save_as(paths[3])
    with pytest.raises(DicomError, match=r"003\.dcm: RadionuclideTotalDose"):
        pet_facts(require_one(index_folder(tmp_path), "PT", tmp_path))


def test_an_injection_datetime_is_moved_to_the_scanners_time_zone(tmp_path):
    changes = {"TimezoneOffsetFromUTC": "+0200", "dose.RadiopharmaceuticalStartDateTime": "20240314090000+0100"}
    write_series(tmp_path, STORED, changes=changes)
    facts = pet_facts(require_one(index_folder(tmp_path), "PT", tmp_path))
    assert suv_conversion(facts).activity.elapsed_s == 3600.0


def test_an_injection_without_a_clock_is_refused(tmp_path):
    write_series(tmp_path, STORED, changes={"dose.RadiopharmaceuticalStartDateTime": "20240314"})
    with pytest.raises(DicomError, match="not a day alone"):
        pet_facts(require_one(index_folder(tmp_path), "PT", tmp_path))


@pytest.mark.parametrize(
    "changes",
    [
        {"SeriesTime": "120000"},
        {"PatientWeight": 71.0},
        {"Units": "GML"},
        {"dose.RadionuclideHalfLife": 6586.2},
    ],
    ids=str,
)
def test_slices_that_disagree_are_not_one_series(tmp_path, changes):
    paths = write_series(tmp_path, STORED)
    dataset = pydicom.dcmread(paths[2])
    ((name, value),) = changes.items()
    target = dataset.RadiopharmaceuticalInformationSequence[0] if name.startswith("dose.") else dataset
    setattr(target, name.removeprefix("dose."), value)
    dataset.save_as(paths[2])
    with pytest.raises(DicomError, match=r"002\.dcm: .*not one series"):
        pet_facts(require_one(index_folder(tmp_path), "PT", tmp_path))


def test_two_radiopharmaceuticals_in_one_image_are_refused(tmp_path):
    for path in write_series(tmp_path, STORED):
        dataset = pydicom.dcmread(path)
        dataset.RadiopharmaceuticalInformationSequence.append(dataset.RadiopharmaceuticalInformationSequence[0])
        dataset.save_as(path)
    with pytest.raises(DicomError, match="2 items in Radiopharmaceutical Information"):
        pet_facts(index_folder(tmp_path)[0])


@pytest.mark.parametrize(
    ("changes", "match"),
    [({"TimezoneOffsetFromUTC": "CET"}, "0008,0201.*a text"), ({"TimezoneOffsetFromUTC": "+1500"}, "0008,0201")],
)
def test_a_zone_that_is_none_is_refused(tmp_path, changes, match):
    write_series(tmp_path, STORED, changes=changes)
    with pytest.raises(DicomError, match=match):
        pet_facts(index_folder(tmp_path)[0])


@pytest.mark.parametrize(
    ("value", "meaning", "expected"),
    [
        ("C-111A1", "", "18F"),
        ("35337001", "", "68Ga"),
        ("C-127A2", "", "64Cu"),
        ("", "^68^Gallium", "68Ga"),
        ("", "Ga-68", "68Ga"),
        ("", "F^18^", "18F"),
        ("", "18F", "18F"),
        ("", "Copper 64", "64Cu"),
        ("", "^66^Gallium", None),
        ("", "Ga-67", None),
        ("", "^62^Copper", None),
        ("", "Gallium", None),
    ],
)
def test_a_nuclide_is_its_mass_and_its_element(value, meaning, expected):
    dose, code = Dataset(), Dataset()
    code.CodeValue, code.CodeMeaning = value, meaning
    dose.RadionuclideCodeSequence = [code]
    assert nuclide(dose) == expected


def with_private(element: int, vr: str, value, maker: str | None, *blocks: int, creator: str | None = None) -> Dataset:
    dataset = Dataset()
    if maker is not None:
        dataset.Manufacturer = maker
    for block in blocks:
        dataset.add_new((element >> 16, (block << 8) | (element & 0xFF)), vr, value)
        if creator is not None:
            dataset.add_new((element >> 16, block), "LO", creator)
    return dataset


def test_a_private_element_belongs_to_its_creator_not_to_its_block():
    notes = []
    foreign = with_private(0x0009000D, "DT", "20240314110000", "GE", 0x10, creator="GEMS_GENIE_1")
    assert private_datetime(foreign, GE_SCAN_DATETIME, notes) is None
    foreign.update(with_private(0x0009000D, "DT", "20240314113000", "GE", 0x37, creator="GEMS_PETD_01"))
    assert f"{private_datetime(foreign, GE_SCAN_DATETIME, notes):%H%M}" == "1130"
    assert notes == []


@pytest.mark.parametrize(
    ("maker", "blocks", "taken"),
    [("PHILIPS", (0x10,), True), (None, (0x10,), True), ("SIEMENS", (0x10,), False), ("PHILIPS", (0x10, 0x11), False)],
)
def test_an_orphaned_element_is_taken_only_where_nothing_speaks_against_it(maker, blocks, taken):
    notes = []
    value = private_number(with_private(0x70530000, "DS", "0.5", maker, *blocks), PHILIPS_SUV_FACTOR, notes)
    assert (value, len(notes)) == ((0.5, 1) if taken else (None, 0))


def test_a_private_value_that_cannot_be_read_is_said():
    notes = []
    short = with_private(0x0009000D, "DT", "20240314", "GE", 0x10, creator="GEMS_PETD_01")
    assert private_datetime(short, GE_SCAN_DATETIME, notes) is None
    words = with_private(0x70530000, "UN", b"none", "PHILIPS", 0x10, creator="Philips PET Private Group")
    assert private_number(words, PHILIPS_SUV_FACTOR, notes) is None
    assert ["passed over" in note for note in notes] == [True, True]
    assert not [note for note in notes if "2024" in note], "notes go into side-cars, where no true date may stand"


def test_a_note_repeats_no_text_of_the_header():
    notes = []
    private_number(with_private(0x70530000, "DS", "0.5", "Mueller Imaging", 0x10), PHILIPS_SUV_FACTOR, notes)
    assert "Manufacturer (0008,0070) is other" in notes[0]


@pytest.mark.parametrize(("half_life", "refused"), [(6586.2, False), (4062.6, True), (None, False)])
def test_without_a_coded_radionuclide_the_tracer_tells_which_half_life_is_right(tmp_path, half_life, refused):
    write_series(tmp_path, STORED, changes={"dose.Radiopharmaceutical": "FDG", "dose.RadionuclideHalfLife": half_life})
    for path in tmp_path.iterdir():
        dataset = pydicom.dcmread(path)
        del dataset.RadiopharmaceuticalInformationSequence[0].RadionuclideCodeSequence
        dataset.save_as(path)
    facts = pet_facts(require_one(index_folder(tmp_path), "PT", tmp_path))
    assert "18F was taken" in facts.notes[0]
    if refused:
        with pytest.raises(SuvError, match="18F has 6586.2 s"):
            suv_conversion(facts)
    else:
        assert suv_conversion(facts).activity.half_life_s == 6586.2
