"""How much tracer tissues take up, redrawn: by organ, as a smooth mottle, and as one factor for the whole PET."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from monai.transforms.transform import MapTransform, RandomizableTransform
from torch import Tensor

from netlesion.data.augmentation.field import lattice_shape, mean_of_neighbours, smooth_field
from netlesion.models.card import ModelCard


def times_by_label(pet: Tensor, labels: Tensor, factors: Tensor) -> Tensor:
    """The PET times one factor for each label, the edges between labels softened over a voxel.

    Args:
        pet: (I, J, K) SUV.
        labels: (I, J, K) uint8, organs or lesions.
        factors: (256,) float32; 1 leaves a label's uptake as it is.
    """
    return pet * mean_of_neighbours(factors[labels.long()])


def mottled(pet: Tensor, values: np.ndarray) -> Tensor:
    """The PET times the exponential of a smooth field, given on a coarse lattice."""
    return pet * torch.exp(smooth_field(values, pet.shape))


class RandUptaked(RandomizableTransform, MapTransform):
    """Redraws uptake in every PET of a patch; `strength` 0 to 1 scales how often and how far.

    Every organ of the organ map gets a lognormal factor (a lesion within it gets the organ's), every lesion a factor of
    its contrast, the whole PET a mottle and one factor: SUV differs between hospitals by weight, time and calibration.
    """

    def __init__(self, keys, card: ModelCard, strength: float = 1.0) -> None:
        MapTransform.__init__(self, keys)
        RandomizableTransform.__init__(self, 1.0)
        self.pets = [(card.channels.index(t), n) for n, t in enumerate(card.classes)]
        self.strength = strength

    def __call__(self, data: Mapping) -> dict:
        out, r, s = dict(data), self.R, self.strength
        for channel, tracer in self.pets:
            if not out["present"][channel]:
                continue
            pet, instance = out["image"][channel], out["instance"][tracer]
            if r.random() < 0.8 * s:
                sigma = r.uniform(0.1, 0.2 + 0.45 * s)
                factors = torch.from_numpy(np.exp(r.normal(size=256) * sigma).astype(np.float32))
                factors[0] = 1.0
                pet = times_by_label(pet, out["organ"][0], factors)
            if r.random() < 0.5 * s and instance.any():
                factors = torch.from_numpy(np.exp(r.uniform(-0.25, 0.6, 256)).astype(np.float32))
                factors[0] = 1.0
                pet = times_by_label(pet, instance, factors)
            if r.random() < 0.6 * s:
                shape = lattice_shape(pet.shape, int(r.randint(3, 10)))
                pet = mottled(pet, r.normal(size=shape) * r.uniform(0.03, 0.2))
            if r.random() < 0.6 * s:
                pet = pet * float(np.exp(r.uniform(-0.3, 0.3)))
            out["image"][channel] = pet
        return out
