"""The one LightningDataModule: a cohort, its split, patches to train on, whole visits to validate on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from monai.data.meta_obj import set_track_meta
from torch.utils.data import DataLoader, Sampler

from netlesion.data.dataset import Patches, WholeVisits, prepared_visits
from netlesion.data.labels import LabelScheme
from netlesion.data.prepared import PreparedVisit
from netlesion.data.transforms import Augmentation, augmented
from netlesion.errors import CohortError, ConfigError
from netlesion.image.split import Split
from netlesion.io.bids.cohort import Cohort
from netlesion.io.bids.visit_files import VisitFiles, require_channels
from netlesion.models.card import ModelCard

#: What a step needs of a patch.
KEYS = ("image", "label", "instance", "organ_class")


class CohortDataModule(pl.LightningDataModule):
    """Reads only the patients of its split: those of `train` and `val` are opened, those of `test` never.

    Args:
        cohort, split, card, labels: of the experiment.
        augmentation: how far patches are randomised.
        cache: folder of prepared visits.
        seed: of the patches.
        batch_size: patches in one step.
        patches_per_visit: in one epoch.
        lesion_fraction, physiologic_fraction: of patches centred on a lesion, and on physiologic uptake.
        num_workers: processes that draw patches; 0: this one.
        limit_visits: at most so many visits to train on and as many to validate on; None: all.
        redraw: whether every epoch draws patches of its own.

    Raises:
        ConfigError: for a number that cannot be meant.
    """

    def __init__(
        self,
        cohort: Cohort,
        split: Split,
        card: ModelCard,
        labels: LabelScheme,
        augmentation: Augmentation,
        cache: Path,
        seed: int,
        batch_size: int = 2,
        patches_per_visit: int = 4,
        lesion_fraction: float = 0.4,
        physiologic_fraction: float = 0.3,
        num_workers: int = 0,
        limit_visits: int | None = None,
        redraw: bool = True,
    ) -> None:
        super().__init__()
        for name, value, low, high in (
            ("batch_size", batch_size, 1, 4096),
            ("patches_per_visit", patches_per_visit, 1, 100_000),
            ("num_workers", num_workers, 0, 256),
            ("limit_visits", 1 if limit_visits is None else limit_visits, 1, 10**9),
        ):
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                raise ConfigError(f"data.{name} is {value!r}, expected a whole number from {low} to {high}")
        if not 0.0 <= lesion_fraction <= 1.0 or not 0.0 <= physiologic_fraction <= 1.0 - lesion_fraction + 1e-9:
            raise ConfigError(
                f"data.lesion_fraction is {lesion_fraction} and data.physiologic_fraction {physiologic_fraction}, "
                "expected two fractions of the patches, 1 together at most"
            )
        self.cohort, self.split, self.card, self.labels, self.seed = cohort, split, card, labels, seed
        self.batch_size, self.patches_per_visit, self.cache = batch_size, patches_per_visit, cache
        self.num_workers, self.limit_visits, self.redraw = num_workers, limit_visits, redraw
        self.random_part = augmented(card, labels, augmentation, lesion_fraction, physiologic_fraction)
        self.train_visits: tuple[PreparedVisit, ...] | None = None
        self.val_visits: tuple[PreparedVisit, ...] = ()

    def setup(self, stage: str | None = None) -> None:
        if self.train_visits is not None:
            return
        train, val = self.visits
        set_track_meta(False)
        for visit in (*train, *val):
            require_channels(visit, self.card.required_channels, self.card.required_any)
        self.train_visits = prepared_visits(train, self.card, self.labels, self.cache)
        self.val_visits = prepared_visits(val, self.card, self.labels, self.cache)

    @property
    def visits(self) -> tuple[tuple[VisitFiles, ...], tuple[VisitFiles, ...]]:
        """The visits to train and to validate on; CohortError where the cohort has none of the training patients."""
        train, val = (self.cohort.of_patients(p)[: self.limit_visits] for p in (self.split.train, self.split.val))
        if not train:
            raise CohortError(
                f"{self.cohort.root}: holds none of the {len(self.split.train)} training patients of its split"
            )
        return train, val

    @property
    def data_hash(self) -> str:
        """Of everything that training and validation read: files by content, and settings that decide the arrays."""
        keys = [[visit.key for visit in part] for part in (self.train_visits or (), self.val_visits)]
        return hashlib.sha256(json.dumps(keys).encode()).hexdigest()[:32]

    def train_dataloader(self) -> DataLoader:
        assert self.train_visits is not None, "setup comes first"
        epoch, done = 0, 0
        if self.trainer is not None:
            progress: Any = self.trainer.fit_loop.epoch_loop.batch_progress.current
            epoch, done = self.trainer.current_epoch if self.redraw else 0, progress.processed
        patches = Patches(self.train_visits, self.random_part, self.patches_per_visit, self.seed, epoch)
        batches = RestOfEpoch(len(patches), self.batch_size, done)
        return DataLoader(patches, batch_sampler=batches, num_workers=self.num_workers, collate_fn=_patches)

    def val_dataloader(self) -> DataLoader:
        return DataLoader(WholeVisits(self.val_visits, self.card), batch_size=1, shuffle=False, collate_fn=_one_visit)


def _patches(batch: list[dict]) -> dict:
    """Stacks what a step needs, a patch may be a view of another tensor; `visit_id` says whose patches they are."""
    stacked: dict[str, Any] = {key: torch.stack([patch[key] for patch in batch]) for key in KEYS}
    return stacked | {"visit_id": [patch["visit_id"] for patch in batch]}


class RestOfEpoch(Sampler):
    """Numbers of patches by batch, without the first `done` batches of an epoch that was interrupted.

    Its length is that of the whole epoch, by which Lightning counts. A last batch that is not full is left out, unless
    it is the only one.
    """

    def __init__(self, num_patches: int, batch_size: int, done: int) -> None:
        self.size = min(batch_size, num_patches)
        self.num_batches = num_patches // self.size
        self.done = done if done < self.num_batches else 0  # an epoch that is done leaves its count behind

    def __len__(self) -> int:
        return self.num_batches

    def __iter__(self) -> Iterator[list[int]]:
        for first in range(self.done * self.size, self.num_batches * self.size, self.size):
            yield list(range(first, first + self.size))


def _one_visit(batch: list[dict]) -> dict:
    """Whole visits differ in shape, so a batch is one visit."""
    (visit,) = batch
    return {key: visit[key][None] for key in ("image", "label", "instance")} | {"visit_id": visit["visit_id"]}
