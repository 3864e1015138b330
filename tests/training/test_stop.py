"""Stopped by a signal and continued equals never stopped, to the last bit; one training at a time in a run folder."""

import os
import signal

import pytest
import torch

from netlesion.cli.config import compose
from netlesion.cli.train import train
from netlesion.errors import OutputError
from netlesion.output import interrupt
from netlesion.output.lock import alone
from netlesion.training.module import LesionModule
from tests.training.test_resume import command


def config_of(cohort, runs, *extra):
    small = ("trainer.max_epochs=2", "network.filters=[2,4,4]", "callbacks.progress_bar.refresh_rate=0")
    return compose("train", command(cohort, runs, *small, *extra)[2:])


@pytest.fixture(scope="module")
def whole(tiny_cohort, tmp_path_factory):
    """The weights of a run that was never stopped."""
    runs = tmp_path_factory.mktemp("whole")
    assert train(config_of(tiny_cohort, runs)) == 0
    yield last(runs)
    torch.use_deterministic_algorithms(False)


def last(runs):
    return torch.load(runs / "sts" / "checkpoints" / "last.ckpt", map_location="cpu", weights_only=True)


@pytest.mark.parametrize(
    ("where", "call", "saved"),
    [
        ("training_step", 3, "epoch 0, step 3"),
        ("training_step", 6, "epoch 0, step 6"),
        ("training_step", 8, "epoch 1, step 8"),
        ("validation_step", 1, "epoch 0, step 6"),
    ],
)
def test_stopped_anywhere_and_continued_equals_never_stopped(
    whole,
    tiny_cohort,
    tmp_path,
    monkeypatch,
    where,
    call,
    saved,
):
    calls, step = [], getattr(LesionModule, where)

    def interrupting(*arguments):
        calls.append(1)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(*arguments)

    before = [signal.getsignal(number) for number in interrupt.SIGNALS]
    monkeypatch.setattr(interrupt, "_state", interrupt._State(at_work=True))
    monkeypatch.setattr(LesionModule, where, interrupting)
    interrupt.end_in_one_line()
    try:
        with pytest.raises(interrupt.Interrupted) as stop:
            train(config_of(tiny_cohort, tmp_path), ["experiment=sts", "window=[8,8,8]", "+ckpt_path=null"])
    finally:
        signal.set_wakeup_fd(-1)
        for number, handler in zip(interrupt.SIGNALS, before, strict=True):
            signal.signal(number, handler)
    assert stop.value.status == 143
    assert interrupt._state.line().startswith(f"a checkpoint of {saved} was saved; continue with: netlesion train ")
    assert interrupt._state.line().endswith("train experiment=sts 'window=[8,8,8]' ckpt_path=last")
    monkeypatch.setattr(interrupt, "_state", interrupt._State())
    assert train(config_of(tiny_cohort, tmp_path, "ckpt_path=last")) == 0
    ours = last(tmp_path)
    assert ours["global_step"] == whole["global_step"]
    for name, value in whole["state_dict"].items():
        assert torch.equal(ours["state_dict"][name], value), name
    moments = [run["optimizer_states"][0]["state"].values() for run in (ours, whole)]
    for one, other in zip(*moments, strict=True):
        assert all(torch.equal(one[k], other[k]) for k in other)


def test_a_second_training_does_not_take_over_a_running_one(tiny_cohort, tmp_path):
    (tmp_path / "sts").mkdir()
    (tmp_path / "sts" / "config.json").write_text("{}")
    with (
        alone(tmp_path / "sts"),
        pytest.raises(OutputError, match="another run is writing here.*another name or runs_dir"),
    ):
        train(config_of(tiny_cohort, tmp_path))
    assert sorted(p.name for p in tmp_path.iterdir()) == [".sts.lock", "sts"]
