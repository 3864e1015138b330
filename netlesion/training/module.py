"""The one LightningModule: a network, its loss, its optimizer, and validation on whole volumes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn, Protocol

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from netlesion.data.labels import IGNORE, LabelScheme
from netlesion.data.transforms import suv_of_plane
from netlesion.errors import TrainingError
from netlesion.models.card import ModelCard
from netlesion.models.checkpoint import CARD_KEY
from netlesion.models.strided_unet import StridedUNet
from netlesion.output.atomic import atomic_path
from netlesion.training.losses import MarginalDiceCrossEntropy, lesion_weights
from netlesion.training.validation_record import ValidationRecord


class Detection(Protocol):
    """Gathers the PETs of a validation; `result` has `froc`, the figure that chooses the best checkpoint.

    `record` has the tables and pictures that go to the loggers.
    """

    def add(
        self, visit_id: str, tracer: str, probability: np.ndarray, label: np.ndarray, suv: np.ndarray | None = None
    ) -> None: ...

    def result(self) -> Mapping[str, float]: ...

    def record(self) -> ValidationRecord: ...


class LesionModule(pl.LightningModule):
    """Trains `network` for the classes of `card`.

    Args:
        network: planes of the input -> logits of every class.
        card: stored in every checkpoint.
        labels: what the labels of the masks mean.
        predict_volume: (network, image (C, I, J, K)) -> logits (K, I, J, K) of a whole volume, given by the entry
            point, since training knows nothing of inference.
        detection: makes what gathers one validation.
        loss: of logits, labels and weights of voxels.
        optimizer: parameters -> optimizer.
        scheduler: (optimizer, steps of the whole training) -> scheduler, stepped once a step.
        seed: of dropout and the like.
    """

    def __init__(
        self,
        network: nn.Module,
        card: ModelCard,
        labels: LabelScheme,
        predict_volume: Callable[[nn.Module, Tensor], Tensor],
        detection: Callable[[], Detection],
        loss: MarginalDiceCrossEntropy,
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer],
        scheduler: Callable[[Optimizer, int], LRScheduler],
        seed: int,
    ) -> None:
        super().__init__()
        self.network, self.loss = network, loss
        self.card, self.labels, self.predict_volume, self.seed = card, labels, predict_volume, seed
        self.validation_record = ValidationRecord()
        self.detection, self.optimizer, self.scheduler = detection, optimizer, scheduler

    def forward(self, image: Tensor) -> Tensor:
        return self.network(image)

    def on_train_batch_start(self, batch: dict, batch_index: int) -> None:
        """Dropout and the like draw from the batch's own stream, so that a resumed epoch equals the first try."""
        torch.manual_seed(((self.seed * 1_000_003 + self.current_epoch) * 1_000_003 + batch_index) % 2**63)

    def training_step(self, batch: dict, batch_index: int) -> Tensor:
        if not isinstance(self.network, StridedUNet) or self.network.organ_head is None:
            logits, organ_loss = self.network(batch["image"]), 0.0
        else:
            logits, organ_logits = self.network.with_organs(batch["image"])
            organ_loss = self.loss.organ_weight * organ_cross_entropy(organ_logits, batch["organ_class"])
        loss = self.loss(logits, batch["label"], lesion_weights(batch["instance"])) + organ_loss
        if not torch.isfinite(loss):
            self._stop_at(batch, float(loss.detach()))
        self.log("train/loss", loss, on_step=False, on_epoch=True, prog_bar=True, batch_size=len(batch["image"]))
        return loss

    def _stop_at(self, batch: dict, loss: float) -> NoReturn:
        """Saves the batch whose loss is not finite, beside the checkpoints, and ends the training."""
        where = {"epoch": self.current_epoch, "step": self.trainer.global_step, "visits": list(batch["visit_id"])}
        path = Path(self.trainer.default_root_dir) / "not_finite_batch.pt"
        with atomic_path(path) as part:
            torch.save(where | {"batch": {k: v for k, v in batch.items() if isinstance(v, Tensor)}}, part)
        raise TrainingError(
            f"the loss is {loss} at epoch {where['epoch']}, step {where['step']}, with patches of "
            f"{', '.join(dict.fromkeys(where['visits']))}; that batch is saved as {path}. Look at it, or start anew "
            "with a smaller optimizer.lr or trainer.precision=32-true"
        )

    def on_validation_epoch_start(self) -> None:
        self._dice_of: dict[str, list[float]] = {tracer: [] for tracer in self.card.scheme.tracers}
        self._false_ml: list[float] = []
        self._detection = self.detection()

    def validation_step(self, batch: dict, batch_index: int) -> None:
        for image, label in zip(batch["image"], batch["label"], strict=True):
            logits = self.predict_volume(self.network, image)
            for t, tracer in enumerate(self.card.scheme.tracers):
                if (label[t] != IGNORE).any():
                    suv = suv_of_plane(image[self.card.channels.index(tracer)])
                    self._score(batch["visit_id"], tracer, logits[self.card.scheme.span(tracer)], label[t], suv)

    def _score(self, visit_id: str, tracer: str, logits: Tensor, label: Tensor, suv: Tensor) -> None:
        """Dice of lesion >= 0.5 on the working grid; without a reference lesion, the false volume instead."""
        lesion_p = logits.softmax(dim=0)[list(self.card.scheme.lesion_indices(tracer))].sum(dim=0)
        self._detection.add(visit_id, tracer, lesion_p.float().cpu().numpy(), label.cpu().numpy(), suv.cpu().numpy())
        predicted = (lesion_p >= 0.5) & (label != IGNORE)
        reference = torch.isin(label, torch.tensor(self.labels.lesion_values(tracer), device=label.device))
        if reference.any():
            overlap = 2.0 * (predicted & reference).sum() / (predicted.sum() + reference.sum())
            self._dice_of[tracer].append(float(overlap))
        else:
            self._false_ml.append(float(predicted.sum()) * math.prod(self.card.spacing_mm) / 1000.0)

    def on_validation_epoch_end(self) -> None:
        """val/dice is the mean over PETs that have a lesion; 0 where the validation part has none at all.

        val/score chooses the best checkpoint: the mean FROC score of the tracers, and a hundredth of val/dice, which
        decides where few lesions leave FROC scores equal (project choice).
        """
        every = [d for dices in self._dice_of.values() for d in dices]
        self.log("val/dice", _mean(every), prog_bar=True, sync_dist=True)
        self.validation_record = self._detection.record()
        found = self._detection.result()
        for name, value in found.items():
            self.log(f"val/{name}", value, prog_bar=name == "froc", sync_dist=True)
        self.log("val/score", found["froc"] + 0.01 * _mean(every), sync_dist=True)
        for tracer, dices in self._dice_of.items():
            if dices:
                self.log(f"val/dice_{tracer}", _mean(dices), sync_dist=True)
        if self._false_ml:
            self.log("val/false_ml_lesion_free", _mean(self._false_ml), sync_dist=True)

    def configure_optimizers(self) -> dict[str, Any]:
        optimizer = self.optimizer(self.network.parameters())
        schedule = self.scheduler(optimizer, max(1, int(self.trainer.estimated_stepping_batches)))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint[CARD_KEY] = self.card.to_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        ModelCard.from_dict(checkpoint[CARD_KEY]).require_channels(self.card.channels)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def organ_cross_entropy(logits: Tensor, organ_class: Tensor) -> Tensor:
    """Cross entropy of the organ head, 0 where no voxel is known.

    Args:
        logits: (B, N, I / 2, J / 2, K / 2).
        organ_class: (B, 1, I, J, K) uint8; every second voxel along each axis is compared, IGNORE takes no part.
    """
    target = organ_class[:, 0, ::2, ::2, ::2].long()
    if (target == IGNORE).all():
        return logits.sum() * 0.0
    return nn.functional.cross_entropy(logits, target.masked_fill(target == IGNORE, -100), ignore_index=-100)
