"""What goes wrong in the middle of a cohort: killed processes, threads that raise, odd volumes, two runs at once."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from netlesion.errors import OutputError
from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.io.bids.cohort import open_cohort
from netlesion.io.nifti import read_volume, write_volume
from netlesion.predict import batch
from netlesion.predict.batch import run_batch
from tests.predict.test_batch import GRID, MODEL, SETTINGS, cohort, run  # noqa: F401  (a fixture)

SLOW_RUN = """
import sys, time
from pathlib import Path
from dataclasses import replace
from tests.predict.test_batch import MODEL, hot_is_lesion, run

def slow(windows):
    time.sleep(0.1)
    return hot_is_lesion(windows)

print("started", flush=True)
run(Path(sys.argv[1]), Path(sys.argv[2]), replace(MODEL, networks=(slow,)))
"""


@pytest.fixture
def running(cohort, tmp_path):  # noqa: F811
    """A run in a process of its own, at work on the cohort; its output folder."""
    output = tmp_path / "out"
    command = [sys.executable, "-c", SLOW_RUN, str(cohort), str(output)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
    assert process.stdout.readline() == b"started\n"
    yield process, output
    process.kill()
    process.wait()


def until(happened, seconds=60.0):
    ends = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < ends, "waited in vain"
        time.sleep(0.01)


def test_a_second_run_is_refused_and_a_killed_one_is_finished_by_the_next(running, cohort, tmp_path):  # noqa: F811
    process, output = running
    until(lambda: (output / "P0" / "provenance.json").is_file())
    with pytest.raises(OutputError, match="another run is writing here"):
        run(cohort, output)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (output / "P2" / "provenance.json").is_file(), "killed too late to tell anything"
    result = run(cohort, output)
    assert "P0" in result.skipped
    assert set(result.done) | set(result.skipped) == {"P0", "P1", "P2"}
    run(cohort, whole := tmp_path / "whole")
    for visit in ("P0", "P1", "P2"):
        assert not list((output / visit).glob(".part-*"))
        name = f"{visit}/{visit}_trc-fdg_desc-lesions_dseg.nii.gz"
        again, straight = (read_volume(folder / name, Quantity.LABEL) for folder in (output, whole))
        assert np.array_equal(again.array, straight.array)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("odd"), OSError(5, "Input/output error")])
def test_what_the_reading_thread_raises_is_that_visits_failure_and_nothing_hangs(cohort, tmp_path, monkeypatch, error):  # noqa: F811
    load = batch.load_visit

    def broken(files, *rest):
        if files.visit_id == "P1":
            raise error
        return load(files, *rest)

    monkeypatch.setattr(batch, "load_visit", broken)
    result = run(cohort, tmp_path / "out")
    assert result.done == ("P0", "P2")
    assert type(error).__name__ in result.failures["P1"]


@pytest.mark.parametrize("shape", [(1, 1, 23), (1, 9, 1), (7, 5, 3000)])
@pytest.mark.parametrize("mode", ["exact", "crop"])
def test_volumes_of_any_shape_come_through(tmp_path, shape, mode):
    suv = np.zeros(shape)
    hot = tuple(n // 2 for n in shape)
    suv[hot] = 12.0
    write_volume(tmp_path / "in/P0/PET_image.nii.gz", Volume(suv, Geometry(GRID.affine_ras, shape), Quantity.SUVBW))
    settings = replace(SETTINGS, mode=mode)
    result = run_batch(open_cohort(tmp_path / "in").visits, tmp_path / "out", MODEL, settings, {}, seed=0)
    assert result.done == ("P0",)
    labels = read_volume(tmp_path / "out/P0/P0_trc-fdg_desc-lesions_dseg.nii.gz", Quantity.LABEL).array
    assert labels[hot] == 1
    assert (labels > 0).sum() == 1


@pytest.mark.parametrize("mode", ["exact", "crop"])
def test_an_empty_body_has_no_lesion(tmp_path, mode):
    write_volume(tmp_path / "in/P0/PET_image.nii.gz", Volume(np.zeros(GRID.shape), GRID, Quantity.SUVBW))
    settings = replace(SETTINGS, mode=mode)
    result = run_batch(open_cohort(tmp_path / "in").visits, tmp_path / "out", MODEL, settings, {}, seed=0)
    assert result.done == ("P0",)
    assert (tmp_path / "out/lesions.tsv").read_text().count("\n") == 1, "a head and nothing below it"


def test_a_channel_of_another_shape_is_brought_onto_the_grid(tmp_path, cohort):  # noqa: F811
    ct = np.full((5, 6, 4), -1000.0)
    write_volume(cohort / "P1/CT_image.nii.gz", Volume(ct, Geometry(GRID.affine_ras, ct.shape), Quantity.HU))
    assert run(cohort, tmp_path / "out").done == ("P0", "P1", "P2")
