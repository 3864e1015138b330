"""The digital cohort on disk: whole or not there, the same whoever makes it, refused in one clear line."""

import filecmp
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import netlesion.phantom.digital_cohort.bids as digital
from netlesion.errors import CohortError, ConfigError, OutputError
from netlesion.image.volume import Quantity
from netlesion.io.bids.cohort import open_cohort
from netlesion.io.bids.visit_files import load_visit
from netlesion.io.nifti import read_volume
from netlesion.io.table_file import read_table
from netlesion.phantom.cohort import ONE_SESSION
from netlesion.phantom.digital_cohort.bids import CohortPlan, make_cohort, spacing_of
from netlesion.phantom.mimics import MimicSettings

TINY = replace(
    ONE_SESSION, spacing_mm=(9.0, 9.0, 10.0), ct_spacing_mm=(12.0, 13.0, 15.0), ends=("pubis", "diaphragm_dome")
)


def files(folder: Path) -> list[Path]:
    return sorted(p.relative_to(folder) for p in folder.rglob("*") if p.is_file() and p.name != "phantom.json")


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digital") / "cohort"
    make_cohort(folder, CohortPlan(2, 5, settings=TINY, noise_free=True), workers=1)
    return folder


def test_it_opens_as_a_cohort_with_its_truth(cohort):
    opened = open_cohort(cohort)
    assert opened.patient_ids == ("001", "002")
    visit = load_visit(opened.visits[0], ("sstr", "fdg", "ct"))
    assert set(visit.scans) == {"sstr", "fdg", "ct"}
    assert {"lesions", "classes"} <= set(opened.visits[0].masks["sstr"])
    assert {"lesions", "classes"} <= set(opened.visits[0].masks["fdg"])
    names = {p.name.split("_desc-")[1] for p in cohort.rglob("*_desc-*.nii.gz")}
    expected = {"lesions_dseg", "classes_dseg", "organs_dseg", "mimics_dseg", "physiologic_mask", "noisefree_pet"}
    assert names == {f"{n}.nii.gz" for n in expected}
    assert (cohort / "derivatives/netlesion/sub-001/sub-001_lesions.tsv").is_file()
    assert not list(cohort.glob(".done-*"))


def test_the_table_of_mimics_tells_what_its_map_holds(tmp_path):
    many = replace(TINY, mimics=MimicSettings(mean_fractures=4.0, mean_degenerative=6.0, uncinate_share=1.0))
    make_cohort(tmp_path / "cohort", CohortPlan(1, 5, settings=many), workers=1)
    truth = tmp_path / "cohort/derivatives/netlesion"
    rows = read_table(truth / "sub-001/sub-001_mimics.tsv").rows
    assert {"fracture", "degenerative", "uncinate"} == {r.cells["kind"] for r in rows} - {"inflamed_node", "brown_fat"}
    (path,) = truth.rglob("*dotatate_desc-mimics_dseg.nii.gz")
    numbers, counts = np.unique(read_volume(path, Quantity.LABEL).array, return_counts=True)
    said = {r.whole("lesion_id"): r.whole("num_voxels") for r in rows if r.cells["tracer"] == "sstr"}
    assert {n: c for n, c in said.items() if c} == dict(zip(numbers[1:].tolist(), counts[1:].tolist(), strict=True))
    assert all((r.number("contrast") >= 1.5) or r.cells["in_map"] == "0" for r in rows)
    assert sum(c > 0 for c in said.values()) >= 3


def test_any_number_of_workers_writes_the_same_bytes(cohort, tmp_path):
    make_cohort(tmp_path / "again", CohortPlan(2, 5, settings=TINY, noise_free=True), workers=2)
    assert files(tmp_path / "again") == files(cohort)
    for name in files(cohort):
        assert filecmp.cmp(cohort / name, tmp_path / "again" / name, shallow=False), name


def test_a_cohort_that_is_there_is_kept_and_another_one_is_refused(cohort, capsys):
    before = os.stat(cohort / "phantom.json").st_mtime_ns
    make_cohort(cohort, CohortPlan(2, 5, settings=TINY, noise_free=True))
    assert os.stat(cohort / "phantom.json").st_mtime_ns == before
    assert "holds this cohort already" in capsys.readouterr().err
    with pytest.raises(CohortError, match="holds something else than this cohort"):
        make_cohort(cohort, CohortPlan(3, 5, settings=TINY))


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OutputError("x: could not be written (No space left on device)")

    monkeypatch.setattr(digital, "write_pet", full)
    with pytest.raises(OutputError, match="No space left"):
        make_cohort(tmp_path / "cohort", CohortPlan(1, 5, settings=TINY), workers=1)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_run_goes_on_where_it_stopped(cohort, tmp_path, monkeypatch):
    plan = CohortPlan(2, 5, settings=TINY, noise_free=True)
    made = []

    def kill_after_one(work, plan, index, original=digital._make_one):
        if index == 1 and not made:
            made.append(index)
            raise KeyboardInterrupt
        return original(work, plan, index)

    monkeypatch.setattr(digital, "_make_one", kill_after_one)
    with pytest.raises(KeyboardInterrupt):
        make_cohort(tmp_path / "cohort", plan, workers=1)
    (partial,) = tmp_path.iterdir()
    assert (partial / ".done-001").is_file()
    make_cohort(tmp_path / "cohort", plan, workers=1)
    assert files(tmp_path / "cohort") == files(cohort)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"patients": 0}, "a cohort of 0 patients cannot be made"),
        ({"preset": "net-ct"}, "there is no preset 'net-ct'; expected one of net-petct"),
        ({"spacing_mm": (1.0, 2.0, 3.0)}, "a PET spacing of 1x2x3 mm is not simulated; expected 1.6 to 6 mm"),
        ({"seed": -1}, "seed -1 cannot be used"),
    ],
)
def test_what_cannot_be_made_is_refused_in_one_line(change, line):
    with pytest.raises(ConfigError, match=line):
        CohortPlan(**{"patients": 2, "seed": 7, **change})


def test_spacing_is_one_number_or_three():
    assert spacing_of("4") == (4.0, 4.0, 4.0)
    assert spacing_of("2x2x3") == (2.0, 2.0, 3.0)
    with pytest.raises(ConfigError, match="spacing '2x3' is not understood"):
        spacing_of("2x3")


def test_a_folder_of_somebody_else_is_never_removed(tmp_path):
    other = tmp_path / "cohort.partial"
    other.mkdir()
    (other / "notes.txt").write_text("mine")
    with pytest.raises(CohortError, match="is not an unfinished cohort"):
        make_cohort(tmp_path / "cohort", CohortPlan(1, 5, settings=TINY), workers=1)
    assert (other / "notes.txt").read_text() == "mine"
