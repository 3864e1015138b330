"""Ctrl-C and SIGTERM during training: the step under way is finished, a checkpoint is saved, then the run ends.

The checkpoint goes on in the middle of its epoch, with the batches that were left, so that a run that was stopped gives
the weights of one that was not. One saved during validation goes on with the next epoch, without that validation.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import WeightAveraging

from netlesion.output.interrupt import Interrupted, asked, held_back, say_how_to_go_on

#: The longest that a step and its checkpoint may take once a signal came.
SECONDS = 28.0


class StopAtSignal(pl.Callback):
    """Saves `path` where training can stop, then raises Interrupted; how_to_go_on is said at the end."""

    def __init__(self, path: Path, how_to_go_on: str) -> None:
        self.path, self.how_to_go_on = path, how_to_go_on
        self._held = held_back(SECONDS)

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        trainer.fit_loop._combined_loader = None  # Lightning made it before it read the epoch and batch to go on from
        self._held.__enter__()
        say_how_to_go_on(self._out_of_time)

    def on_train_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._held.__exit__(None, None, None)

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        self._stop(trainer)

    def on_validation_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any) -> None:
        if asked() is not None:  # back to the end of the last batch, before validation
            callbacks: list[Any] = getattr(trainer, "callbacks")  # noqa: B009  (which the trainer's type does not name)
            for averaging in (c for c in callbacks if isinstance(c, WeightAveraging)):
                averaging.on_validation_epoch_end(trainer, module)  # the averaged weights were in the network's place
            progress = trainer.fit_loop.epoch_loop.batch_progress
            progress.current.completed -= 1
            progress.total.completed -= 1
        self._stop(trainer)

    def _stop(self, trainer: pl.Trainer) -> None:
        status = asked()
        if status is None:
            return
        trainer.save_checkpoint(self.path)
        where = f"epoch {trainer.current_epoch}, step {trainer.global_step}"
        say_how_to_go_on(lambda: f"a checkpoint of {where} was saved; {self.how_to_go_on}")
        raise Interrupted(status)

    def _out_of_time(self) -> str:
        """For a step that does not end within SECONDS."""
        if self.path.is_file():
            return f"the step under way did not end in time, the last checkpoint is kept; {self.how_to_go_on}"
        return "the first step did not end in time; start the same command again"
