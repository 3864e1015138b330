"""The one LightningDataModule: a cohort, its split, patches to train on, whole visits to validate on."""

from __future__ import annotations

from collections.abc import Sequence

import pytorch_lightning as pl
from monai.data import set_track_meta
from torch.utils.data import DataLoader

from netlesion.data.dataset import Patches, cached_visits
from netlesion.data.transforms import LabelMeaning, augmented
from netlesion.errors import CohortError
from netlesion.image.split import Split
from netlesion.io.bids.cohort import Cohort, require_channels
from netlesion.models.card import ModelCard


class CohortDataModule(pl.LightningDataModule):
    """Reads only the patients of its split: those of `train` and `val` are opened, those of `test` never."""

    def __init__(
        self,
        cohort: Cohort,
        split: Split,
        card: ModelCard,
        labels: LabelMeaning,
        seed: int,
        batch_size: int = 2,
        patches_per_visit: int = 4,
        lesion_share: float = 0.7,
        flip_axes: Sequence[int] = (0,),
        affine_prob: float = 0.3,
        drop_prob: float = 0.1,
        num_workers: int = 0,
        cache_rate: float = 1.0,
    ) -> None:
        super().__init__()
        self.cohort, self.split, self.card, self.labels, self.seed = cohort, split, card, labels, seed
        self.batch_size, self.patches_per_visit = batch_size, patches_per_visit
        self.num_workers, self.cache_rate = num_workers, cache_rate
        self.random_part = augmented(card, lesion_share, flip_axes, affine_prob, drop_prob)
        self.train_visits = self.val_visits = None

    def setup(self, stage: str | None = None) -> None:
        if self.train_visits is not None:
            return
        train, val = self.cohort.of_patients(self.split.train), self.cohort.of_patients(self.split.val)
        if not train:
            raise CohortError(
                f"{self.cohort.root}: holds none of the {len(self.split.train)} training patients of its split"
            )
        set_track_meta(False)
        for visit in (*train, *val):
            require_channels(visit, self.card.required_channels)
        self.train_visits = cached_visits(train, self.card, self.labels, self.cache_rate)
        self.val_visits = cached_visits(val, self.card, self.labels, self.cache_rate)

    def train_dataloader(self) -> DataLoader:
        epoch = self.trainer.current_epoch if self.trainer is not None else 0
        patches = Patches(self.train_visits, self.random_part, self.patches_per_visit, self.seed, epoch)
        return DataLoader(
            patches,
            batch_size=self.batch_size,
            shuffle=False,
            num_workers=self.num_workers,
            drop_last=len(patches) >= self.batch_size,
        )

    def val_dataloader(self) -> DataLoader:
        return DataLoader(self.val_visits, batch_size=1, shuffle=False, collate_fn=_one_visit)


def _one_visit(batch: list[dict]) -> dict:
    """Whole visits differ in shape, so a batch is one visit."""
    (visit,) = batch
    return {key: visit[key][None] for key in ("image", "label")} | {"visit_id": visit["visit_id"]}
