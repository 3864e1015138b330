"""Killed and continued equals never killed, to the last bit; through train.py, as a user would."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch

from netlesion.output.run_files import read_events, read_metrics
from tests.typed import netlesion

ROOT = Path(__file__).resolve().parents[2]


def command(cohort, runs, *extra):
    return [
        sys.executable,
        str(ROOT / "train.py"),
        "experiment=sts",
        f"cohort={cohort}",
        f"runs_dir={runs}",
        "window=[8,8,8]",
        "network.filters=[4,8,8]",
        "network.dropout=0.2",
        "trainer.max_epochs=4",
        "logger=csv",
        "splitting.val_fraction=0.2",
        "splitting.test_fraction=0.2",
        "splitting.always_test=[]",
        "callbacks=ema",
        "callbacks.ema.decay=0.9",
        "augmentation.drop_prob=0.5",
        *extra,
    ]


def run(*arguments):
    return subprocess.run(command(*arguments), cwd=ROOT, capture_output=True, text=True, check=False)


def weights_of(runs):
    content = torch.load(runs / "sts" / "checkpoints" / "last.ckpt", map_location="cpu", weights_only=True)
    return content["state_dict"], content["optimizer_states"], content["global_step"]


def metrics_of(run):
    """What was logged but for times, speed and memory, which no two runs share, and for the mean loss of an epoch,
    which is logged after the checkpoint that the killed run went on from.
    """
    told = ("time", "speed/", "memory/")
    rows = [{k: v for k, v in row.items() if not k.startswith(told)} for row in read_metrics(run / "metrics.csv")[1]]
    return [(row["step"], row) for row in rows if len(row) > 2 and "train/loss" not in row]


def read_json(path):
    return json.loads(path.read_text())


def test_killed_and_continued_equals_never_killed(tiny_cohort, tmp_path):
    whole = run(tiny_cohort, tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    assert "validation score" in whole.stdout

    process = subprocess.Popen(
        command(tiny_cohort, tmp_path / "cut"),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    last = tmp_path / "cut" / "sts" / "checkpoints" / "last.ckpt"
    deadline = time.monotonic() + 300
    while not last.is_file() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert last.is_file()
    rest = run(tiny_cohort, tmp_path / "cut", "ckpt_path=last")
    assert rest.returncode == 0, rest.stderr

    ours, theirs = weights_of(tmp_path / "cut"), weights_of(tmp_path / "whole")
    assert ours[2] == theirs[2]
    for key, value in theirs[0].items():
        assert torch.equal(ours[0][key], value), key
    for ours_state, theirs_state in zip(ours[1][0]["state"].values(), theirs[1][0]["state"].values(), strict=True):
        assert all(torch.equal(ours_state[k], theirs_state[k]) for k in theirs_state)
    exported = [(tmp_path / part / "sts" / "model.safetensors").read_bytes() for part in ("cut", "whole")]
    assert exported[0] == exported[1]
    logged = [metrics_of(tmp_path / part / "sts") for part in ("cut", "whole")]
    assert logged[0] == logged[1]
    assert [step for step, _ in logged[0]][-1] == "23"
    events = [[e["event"] for e in read_events(tmp_path / part / "sts" / "events.jsonl")] for part in ("cut", "whole")]
    assert events[1] == ["start", *["validation"] * 4, "end"]
    assert [e for e in events[0] if e not in ("resume", "stop")] == events[1]
    assert read_json(tmp_path / "cut" / "sts" / "summary.json")["best"]["val/score"] > 0


def test_no_checkpoint_to_continue_from_is_one_line(tiny_cohort, tmp_path):
    _, _, *words = command(tiny_cohort, tmp_path, "ckpt_path=last")
    done = netlesion("train", *words)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("error: ")
    assert "no checkpoint to continue from" in done.stderr
    assert list(tmp_path.iterdir()) == []
