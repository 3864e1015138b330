"""Lesions put into a patch: lumpy ellipsoids of any size on any tissue where a focus is seldom physiologic."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from monai.transforms.transform import MapTransform, RandomizableTransform
from torch import Tensor

from netlesion.data.augmentation.field import blur, rotation, smooth_field
from netlesion.models.card import ModelCard

#: An inserted lesion whose uptake rises by less than this part of its background, or this SUV, is not drawn: it could
#: not be told from noise, and its label would teach false positives. Project choice.
LEAST_RISE, LEAST_RISE_SUV = 0.6, 1.0
#: SUV above which a place is taken for physiologic uptake, where nothing is inserted. Project choice.
TOO_HOT_SUV = {"sstr": 6.0, "fdg": 3.5}
#: Radii (voxels) and uptake over background that are drawn, log-uniformly. Project choice.
RADIUS_VOXELS, CONTRAST = (0.9, 4.5), {"sstr": (1.7, 12.0), "fdg": (1.7, 6.0)}
#: Instance numbers of inserted lesions start here; those of the patient lie below.
FIRST_INSTANCE = 200


@dataclass(frozen=True, eq=False)
class LesionDraw:
    """One lesion to insert: voxel, axes (voxels), rotation (3, 3), surface lumps on a lattice, blur, uptake over
    background, least rise in SUV."""

    centre: tuple[int, int, int]
    axes: np.ndarray
    turned: np.ndarray
    lumps: np.ndarray
    blur_voxels: float
    contrast: float
    rise_suv: float

    @classmethod
    def draw(cls, r: np.random.RandomState, centre: np.ndarray, contrast: tuple[float, float]) -> LesionDraw:
        radius = math.exp(r.uniform(*np.log(RADIUS_VOXELS)))
        i, j, k = (int(c) for c in centre)
        return cls(
            centre=(i, j, k),
            axes=radius * np.exp(r.uniform(-0.3, 0.3, 3)),
            turned=rotation(r.uniform(-1.5, 1.5, 3)),
            lumps=0.12 * r.normal(size=(4, 4, 4)) * (radius > 1.5),
            blur_voxels=float(r.uniform(0.6, 1.1)),
            contrast=math.exp(r.uniform(*np.log(contrast))),
            rise_suv=float(r.uniform(0.8, 2.0)),
        )


def insert_lesion(
    pet: Tensor,
    label: Tensor,
    instance: Tensor,
    lesion: LesionDraw,
    value: int,
    number: int,
    background: Collection[int],
) -> bool:
    """Adds one lesion to a PET and its maps, in place; returns whether it was visible enough to be drawn.

    Args:
        pet: (I, J, K) SUV.
        label: (I, J, K) uint8; `value` is written where the lesion lies on a voxel whose label is in `background`.
        instance: (I, J, K) uint8; `number` is written there.
    """
    reach = math.ceil(float(lesion.axes.max()) + 4)
    low = [max(c - reach, 0) for c in lesion.centre]
    high = [min(c + reach + 1, n) for c, n in zip(lesion.centre, pet.shape, strict=True)]
    part = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    axes = [torch.arange(a, b, dtype=torch.float32) - c for a, b, c in zip(low, high, lesion.centre, strict=True)]
    places = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1) @ torch.from_numpy(lesion.turned).float()
    radius = (places / torch.from_numpy(lesion.axes).float()).square().sum(dim=-1).sqrt()
    radius = radius + smooth_field(lesion.lumps, radius.shape)
    inside = radius < 1.0
    if int(inside.sum()) < 2:
        inside = radius <= radius.min() + 0.35
    profile = blur(torch.sigmoid((1.0 - radius) * float(lesion.axes.mean()) * 4.0), lesion.blur_voxels)
    allowed = torch.isin(label[part], torch.tensor(sorted(background), dtype=label.dtype))
    inside &= allowed
    if not inside.any():
        return False
    level = float(pet[part][inside].median())
    rise = max(level * (lesion.contrast - 1.0), lesion.rise_suv) * profile
    if float(rise[inside].max()) < max(LEAST_RISE * level, LEAST_RISE_SUV):
        return False
    pet[part] += rise
    label[part][inside] = value
    instance[part][inside] = number
    return True


class RandInsertLesionsd(RandomizableTransform, MapTransform):
    """Inserts a Poisson number of lesions into each PET; none where the model has no label for them.

    Args:
        mean: lesions of each PET at strength 1.
        values: tracer -> (label value that means lesion, label values that mean background).
    """

    def __init__(
        self,
        keys,
        card: ModelCard,
        values: Mapping[str, tuple[int, Collection[int]]],
        mean: float = 0.8,
    ) -> None:
        MapTransform.__init__(self, keys)
        RandomizableTransform.__init__(self, 1.0)
        self.pets = [(t, card.channels.index(t), n) for n, t in enumerate(card.classes)]
        self.values, self.mean = dict(values), mean

    def __call__(self, data: Mapping) -> dict:
        out = dict(data)
        for tracer, channel, n in self.pets:
            if not out["present"][channel] or tracer not in self.values:
                continue
            value, background = self.values[tracer]
            pet, label, instance = out["image"][channel], out["label"][n], out["instance"][n]
            count = min(int(self.R.poisson(self.mean)), 5)
            if count == 0:
                continue
            free = torch.isin(label, torch.tensor(sorted(background), dtype=label.dtype))
            free &= (pet > 0.3) & (pet < TOO_HOT_SUV[tracer]) & torch.isin(out["organ"][0], out["hosts"])
            places = free.nonzero().numpy()
            for number in range(count if len(places) else 0):
                centre = places[self.R.randint(len(places))]
                lesion = LesionDraw.draw(self.R, centre, CONTRAST[tracer])
                insert_lesion(pet, label, instance, lesion, value, FIRST_INSTANCE + number, background)
        return out
