"""What would waste hours is one line before they begin; a loss that is not finite ends a training with its batch."""

import json

import numpy as np
import pytest
import torch

from netlesion.cli.config import compose, run_guarded
from netlesion.cli.train import train
from netlesion.models.checkpoint import load_checkpoint, save_checkpoint
from netlesion.training.module import LesionModule
from tests.training.test_resume import command


@pytest.fixture(autouse=True)
def _algorithms():
    yield
    torch.use_deterministic_algorithms(False)


def run(cohort, runs, *extra):
    small = (
        "network.filters=[2,4,4]",
        "network.dropout=0",
        "callbacks.progress_bar.refresh_rate=0",
        "callbacks=default",
    )
    words = [w for w in command(cohort, runs, *small, *extra)[2:] if not w.startswith("callbacks.ema")]
    return run_guarded(lambda: train(compose("train", words), words))


def said(capsys):
    (line,) = [x for x in capsys.readouterr().err.splitlines() if x.startswith("error: ")]
    return line


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["optimizer.lr=0"], "optimizer.lr is 0, expected above 0"),
        (["network.filters=[1000000000,8,8]"], "network.filters[0] is 1000000000"),
        (["spacing_mm=[0.0001,4,4]"], "spacing_mm[0] is 0.0001"),
        (["classes.fdg=[background,tumour]"], "'tumour' is not one of background"),
        (["name=../elsewhere"], "name is '../elsewhere', expected letters"),
        (["name=/etc"], "expected letters"),
        (["cohort=absent"], "absent: no such folder"),
        (["fine_tune=absent.safetensors"], "absent.safetensors: no such checkpoint"),
        (["fine_tune=shipped"], "fine_tune: the weights are of a network with architecture strided_unet"),
        (["data.batch_size=100000"], "data.batch_size is 100000"),
        (["splitting.val_fraction=0.05"], "holds none of the 0 patients of its validation part"),
        (["splitting.test_fraction=0.9"], "must leave patients to train on"),
        (["trainer.precision=foo"], "trainer: "),
    ],
)
def test_nonsense_is_one_line_and_leaves_no_run(tiny_cohort, tmp_path, capsys, words, line):
    assert run(tiny_cohort, tmp_path, *words) == 1
    assert line in said(capsys)
    assert not list(tmp_path.rglob("*.ckpt"))
    assert not list(tmp_path.rglob("metrics.csv"))


@pytest.mark.parametrize(
    ("split", "line"),
    [
        (
            {"train": ["STS_000", "STS_001"], "val": ["STS_001"], "test": []},
            "is in train and in val; one patient, one part",
        ),
        (
            {"train": [], "val": ["STS_000"], "test": ["STS_001", "STS_002", "STS_003", "STS_004"]},
            "none of the 0 training",
        ),
        (
            {"train": ["STS_000"], "val": [], "test": ["STS_001", "STS_002", "STS_003", "STS_004"]},
            "of its validation part",
        ),
        ({"train": ["STS_000"], "val": ["STS_001"], "test": []}, "does not name 3 patients"),
    ],
)
def test_a_split_that_cannot_be_trained_on_is_one_line(tiny_cohort, tmp_path, capsys, split, line):
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits" / "sts.json").write_text(json.dumps(split))
    assert run(tiny_cohort, tmp_path) == 1
    assert line in said(capsys)


def test_a_check_is_one_batch_of_everything_and_what_does_not_fit_its_model_is_refused(tiny_cohort, tmp_path, capsys):
    """debug=check leaves every file that a training leaves, in a folder of its own."""
    assert run(tiny_cohort, tmp_path, "debug=check", "trainer.max_epochs=1") == 0
    folder = tmp_path / "debug" / "check-sts"
    left = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert left >= {
        "config.json", "metrics.csv", "events.jsonl", "summary.json", "provenance.json", "model.safetensors",
        "model.json", "checkpoints/best.ckpt", "checkpoints/last.ckpt", "validation/epoch-0000/froc.png",
        "validation/epoch-0000/sensitivity.csv", "validation/epoch-0000/worst_1.png",
    }  # fmt: skip
    assert not (tmp_path / "sts").exists()
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert (events[0]["num_training_visits"], events[0]["num_validation_visits"], events[0]["steps"]) == (1, 1, 1)
    capsys.readouterr()
    last = folder / "checkpoints" / "last.ckpt"
    for words, line in (
        (["channels=[fdg,ct]"], "trained on channels fdg, ct, mr_t1, the configuration names fdg, ct"),
        (["network.filters=[4,4,4]"], "trained with network"),
        (["optimizer.lr=0"], "optimizer.lr is 0"),
    ):
        assert run(tiny_cohort, tmp_path, f"ckpt_path={last}", "debug=check", "trainer.max_epochs=1", *words) == 1
        assert line in said(capsys)
    card, weights = load_checkpoint(folder / "model.safetensors")
    other = tmp_path / "other.safetensors"
    save_checkpoint(other, {k.replace("weight", "gamma"): v for k, v in weights.items()}, card)
    stranger = json.loads(other.with_suffix(".json").read_text())
    for change, line in (
        ({}, "weights do not fit the network"),
        ({"layers": 3}, "has a field 'layers', which is not known"),
    ):
        other.with_suffix(".json").write_text(json.dumps(stranger | change))
        assert run(tiny_cohort, tmp_path, f"fine_tune={other}", "network.dropout=0") == 1
        assert line in said(capsys)
    assert json.loads((folder / "events.jsonl").read_text().splitlines()[-1])["event"] == "end", "nothing was touched"


def test_a_loss_that_is_not_finite_ends_the_training_with_its_batch(tiny_cohort, tmp_path, capsys, monkeypatch):
    build, calls = LesionModule.training_step, []

    def poisoned(self, batch, number):
        calls.append(1)
        if len(calls) == 3:
            batch["image"][0, 0, 1, 2, 3] = np.nan
        return build(self, batch, number)

    monkeypatch.setattr(LesionModule, "training_step", poisoned)
    assert run(tiny_cohort, tmp_path, "trainer.max_epochs=1") == 1
    line = said(capsys)
    assert "the loss is nan at epoch 0, step 2, with patches of STS_" in line
    saved = torch.load(tmp_path / "sts" / "not_finite_batch.pt", weights_only=True)
    assert saved["step"] == 2
    assert saved["batch"]["image"][0, 0, 1, 2, 3].isnan()
    assert all(visit in line for visit in saved["visits"])
    assert json.loads((tmp_path / "sts" / "events.jsonl").read_text().splitlines()[-1])["reason"] == "TrainingError"
