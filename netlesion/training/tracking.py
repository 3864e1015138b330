"""What every logger of a training is told: settings and data at the start, speed and memory by the step, tables and
pictures at every validation, the best figures at the end.

Numbers go through Lightning's `log`, to every logger alike. Tables and pictures go to those that take them: the run
folder (`RunFolderLogger`) and W&B. Names of visits stay in the run folder.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch

from netlesion.output.provenance import peak_memory_mb
from netlesion.training.run_folder import RunFolderLogger
from netlesion.training.validation_record import ValidationRecord


class Tracking(pl.Callback):
    """Tells the loggers of its trainer.

    Args:
        facts: settings and their origin (config, git commit, seed), plain values, as they may be published.
    """

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self.facts = dict(facts)
        self.best: dict[str, float] = {}
        self._batch_ended: float | None = None
        self._waited = self._seconds = self._validation_seconds = 0.0
        self._steps = self._patches = 0
        self._started = time.perf_counter()

    def state_dict(self) -> dict[str, Any]:
        return {"best": dict(self.best)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best = dict(state_dict["best"])

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        data = getattr(trainer, "datamodule")  # noqa: B009  (which the trainer's type does not name)
        facts = self.facts | {
            "data_hash": data.data_hash,
            "num_training_visits": len(data.train_visits),
            "num_validation_visits": len(data.val_visits),
            "num_parameters": sum(p.numel() for p in module.parameters()),
            "steps": int(trainer.estimated_stepping_batches),
        }
        for logger in trainer.loggers:
            if isinstance(logger, RunFolderLogger):
                if trainer.global_step:
                    logger.go_on_from(trainer.global_step)
                event = "resume" if trainer.global_step else "start"
                logger.event(event, epoch=trainer.current_epoch, step=trainer.global_step, **facts)
            else:
                logger.log_hyperparams(facts)
        self._batch_ended = None

    def on_train_batch_start(self, *_: Any) -> None:
        now = time.perf_counter()
        if self._batch_ended is not None:
            self._waited += now - self._batch_ended
        self._batch_started = now

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: dict, batch_idx: int
    ) -> None:
        now = time.perf_counter()
        since = self._batch_started if self._batch_ended is None else self._batch_ended
        self._seconds += now - since
        self._steps, self._patches = self._steps + 1, self._patches + len(batch["image"])
        self._batch_ended = now
        every = getattr(trainer, "log_every_n_steps")  # noqa: B009
        if (trainer.global_step % max(1, every)) and not trainer.is_last_batch:
            return
        figures = {
            "train/loss_step": float(outputs["loss"]),
            "optimizer/lr": float(trainer.optimizers[0].param_groups[0]["lr"]),
            "speed/steps_per_s": self._steps / max(self._seconds, 1e-9),
            "speed/patches_per_s": self._patches / max(self._seconds, 1e-9),
            "speed/waiting_for_data_fraction": self._waited / max(self._seconds, 1e-9),
            "memory/peak_mb": peak_memory_mb() or float("nan"),
        }
        if torch.cuda.is_available():
            figures["memory/gpu_peak_mb"] = torch.cuda.max_memory_allocated() / 2**20
        for logger in trainer.loggers:
            logger.log_metrics(figures | {"epoch": trainer.current_epoch}, step=trainer.global_step - 1)
        self._waited = self._seconds = 0.0
        self._steps = self._patches = 0

    def on_validation_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._validation_started = time.perf_counter()

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        now = time.perf_counter()
        self._batch_ended = None
        self._validation_seconds += now - self._validation_started
        metrics: Mapping[str, Any] = trainer.callback_metrics
        figures = {name: float(value) for name, value in metrics.items() if name.startswith("val/")}
        place = {"epoch": trainer.current_epoch, "step": trainer.global_step - 1}
        if figures and figures.get("val/score", 0.0) > self.best.get("val/score", -1.0):
            self.best = figures | {name: float(value) for name, value in place.items()}
        times = {
            "speed/validation_s": now - self._validation_started,
            "speed/validation_fraction": self._validation_seconds / (now - self._started),
        }
        record = getattr(module, "validation_record", None) or ValidationRecord()
        for logger in trainer.loggers:
            logger.log_metrics(times | {"epoch": place["epoch"]}, step=place["step"])
            if isinstance(logger, RunFolderLogger):
                _keep(logger, record, place, figures)
            else:
                _show(logger, record, place["step"])

    def on_exception(self, trainer: pl.Trainer, module: pl.LightningModule, exception: BaseException) -> None:
        self._say(trainer, "stop", reason=type(exception).__name__)

    def on_train_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._say(trainer, "end", best=self.best, seconds=round(time.perf_counter() - self._started, 1))

    @staticmethod
    def _say(trainer: pl.Trainer, event: str, **facts: Any) -> None:
        for logger in trainer.loggers:
            if isinstance(logger, RunFolderLogger):
                logger.event(event, epoch=trainer.current_epoch, step=trainer.global_step, **facts)


def _keep(logger: RunFolderLogger, record: ValidationRecord, place: Mapping[str, int], figures: Mapping) -> None:
    """Tables and pictures into the run folder, and the event that names them."""
    folder = f"epoch-{place['epoch']:04d}"
    files: dict[str, Any] = {}
    for name, table in record.tables.items():
        path = logger.table(f"{folder}/{name}", table.columns, table.rows)
        files[name] = {"file": str(path.relative_to(logger.folder))}
    for name, picture in record.pictures.items():
        path = logger.picture(f"{folder}/{name}", picture.rgb)
        files[f"{name}.png"] = {"file": str(path.relative_to(logger.folder)), "caption": picture.caption} | dict(
            picture.facts
        )
    logger.event("validation", **place, figures=dict(figures), files=files)


def _show(logger: Any, record: ValidationRecord, step: int) -> None:
    """Tables and pictures to a logger that takes them, as W&B's does."""
    if hasattr(logger, "log_image"):
        for name, picture in record.pictures.items():
            logger.log_image(key=f"val/{name}", images=[picture.rgb], step=step, caption=[picture.caption])
    if hasattr(logger, "log_table"):
        for name, table in record.tables.items():
            rows = [list(row) for row in table.rows]
            logger.log_table(key=f"val/{name}_table", columns=list(table.columns), data=rows, step=step)
