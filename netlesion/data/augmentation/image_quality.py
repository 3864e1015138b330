"""What a scanner and a reconstruction do: resolution, noise, HU offsets, MR contrast, misalignment, absent channels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from monai.transforms.transform import MapTransform, RandomizableTransform
from torch import Tensor

from netlesion.data.augmentation.field import blur, lattice_shape, smooth_field
from netlesion.models.card import ModelCard


def with_noise(pet: Tensor, noise: Tensor, level: float) -> Tensor:
    """A PET with noise whose SD is `level` x sqrt(SUV), as counts have it; never below 0.

    Args:
        pet: (I, J, K) SUV.
        noise: (I, J, K), mean 0; its SD is scaled to 1.
        level: SD at SUV 1.
    """
    scaled = noise / noise.std().clamp(min=1e-6)
    return (pet + level * scaled * pet.clamp(min=0.02).sqrt()).clamp(min=0.0)


def shifted(image: Tensor, by: tuple[int, int, int]) -> Tensor:
    """The image moved by whole voxels, its border replicated: (I, J, K) -> (I, J, K)."""
    for axis, step in enumerate(by):
        n = image.shape[axis]
        image = image.index_select(axis, (torch.arange(n) - step).clamp(0, n - 1))
    return image


class RandImageQualityd(RandomizableTransform, MapTransform):
    """Changes resolution and noise of PETs, HU of CTs, contrast and bias of MRs, and moves them against the PET."""

    def __init__(self, keys, card: ModelCard, strength: float = 1.0) -> None:
        MapTransform.__init__(self, keys)
        RandomizableTransform.__init__(self, 1.0)
        self.channels, self.strength = card.channels, strength

    def __call__(self, data: Mapping) -> dict:
        out = dict(data)
        for n, name in enumerate(self.channels):
            if out["present"][n]:
                change = self._ct if name == "ct" else self._mr if name.startswith("mr") else self._pet
                out["image"][n] = change(out["image"][n])
        return out

    def _pet(self, pet: Tensor) -> Tensor:
        r, s = self.R, self.strength
        if r.random() < 0.35 * s:
            pet = blur(pet, r.uniform(0.35, 1.0))
        if r.random() < 0.6 * s:
            noise = torch.from_numpy(r.normal(size=pet.shape).astype(np.float32))
            pet = with_noise(pet, blur(noise, r.uniform(0.3, 0.9)), float(r.uniform(0.02, 0.25)))
        return pet

    def _ct(self, ct: Tensor) -> Tensor:
        r, s = self.R, self.strength
        if r.random() < 0.4 * s:
            noise = torch.from_numpy(r.normal(size=ct.shape).astype(np.float32))
            ct = ct * float(r.uniform(0.9, 1.1)) + float(r.uniform(-30, 30)) + noise * float(r.uniform(0, 25))
        return self._moved(ct)

    def _mr(self, mr: Tensor) -> Tensor:
        r, s = self.R, self.strength
        if r.random() < 0.6 * s:
            bias = smooth_field(r.normal(size=lattice_shape(mr.shape, 24)) * r.uniform(0.0, 0.25), mr.shape)
            mr = mr.clamp(min=0.0) ** float(r.uniform(0.6, 1.6)) * float(r.uniform(0.7, 1.3)) * torch.exp(bias)
        return self._moved(mr)

    def _moved(self, image: Tensor) -> Tensor:
        if self.R.random() < 0.25 * self.strength:
            i, j, k = self.R.randint(-2, 3, 3).tolist()
            return shifted(image, (i, j, k))
        return image


class RandDropChannelsd(RandomizableTransform, MapTransform):
    """Takes optional channels away with a probability each, a tracer only where another one is left."""

    def __init__(self, keys, card: ModelCard, prob: float, tracer_prob: float = 0.0) -> None:
        MapTransform.__init__(self, keys)
        RandomizableTransform.__init__(self, 1.0)
        self.card, self.drop_prob, self.tracer_prob = card, prob, tracer_prob

    def __call__(self, data: Mapping) -> dict:
        out, card = dict(data), self.card
        present = out["present"].clone()
        for n, name in enumerate(card.channels):
            if name in card.required_channels:
                continue
            tracer = name in card.classes
            others = any(present[card.channels.index(t)] for t in card.classes if t != name)
            if self.R.random() < (self.tracer_prob if tracer else self.drop_prob) and (not tracer or others):
                present[n] = False
        out["present"] = present
        return out
