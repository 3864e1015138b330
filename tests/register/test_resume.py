"""A patient is registered once, and again only where his images or the settings have changed."""

import json

import pytest

from netlesion.errors import CohortError
from netlesion.register import resume
from netlesion.register.cohort import PairOutcome, Settings


@pytest.fixture
def cohort(tmp_path, monkeypatch):
    """Two subjects of one file each, and a registration that only notes whom it was asked for."""
    asked = []

    def register(cohort, settings, subject):
        asked.append(subject.name)
        return [PairOutcome(subject.name, "ses-01_ct", "ses-01", "", "headers", "", 0.1, 0.1, None, 0.9, "they stand")]

    monkeypatch.setattr(resume, "register_patient", register)
    for name in ("sub-001", "sub-002"):
        image = tmp_path / name / "ses-01" / "pet" / f"{name}_pet.nii.gz"
        image.parent.mkdir(parents=True)
        image.write_bytes(b"image")
        image.with_name(f"{name}_pet.json").write_text("{}")
    return tmp_path, asked


def test_a_second_run_registers_nobody_and_tells_the_same(cohort):
    folder, asked = cohort
    first = resume.register_missing(folder, Settings())
    again = resume.register_missing(folder, Settings())
    assert asked == ["sub-001", "sub-002"]
    assert (first.now, again.now) == (("sub-001", "sub-002"), ())
    assert again.outcomes == first.outcomes


def test_new_images_a_changed_side_car_other_settings_and_a_record_cut_off_are_done_again(cohort):
    folder, asked = cohort
    resume.register_missing(folder, Settings())
    asked.clear()
    (folder / "sub-001" / "ses-01" / "pet" / "sub-001_trc-fdg_pet.nii.gz").write_bytes(b"new")
    assert resume.register_missing(folder, Settings()).now == ("sub-001",)
    (folder / "sub-002" / "ses-01" / "pet" / "sub-002_pet.json").write_text('{"FrameOfReferenceHash": "other"}')
    assert resume.register_missing(folder, Settings()).now == ("sub-002",)
    (folder / resume.FOLDER / "sub-002.json").write_text('{"images"')
    assert resume.register_missing(folder, Settings()).now == ("sub-002",)
    assert resume.register_missing(folder, Settings(followups=True)).now == ("sub-001", "sub-002")
    assert json.loads((folder / resume.FOLDER / "sub-001.json").read_text())["pairs"][0]["status"] == "headers"


def test_a_folder_without_patients_is_refused(tmp_path):
    with pytest.raises(CohortError, match="no sub-"):
        resume.register_missing(tmp_path, Settings())
