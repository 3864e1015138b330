"""`netlesion read`: the steps in order, what is not done again, and one line for each patient."""

import json

import numpy as np
import pytest

from netlesion.cli import infer as infer_command
from netlesion.cli.read import run_read
from netlesion.errors import ConfigError, DicomError
from netlesion.quantify.table import write_lesions
from tests.cli.test_main import assert_one_line
from tests.report.clinical_objects.conftest import pet
from tests.typed import netlesion

CASE = "sub-001_ses-01_trc-dotatate"


@pytest.fixture
def asked(monkeypatch):
    """In place of the network: notes which visits have no record, and writes them one each."""
    from netlesion.io.bids.cohort import open_cohort

    runs = []

    def infer(config):
        from pathlib import Path

        cohort, output = open_cohort(config.input), Path(config.output)
        pending = [v for v in cohort.visits if not (output / v.visit_id / "provenance.json").is_file()]
        runs.append([v.visit_id for v in pending])
        for visit in pending:
            (output / visit.visit_id).mkdir(parents=True, exist_ok=True)
            record = {"cases": {"sstr": visit.case_id("sstr")}}
            (output / visit.visit_id / "provenance.json").write_text(json.dumps(record))
        write_lesions(output / "lesions.tsv", {})
        return 0

    monkeypatch.setattr(infer_command, "infer", infer)
    return runs


def test_a_rerun_does_only_what_is_new_and_each_patient_has_a_line(tmp_path, asked, capsys):
    pet(tmp_path / "dicom" / "one")
    assert run_read(tmp_path / "dicom", tmp_path / "out", ()) == 0
    assert run_read(tmp_path / "dicom", tmp_path / "out", ()) == 0
    assert asked == [["sub-001_ses-01"], []]
    pet(tmp_path / "dicom" / "two", seed=2, changes={"PatientID": "OTHER", "PatientName": "Roe^Jim"})
    assert run_read(tmp_path / "dicom", tmp_path / "out", ()) == 0
    assert len(asked[2]) == 1
    printed = capsys.readouterr().out
    last = printed.rpartition("3 of 3")[2]
    assert [line.split("  ")[0] for line in last.splitlines() if line.startswith("sub-")] == ["sub-001", "sub-002"]
    assert "not a medical device" in last
    for secret in ("HOSPITAL", "Doe", "Roe"):
        assert secret not in printed


def test_a_new_examination_of_a_patient_does_his_visits_again(tmp_path, asked):
    pet(tmp_path / "dicom" / "one")
    run_read(tmp_path / "dicom", tmp_path / "out", ())
    later = dict.fromkeys(("StudyDate", "SeriesDate", "AcquisitionDate"), "20240914")
    pet(tmp_path / "dicom" / "two", seed=2, changes=later)
    run_read(tmp_path / "dicom", tmp_path / "out", ())
    assert asked == [["sub-001_ses-01"], ["sub-001_ses-01", "sub-001_ses-02"]]


def test_a_refused_series_ends_with_status_1_and_the_rest_is_done(tmp_path, asked):
    pet(tmp_path / "dicom" / "one")
    pet(tmp_path / "dicom" / "two", seed=2, changes={"PatientID": "OTHER", "PatientWeight": None})
    assert run_read(tmp_path / "dicom", tmp_path / "out", ()) == 1
    assert asked == [["sub-001_ses-01"]]


def test_bad_input_is_one_line_before_any_work(tmp_path):
    (tmp_path / "empty").mkdir()
    assert_one_line(netlesion("read", tmp_path / "empty", tmp_path / "out"), "no DICOM series")
    pet(tmp_path / "dicom")
    assert_one_line(netlesion("read", tmp_path / "dicom", tmp_path / "out", "devise=cuda"), "devise")
    assert not (tmp_path / "out").exists()
    with pytest.raises(ConfigError, match="leave it out"):
        run_read(tmp_path / "dicom", tmp_path / "out", ("output=x",))
    with pytest.raises(DicomError, match="no such folder"):
        run_read(tmp_path / "absent", tmp_path / "out", ())


def test_lesions_and_failures_stand_in_the_line_of_their_patient(tmp_path):
    from netlesion.cli.read import summary_lines
    from netlesion.image.geometry import Geometry
    from netlesion.image.volume import Quantity, Volume
    from netlesion.quantify.measure import measure

    grid = Geometry(np.diag([-10.0, 10.0, 10.0, 1.0]), (7, 5, 4))
    labels = np.zeros(grid.shape, np.uint8)
    labels[1, 1, 1], labels[4, 3, 2] = 1, 2
    rows = measure(Volume(np.ones(grid.shape), grid, Quantity.SUVBW), Volume(labels, grid, Quantity.LABEL))
    results = tmp_path / "results"
    write_lesions(results / "lesions.tsv", {CASE: rows})
    (results / "sub-001_ses-01").mkdir()
    (results / "sub-001_ses-01" / "provenance.json").write_text(json.dumps({"cases": {"sstr": CASE}}))
    (results / "provenance.json").write_text(json.dumps({"failures": {"sub-002_ses-01": "a reason"}}))
    answers = {"answers": [{"question": "staging", "status": "answered"}, {"question": "primary", "status": "no"}]}
    (results / "answers" / "sub-001").mkdir(parents=True)
    (results / "answers" / "sub-001" / "answers.json").write_text(json.dumps(answers))
    for subject in ("sub-001", "sub-002"):
        (tmp_path / "cohort" / subject).mkdir(parents=True)
    one, two = summary_lines(tmp_path / "cohort", results)
    assert one == "sub-001  1 visit  2 lesions in dotatate  2.0 ml  1 of 2 questions answered"
    assert two == "sub-002  0 visits  no PET read  failed: a reason"
