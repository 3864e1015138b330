"""Every column of the lesion table has a code of legal length, or is left out on purpose."""

from pathlib import Path

from netlesion.io.dicom.objects.measures import LEFT_OUT, MEASURES, OF_FDG, PRIVATE, TOTALS, UNITS, WORDS, measure_of
from netlesion.io.dicom.objects.sites import OF_REGION, OF_STATION, site
from netlesion.quantify.region import regions
from netlesion.quantify.row import COLUMNS
from netlesion.quantify.row import WORDS as TEXTS
from netlesion.quantify.stations import STATIONS
from netlesion.quantify.summary import COLUMNS as SUMMARY

#: Regions that no code of DICOM's lists stands for.
WITHOUT_CODE = {"salivary_gland", "urinary_tract"}


def test_every_number_of_the_table_is_written():
    assert set(MEASURES) | LEFT_OUT == {c for c in COLUMNS if c not in TEXTS and c != "case"}
    assert set(TOTALS) == set(SUMMARY) - {"case"}


def test_codes_are_of_legal_length_and_no_two_measures_read_alike():
    every = [*MEASURES.values(), *OF_FDG.values(), *TOTALS.values()]
    own = [c for m in every for c in (m.name, m.method) if c is not None and c.scheme_designator == PRIVATE]
    assert all(len(c.value) <= 16 and len(c.meaning) <= 64 for c in [*own, *WORDS.values()])
    assert {m.unit for m in every} <= set(UNITS)
    for tracer in ("fdg", "dotatate"):
        whole = [measure_of(c, tracer) for c in MEASURES]
        assert len({(m.name, m.derivation, m.method) for m in whole}) == len(whole)


def test_every_private_code_and_column_is_documented():
    page = (Path(__file__).resolve().parents[4] / "docs" / "dicom-objects.md").read_text(encoding="utf-8")
    for column, measure in (*MEASURES.items(), *TOTALS.items()):
        assert f"| `{column}` | {measure.name.scheme_designator}:{measure.name.value}" in page
    assert all(code.value in page for code in WORDS.values())


def test_units_are_as_the_standard_writes_them_now():
    assert UNITS["suv"].value == "g/ml{SUVbw}"
    assert UNITS["sul"].value == "g/ml{SUVlbm(Janma)}"


def test_every_region_and_station_has_a_place_or_is_known_to_have_none():
    assert set(regions()) - set(OF_REGION) == WITHOUT_CODE
    assert all(site(code) is not None for code in (*OF_REGION.values(), *OF_STATION.values()))
    assert {s.removesuffix("_left").removesuffix("_right") for s in STATIONS} == set(OF_STATION)
    assert site("113197003", "rib_left_5").side == "left"
    assert site("113197003").meaning == "Rib"
    assert site("12345") is None
