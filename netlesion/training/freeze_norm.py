"""Batch norms use their running statistics in the last part of a training, as inference does.

What a few patches of a batch happen to hold then no longer decides how they are normalised. Other norms have no running
statistics and stay as they are.
"""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
from torch import nn

from netlesion.errors import ConfigError


class FreezeBatchNorm(pl.Callback):
    """Freezes the statistics of batch norms in the last `fraction` of all steps: 0 never, 1 from the first step."""

    def __init__(self, fraction: float) -> None:
        if not 0.0 <= fraction <= 1.0:
            raise ConfigError(f"callbacks.freeze_norm.fraction is {fraction}, expected 0 to 1, a fraction of the steps")
        self.fraction = fraction

    def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any) -> None:
        if trainer.global_step >= (1.0 - self.fraction) * trainer.estimated_stepping_batches:
            for part in module.modules():
                if isinstance(part, nn.modules.batchnorm._BatchNorm):
                    part.eval()  # Lightning sets the whole network to training again after every epoch
