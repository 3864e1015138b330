"""A cohort as a whole: duplicates, splits, workers, what is written and the exit status."""

import json

import pytest
from markupsafe import escape

from netlesion.errors import CohortError, ConfigError
from netlesion.preprocess.harmonise import resample
from netlesion.report.validation import write_validation
from netlesion.validate.finding import CHECKS, Level
from netlesion.validate.run import validate
from netlesion.validate.visit import Expectations
from tests.typed import netlesion
from tests.validate.conftest import scaled


def test_a_clean_cohort_has_no_finding_whatever_the_workers(build, patients, tmp_path):
    root = build({"001": patients[0], "002": patients[1]})
    (tmp_path / "split.json").write_text(json.dumps({"train": ["001"], "val": [], "test": ["002"]}))
    found = validate(root, split_paths=[tmp_path / "split.json"])
    assert found.findings == ()
    assert (found.num_visits, found.num_patients) == (2, 2)
    assert [c.check for c in found.checks] == list(CHECKS)
    assert validate(root, workers=2, split_paths=[tmp_path / "split.json"]) == found


def test_one_patient_under_two_ids_is_found_in_the_data_and_in_the_split(build, patients, tmp_path):
    """The copy is scaled and resampled, so that no hash of a file or of its voxels tells."""

    def disguised(volume):
        return scaled(0.8)(resample(volume, volume.geometry.resampled((4.1, 6.3, 5.2))))

    unmasked = {"sstr": lambda mask: resample(mask, mask.geometry.resampled((4.1, 6.3, 5.2)))}
    root = build(
        {"900": patients[0], "001": patients[0], "002": patients[1]},
        images={"sstr": disguised},
        masks=unmasked,
        channels=("sstr", "fdg"),
    )
    (tmp_path / "split.json").write_text(json.dumps({"train": ["900", "002"], "val": [], "test": ["001"]}))
    found = validate(root, split_paths=[tmp_path / "split.json"])
    duplicates = {f.image: f.value for f in found.findings if f.check == "duplicate"}
    assert "voxel for voxel" in duplicates["fdg"]
    assert "alike" in duplicates["sstr"]
    (leak,) = [f for f in found.findings if f.check == "split"]
    assert leak.level is Level.ERROR
    assert "001 is in test and its copy 900 in train" in leak.value


def test_splits_that_leak_or_do_not_fit_are_found(build, patients, tmp_path):
    root = build({"001": patients[0], "002": patients[1]}, channels=("fdg",))
    (tmp_path / "a.json").write_text(json.dumps({"train": ["001"], "val": ["001"], "test": ["777"]}))
    folds = [{"train": ["sub-001_ses-01"], "val": ["sub-002_ses-01"]}, {"train": ["001"], "val": ["001_b", "002"]}]
    (tmp_path / "splits_final.json").write_text(json.dumps(folds))
    found = [f for f in validate(root, split_paths=[tmp_path]).findings if f.check == "split"]
    assert {(f.level, f.value.split(":")[0], f.visit) for f in found} == {
        (Level.ERROR, "a.json", "001"),
        (Level.WARNING, "a.json", "002"),
        (Level.NOTE, "a.json", "777"),
        (Level.ERROR, "splits_final.json fold 1", "001"),
    }


@pytest.mark.parametrize("content", ["[]", "{}", "5", "{"])
def test_a_file_that_is_no_split_is_refused(build, tmp_path, content):
    root = build(channels=("fdg",))
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(CohortError, match="not a split file"):
        validate(root, split_paths=[tmp_path / "x.json"])
    with pytest.raises(CohortError, match="no such split file"):
        validate(root, split_paths=[tmp_path / "y.json"])
    with pytest.raises(ConfigError, match="--expect is 'feet'"):
        validate(root, Expectations("feet"))


def test_the_report_is_written_whole_and_escaped(build, tmp_path):
    found = validate(build(images={"fdg": scaled(8)}))
    page = write_validation(tmp_path / "out", found, {"expect": "any"})
    rows = (tmp_path / "out/validation.tsv").read_text().splitlines()
    assert len(rows) == 1 + len(found.findings)
    assert set(rows[0].split("\t")) == set(json.loads((tmp_path / "out/validation_columns.json").read_text()))
    content = json.loads((tmp_path / "out/validation.json").read_text())
    assert content["counts"]["error"] == found.count(Level.ERROR) > 0
    html = page.read_text()
    assert found.findings
    assert all(str(escape(f.value)) in html and str(escape(f.remedy)) in html for f in found.findings)
    assert all(str(escape(asks)) in html for asks in CHECKS.values())
    assert "not a medical device" in html
    assert "the CT&#39;s" in html or "liver&#39;s" in html


def test_a_clean_cohort_exits_with_0(build):
    done = netlesion("validate", build(channels=("fdg",)), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["findings"] == []


def test_a_warning_exits_with_1_only_if_strict(build):
    root = build(images={"fdg": scaled(2.3)}, channels=("fdg",))
    done = netlesion("validate", root, "--strict")
    assert done.returncode == 1
    assert "warning: sub-001_ses-01 fdg: " in done.stdout
    found = validate(root)
    assert found.count(Level.ERROR) == 0
    assert found.count(Level.WARNING) > 0


@pytest.mark.realdata
def test_real_crops_raise_no_alarm(shared_data):
    found = validate(shared_data / "sts_crops")
    assert found.findings == ()
    assert {c.check for c in found.checks if c.made} >= {"suv", "slices", "alignment", "lesions-in-body"}
