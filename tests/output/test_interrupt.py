"""A signal ends each program in one line, with the status that a shell expects, and nothing half-written."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.predict.test_batch import make_cohort

ROOT = Path(__file__).resolve().parents[2]
#: A run of inference as infer.py makes it, with a network that is slow, or one whose call does not come back.
RUN = """
import signal, sys, time
from dataclasses import replace
from pathlib import Path
from netlesion.output import interrupt
interrupt.end_in_one_line()
from netlesion.cli.config import guarded
from tests.predict.test_batch import MODEL, hot_is_lesion, run

kind, inputs, output = sys.argv[1:]
interrupt._state.seconds = 1.0 if kind == "stuck" else 9.0

def slow(windows):
    time.sleep(0.05)
    return hot_is_lesion(windows)

def stuck(windows):
    # as a long call into a library: the signal goes to another thread, and no handler runs in this one
    signal.pthread_sigmask(signal.SIG_BLOCK, interrupt.SIGNALS)
    print("at work", flush=True)
    time.sleep(100)

def work(config):
    print("at work", flush=True) if kind == "slow" else None
    run(Path(inputs), Path(output), replace(MODEL, networks=({"slow": slow, "stuck": stuck}[kind],)))
    return 0

guarded(work, None)
"""


@pytest.mark.parametrize(("kind", "number"), [("slow", signal.SIGINT), ("stuck", signal.SIGTERM)])
def test_inference_ends_in_one_line_without_leftovers(tmp_path, kind, number):
    cohort, out = make_cohort(tmp_path), tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, kind, str(cohort), str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )
    assert process.stdout.readline() == "at work\n"
    while kind == "slow" and not (out / "P0" / "provenance.json").is_file() and process.poll() is None:
        time.sleep(0.01)
    os.killpg(process.pid, number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    lines = [
        line for line in errors.replace("\r", "\n").splitlines() if line.strip() and not line.startswith("inference:")
    ]
    finished = sorted(p.parent.name for p in out.glob("*/provenance.json"))
    assert lines == [
        f"interrupted: {len(finished)} of 3 visits are finished; start the same command again to go on with the rest"
    ]
    assert kind == "stuck" or 1 <= len(finished) < 3
    assert not list(out.rglob(".part-*"))
    assert all((out / visit / f"{visit}_trc-fdg_mip.png").is_file() for visit in finished)


def test_a_program_that_is_still_starting_ends_in_one_line():
    code = "from netlesion.output import interrupt; interrupt.end_in_one_line(); print(1, flush=True); input()"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=-1,
        stdout=-1,
        stderr=-1,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    process.stdout.readline()
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors.strip()) == (
        143,
        "interrupted: nothing was done yet; start the same command again",
    )
