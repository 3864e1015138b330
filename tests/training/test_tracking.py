"""What W&B is shown of a validation, and what the run folder alone keeps."""

from types import SimpleNamespace

import numpy as np
import torch

from netlesion.output.run_files import read_events, read_metrics
from netlesion.training.run_folder import RunFolderLogger
from netlesion.training.tracking import Tracking
from netlesion.training.validation_record import Picture, Table, ValidationRecord


class Shown:
    """A logger that takes pictures and tables, as Lightning's for W&B does."""

    def __init__(self):
        self.calls = []

    def log_hyperparams(self, params):
        self.calls.append(("config", params))

    def log_metrics(self, metrics, step):
        self.calls.append(("metrics", metrics, step))

    def log_image(self, key, images, step, caption):
        self.calls.append((key, images[0].shape, step, caption))

    def log_table(self, key, columns, data, step):
        self.calls.append((key, columns, data, step))


def trainer_of(loggers, step=12, **more):
    data = SimpleNamespace(data_hash="abc", train_visits=[1, 2], val_visits=[3])
    metrics = {"val/score": torch.tensor(0.5), "val/dice": torch.tensor(0.25), "train/loss": torch.tensor(1.0)}
    facts = {"current_epoch": 2, "global_step": step, "estimated_stepping_batches": 20, "log_every_n_steps": 4}
    return SimpleNamespace(loggers=loggers, datamodule=data, callback_metrics=metrics, **facts | more)


def test_a_validation_is_kept_with_names_and_shown_without(tmp_path):
    folder, shown, tracking = RunFolderLogger(str(tmp_path)), Shown(), Tracking({"name": "net", "git_commit": "f00"})
    trainer, module = trainer_of([folder, shown]), torch.nn.Linear(2, 1)
    module.validation_record = ValidationRecord(
        {"sensitivity": Table(("tracer", "lesions"), (("fdg", 3),))},
        {"worst_1": Picture(np.zeros((4, 6, 3), np.uint8), "fdg, Dice 0.10", {"visit": "sub-007_ses-01"})},
    )
    tracking.on_train_start(trainer_of([folder, shown], step=0), module)
    tracking.on_validation_start(trainer, module)
    tracking.on_validation_end(trainer, module)
    tracking.on_train_end(trainer, module)
    start, validation, end = read_events(tmp_path / "events.jsonl")
    assert (start["event"], start["data_hash"], start["num_parameters"], start["git_commit"]) == (
        "start",
        "abc",
        3,
        "f00",
    )
    assert validation["figures"] == {"val/score": 0.5, "val/dice": 0.25}
    assert validation["files"]["worst_1.png"]["visit"] == "sub-007_ses-01"
    assert (tmp_path / validation["files"]["worst_1.png"]["file"]).is_file()
    assert end["best"] == tracking.best == {"val/score": 0.5, "val/dice": 0.25, "epoch": 2.0, "step": 11.0}
    assert "sub-007" not in str(shown.calls)
    assert ("val/worst_1", (4, 6, 3), 11, ["fdg, Dice 0.10"]) in shown.calls
    assert ("val/sensitivity_table", ["tracer", "lesions"], [["fdg", 3]], 11) in shown.calls


def test_speed_memory_and_learning_rate_come_every_so_many_steps(tmp_path):
    folder, tracking = RunFolderLogger(str(tmp_path)), Tracking({})
    optimizer = torch.optim.SGD(torch.nn.Linear(2, 1).parameters(), lr=0.125)
    for step in range(1, 10):
        trainer = trainer_of([folder], step, optimizers=[optimizer], is_last_batch=step == 9)
        tracking.on_train_batch_start()
        tracking.on_train_batch_end(trainer, None, {"loss": torch.tensor(2.0)}, {"image": torch.zeros(3, 1)}, step)
    rows = read_metrics(tmp_path / "metrics.csv")[1]
    assert [row["step"] for row in rows] == ["3", "7", "8"]
    assert {row["optimizer/lr"] for row in rows} == {"0.125"}
    for row in rows:
        assert float(row["speed/patches_per_s"]) > float(row["speed/steps_per_s"]) > 0
        assert 0 <= float(row["speed/waiting_for_data_fraction"]) <= 1
        assert float(row["memory/peak_mb"]) > 10


def test_the_best_figures_outlive_a_kill():
    tracking = Tracking({})
    tracking.best = {"val/score": 0.5}
    other = Tracking({})
    other.load_state_dict(tracking.state_dict())
    assert other.best == {"val/score": 0.5}
