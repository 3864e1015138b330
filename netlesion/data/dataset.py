"""Datasets of prepared visits: patches drawn anew every epoch to train on, whole visits to validate on.

A patch depends on the seed, the epoch and its number alone, never on which worker drew it or what was drawn
before; that is what makes a resumed training equal to one that was never interrupted.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.transforms.compose import Compose
from torch.utils.data import Dataset
from tqdm import tqdm

from netlesion.data.labels import LabelScheme
from netlesion.data.prepared import PreparedVisit, cached_visit
from netlesion.data.transforms import network_planes
from netlesion.io.bids.visit_files import VisitFiles
from netlesion.models.card import ModelCard


def prepared_visits(
    files: Sequence[VisitFiles], card: ModelCard, labels: LabelScheme, cache: Path, progress: bool = True
) -> tuple[PreparedVisit, ...]:
    """Every visit, prepared in the cache folder where it is not there yet."""
    bar = tqdm(files, desc="prepare", unit="visit", disable=not progress or not files)
    return tuple(cached_visit(visit, card, labels, cache) for visit in bar)


class Patches(Dataset):
    """`patches_per_visit` random patches of every visit, in an order drawn for the epoch."""

    def __init__(
        self, visits: Sequence[PreparedVisit], random_part: Compose, patches_per_visit: int, seed: int, epoch: int
    ) -> None:
        self.visits, self.random_part, self.seed, self.epoch = visits, random_part, seed, epoch
        order = np.repeat(np.arange(len(visits)), patches_per_visit)
        self.order = np.random.default_rng([seed, epoch]).permutation(order)

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, number: int) -> Any:
        """The dict that `random_part` makes of a visit."""
        entropy = np.random.SeedSequence([self.seed, self.epoch, number])
        self.random_part.set_random_state(seed=int(entropy.generate_state(1)[0]))
        return self.random_part(self.visits[int(self.order[number])])


class WholeVisits(Dataset):
    """Every visit whole, as inference sees it: image in network units, label and instance maps."""

    def __init__(self, visits: Sequence[PreparedVisit], card: ModelCard) -> None:
        self.visits, self.card = visits, card

    def __len__(self) -> int:
        return len(self.visits)

    def __getitem__(self, number: int) -> dict:
        visit = self.visits[number]
        image = torch.from_numpy(visit.image.astype(np.float32))
        return {
            "image": network_planes(image, torch.tensor(visit.present), self.card),
            "label": torch.from_numpy(np.array(visit.label)),
            "instance": torch.from_numpy(np.array(visit.instance)),
            "visit_id": visit.visit_id,
        }
