"""Lesions -> TID 1500: every value with its code, derivation and unit, every segment named once."""

import json
import shutil
import subprocess

import pydicom
import pytest
from pydicom.sr.codedict import codes

from netlesion.io.dicom.objects.maker import save
from netlesion.io.dicom.objects.reported import ReportedCase
from netlesion.io.dicom.objects.segmentation import segmentation
from netlesion.io.dicom.objects.structured_report import structured_report
from tests.io.dicom.objects.conftest import reported, uid


@pytest.fixture
def report(tmp_path, made):
    seg = segmentation(made.labels, made.case, made.source, uid)
    save(structured_report(made.case, made.source, seg, uid), tmp_path / "sr.dcm")
    return tmp_path / "sr.dcm", seg


def tree(item, depth=0):
    """(depth, concept, value) of every content item, by bare pydicom."""
    name = item.ConceptNameCodeSequence[0].CodeValue if "ConceptNameCodeSequence" in item else ""
    if item.ValueType == "NUM":
        measured = item.MeasuredValueSequence[0]
        value = (float(measured.NumericValue), measured.MeasurementUnitsCodeSequence[0].CodeValue)
    elif item.ValueType == "CODE":
        code = item.ConceptCodeSequence[0]
        value = (code.CodingSchemeDesignator, code.CodeValue)
    elif item.ValueType == "IMAGE":
        reference = item.ReferencedSOPSequence[0]
        value = (reference.ReferencedSOPInstanceUID, reference.get("ReferencedSegmentNumber"))
    else:
        value = item.get("TextValue") or item.get("UID")
    yield depth, name, value
    for child in item.get("ContentSequence") or ():
        yield from tree(child, depth + 1)


def test_values_come_back_through_highdicom_with_codes_and_units(report):
    import highdicom

    path, _ = report
    content = highdicom.sr.srread(path).content
    groups = content.get_volumetric_roi_measurement_groups()
    assert [g.tracking_identifier for g in groups] == ["ses-01_L001", "ses-01_L002", "ses-01_L300"]
    found = {
        (m.name.value, None if m.derivation is None else m.derivation.value, m.unit.value): m.value
        for m in groups[0].get_measurements()
    }
    assert found == {
        ("118565006", None, "ml"): 1.25,
        ("126401", "56851009", "g/ml{SUVbw}"): 12.345678,
        ("126401", "126031", "g/ml{SUVbw}"): 10.5,
        ("TLSRE", None, "g"): 9.0,
    }
    assert groups[0].finding_sites[0].value.value == "10200004"
    assert groups[1].finding_sites[0].laterality.meaning == "Left"
    assert groups[0].get_qualitative_evaluations()[0].name.value == "QKRENNING"


def test_every_segment_is_named_once_with_its_tracking_uid(report):
    path, seg = report
    found = list(tree(pydicom.dcmread(path)))
    named = [value for _, _, value in found if isinstance(value, tuple) and value[0] == seg.SOPInstanceUID]
    assert sorted(number for _, number in named) == [1, 2, 3]
    tracked = [value for _, name, value in found if name == "112040"]
    assert all(tracked.count(s.TrackingUID) == 1 for s in seg.SegmentSequence)


def test_the_tracer_stands_in_the_image_library_with_every_image(report, made):
    found = list(tree(pydicom.dcmread(report[0])))
    assert (4, "349358000", ("SCT", "724025002")) in [(d + 1, n, v) for d, n, v in found]
    images = {value[0] for _, name, value in found if name == "260753009"}
    assert images == {h.SOPInstanceUID for h in made.source.headers}


def test_volume_and_uptake_of_fdg_have_names_of_their_own(tmp_path, made):
    case = reported(tracer_label="fdg")
    found = structured_report(case, made.source, segmentation(made.labels, case, made.source, uid), uid)
    names = {name for _, name, _ in tree(found)}
    assert {"126032", "126033"} <= names
    assert "TLSRE" not in names


def test_codes_are_those_of_the_standard_or_listed_as_private(report):
    schemes = (codes.SCT, codes.DCM, codes.UCUM, codes.LN, codes.UMLS)
    known = {(c.value, c.scheme_designator) for s in schemes for c in s.concepts.values()}
    own = {(c.CodeValue, c.CodingSchemeDesignator) for e in pydicom.dcmread(report[0]).iterall()
           if e.VR == "SQ" and e.keyword.endswith("CodeSequence") for c in e.value}  # fmt: skip
    strange = {code for code in own - known if code[1] not in ("99NETLES", "RFC5646")}
    assert strange <= {("ml", "UCUM"), ("g", "UCUM"), ("1", "UCUM"), ("C2348792", "UMLS")}  # highdicom's Time Point


def test_no_lesion_is_a_report_without_a_segment(tmp_path, made):
    none = ReportedCase(made.case.case, "ses-01", "dotatate", (), {"num_lesions": 0.0}, "netlesion", "ab12")
    found = list(tree(structured_report(none, made.source, None, uid)))
    assert [value for _, name, value in found if name == "NUM_LESIONS"] == [(0.0, "1")]


@pytest.mark.skipif(shutil.which("tid1500reader") is None, reason="an optional oracle, dcmqi, is not installed")
def test_dcmqi_reads_the_same_values(tmp_path, report):
    out = tmp_path / "sr.json"
    subprocess.run(
        ["tid1500reader", "--inputDICOM", report[0], "--outputMetadata", out], check=True, capture_output=True
    )
    groups = json.loads(out.read_text())["Measurements"]
    assert [g["TrackingIdentifier"] for g in groups] == ["ses-01_L001", "ses-01_L002", "ses-01_L300", "all lesions"]
    assert [g["ReferencedSegment"] for g in groups[:3]] == [1, 2, 3]
    items = {(i["quantity"]["CodeValue"], i.get("derivationModifier", {}).get("CodeValue")): i for i in
             groups[0]["measurementItems"]}  # fmt: skip
    assert float(items["126401", "56851009"]["value"]) == 12.345678
    assert items["126401", "56851009"]["units"]["CodeValue"] == "g/ml{SUVbw}"
    assert groups[0]["FindingSite"]["CodeMeaning"] == "Liver"


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is not installed")
@pytest.mark.parametrize("made", ["gapped", "enhanced"], indirect=True)
def test_dciodvfy_finds_no_error(report):
    found = subprocess.run(["dciodvfy", report[0]], capture_output=True, text=True).stderr
    assert [line for line in found.splitlines() if line.startswith("Error")] == []
