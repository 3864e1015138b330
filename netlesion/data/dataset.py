"""Datasets: visits prepared once and cached in memory, patches drawn anew every epoch.

A patch depends on the seed, the epoch and its number alone, never on which worker drew it or what was drawn
before; that is what makes a resumed training equal to one that was never interrupted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from monai.data import CacheDataset
from monai.transforms import Compose
from torch.utils.data import Dataset

from netlesion.data.transforms import LabelMeaning, prepared
from netlesion.io.bids.cohort import VisitFiles
from netlesion.models.card import ModelCard


def cached_visits(
    files: Sequence[VisitFiles], card: ModelCard, labels: LabelMeaning, cache_rate: float = 1.0, progress: bool = True
) -> CacheDataset:
    """A MONAI CacheDataset of prepared visits; `cache_rate` below 1 keeps that share in memory."""
    return CacheDataset(
        list(files),
        transform=prepared(card, labels),
        cache_rate=cache_rate,
        num_workers=2,
        progress=progress,
        copy_cache=False,
    )


class Patches(Dataset):
    """`patches_per_visit` random patches of every visit, in an order drawn for the epoch."""

    def __init__(self, visits: Dataset, random_part: Compose, patches_per_visit: int, seed: int, epoch: int) -> None:
        self.visits, self.random_part, self.seed, self.epoch = visits, random_part, seed, epoch
        order = np.repeat(np.arange(len(visits)), patches_per_visit)
        self.order = np.random.default_rng([seed, epoch]).permutation(order)

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, number: int) -> dict:
        entropy = np.random.SeedSequence([self.seed, self.epoch, number])
        self.random_part.set_random_state(seed=int(entropy.generate_state(1)[0]))
        (patch,) = self.random_part(dict(self.visits[int(self.order[number])]))
        return patch
