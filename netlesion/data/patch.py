"""A patch cut out of a prepared visit through one affine map, so that every voxel is interpolated once.

Only the box that the patch needs is read from the cache. Images are interpolated linearly, label maps by nearest
neighbour; what lies beyond the visit holds air in images and IGNORE or 0 in maps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from monai.transforms.transform import Randomizable, Transform
from torch import Tensor
from torch.nn import functional

from netlesion.data.augmentation.field import rotation
from netlesion.data.labels import IGNORE
from netlesion.data.prepared import PreparedVisit
from netlesion.models.card import ModelCard

#: What lies beyond a visit's images, by channel; 0 where it is not named.
BEYOND = {"ct": -1000.0}


@dataclass(frozen=True, eq=False)
class PatchPlace:
    """Where a patch lies: its centre (voxels of the visit); a matrix from patch offsets to visit offsets, or None."""

    centre: np.ndarray
    matrix: np.ndarray | None

    @classmethod
    def draw(
        cls,
        r: np.random.RandomState,
        visit: PreparedVisit,
        window: Sequence[int],
        fractions: tuple[float, float],
        affine_prob: float,
        strength: float,
    ) -> PatchPlace:
        """A place around a drawn foreground voxel, moved by up to 0.3 windows, kept where the visit has voxels."""
        side, shape = np.array(window), np.array(visit.shape)
        centre = visit.index.draw(r, *fractions) + r.uniform(-0.3, 0.3, 3) * side
        low, high = np.minimum(side / 2 - 8, shape / 2), np.maximum(shape - side / 2 + 8, shape / 2)
        centre, matrix = np.clip(centre, low, high), None
        if r.random() < affine_prob:
            zoom = np.exp((r.uniform(-0.2, 0.2) + r.uniform(-0.08, 0.08, 3)) * strength)
            matrix = rotation(r.uniform(-0.2, 0.2, 3) * strength) @ np.diag(zoom)
        return cls(centre, matrix)


def cut(array: np.ndarray, low: np.ndarray, high: np.ndarray, beyond: float) -> np.ndarray:
    """array[low:high] of the last three axes; voxels off the array hold `beyond`."""
    first, last = np.clip(low, 0, array.shape[-3:]), np.clip(high, 0, array.shape[-3:])
    part = array[(..., *(slice(a, b) for a, b in zip(first, last, strict=True)))]
    before = np.clip(first - low, 0, high - low)
    pads = np.stack([before, (high - low) - before - (last - first)], axis=1)
    lead = [(0, 0)] * (array.ndim - 3)
    return np.pad(part, [*lead, *pads.tolist()], constant_values=beyond) if pads.any() else np.array(part)


def cut_patch(visit: PreparedVisit, place: PatchPlace, window: Sequence[int], channels: Sequence[str]) -> dict:
    """The patch as a dict of tensors: image, present, label, instance, organ, organ_class (see `augmentation`)."""
    side = np.array(window)
    if place.matrix is None:
        low = np.round(place.centre - side / 2).astype(int)
        high = low + side
    else:
        corners = np.array(list(np.ndindex(2, 2, 2))) * 2 - 1
        reach = np.abs((corners * side / 2) @ place.matrix.T).max(axis=0) + 2
        low, high = np.floor(place.centre - reach).astype(int), np.ceil(place.centre + reach).astype(int) + 1
    here = [n for n, channel in enumerate(channels) if visit.present[n]]
    images = [cut(visit.image[n], low, high, BEYOND.get(channels[n], 0.0)).astype(np.float32) for n in here]
    organs = ((visit.organ[None], 0), (visit.organ_class[None], IGNORE))
    maps = [cut(m, low, high, fill) for m, fill in ((visit.label, IGNORE), (visit.instance, 0), *organs)]
    images, labels = torch.from_numpy(np.stack(images)), torch.from_numpy(np.concatenate(maps))
    if place.matrix is not None:
        grid = _sampling_grid(side, place, low, high - low)
        images = functional.grid_sample(images[None], grid, padding_mode="border", align_corners=False)[0]
        near = functional.grid_sample(labels[None].float(), grid, "nearest", "border", align_corners=False)[0]
        labels = near.round().to(torch.uint8)
    image = torch.zeros((len(channels), *window))
    image[here] = images
    tracers = len(visit.label)
    return {
        "image": image,
        "present": torch.tensor(visit.present),
        "label": labels[:tracers],
        "instance": labels[tracers : 2 * tracers],
        "organ": labels[2 * tracers : 2 * tracers + 1],
        "organ_class": labels[2 * tracers + 1 :],
        "hosts": torch.tensor(visit.hosts, dtype=torch.uint8),
        "visit_id": visit.visit_id,
    }


def _sampling_grid(side: np.ndarray, place: PatchPlace, low: np.ndarray, size: np.ndarray) -> Tensor:
    """Where each voxel of the patch lies in the box that was cut, as grid_sample wants it: (1, I, J, K, 3)."""
    assert place.matrix is not None, "a patch without a matrix is cut, not sampled"
    axes = [torch.arange(int(n), dtype=torch.float32) - (n - 1) / 2 for n in side]
    offsets = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
    places = offsets @ torch.from_numpy(place.matrix.T).float() + torch.from_numpy(place.centre - low).float()
    return (2.0 * (places + 0.5) / torch.from_numpy(size).float() - 1.0).flip(-1)[None]


class RandPatchd(Randomizable, Transform):
    """PreparedVisit -> patch: on a lesion, on physiologic uptake or anywhere in the body, through a drawn affine map.

    Args:
        lesion_fraction, physiologic_fraction: of patches; the rest lies anywhere in the body.
        affine_prob: how often the patch is turned and scaled; strength scales how far.
    """

    def __init__(
        self,
        card: ModelCard,
        lesion_fraction: float = 0.4,
        physiologic_fraction: float = 0.3,
        affine_prob: float = 0.6,
        strength: float = 1.0,
    ) -> None:
        self.card, self.fractions = card, (lesion_fraction, physiologic_fraction)
        self.affine_prob, self.strength = affine_prob, strength

    def __call__(self, visit: PreparedVisit) -> dict:
        prob = self.affine_prob * self.strength
        place = PatchPlace.draw(self.R, visit, self.card.window, self.fractions, prob, self.strength)
        return cut_patch(visit, place, self.card.window, self.card.channels)
