"""The random part of training as one MONAI Compose: a prepared visit -> a patch in network units.

The patch's keys are those of `netlesion.data.augmentation`; at its end `image` is what the network sees (P, I, J, K).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from monai.transforms.compose import Compose
from monai.transforms.transform import MapTransform, RandomizableTransform
from torch import Tensor

from netlesion.data.augmentation.image_quality import RandDropChannelsd, RandImageQualityd
from netlesion.data.augmentation.lesion import RandInsertLesionsd
from netlesion.data.augmentation.uptake import RandUptaked
from netlesion.data.labels import LabelScheme
from netlesion.data.patch import RandPatchd
from netlesion.errors import ConfigError
from netlesion.models.card import ModelCard
from netlesion.preprocess.normalise import HU_WINDOW, SUV_UNIT


@dataclass(frozen=True)
class Augmentation:
    """How far patches are randomised; the fields of `configs/augmentation`.

    Args:
        strength: 0 (nothing but the crop) to 1, of uptake, image quality and the affine map.
        affine_prob: of turning and scaling a patch, at strength 1.
        inserted_lesions: mean number of lesions inserted into each PET.
        mirror_prob: of each axis in mirror_axes (0 left-right, 1 front-back, 2 head-foot).
        drop_prob: of taking away each optional CT or MR; drop_tracer_prob: of each tracer where another is left.
    """

    strength: float = 0.0
    affine_prob: float = 0.6
    inserted_lesions: float = 0.0
    mirror_axes: tuple[int, ...] = (0,)
    mirror_prob: float = 0.5
    drop_prob: float = 0.1
    drop_tracer_prob: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "mirror_axes", tuple(self.mirror_axes))
        for name in ("strength", "affine_prob", "mirror_prob", "drop_prob", "drop_tracer_prob"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ConfigError(f"augmentation.{name} is {getattr(self, name)}, expected 0 to 1")
        if not 0.0 <= self.inserted_lesions <= 5.0:
            raise ConfigError(f"augmentation.inserted_lesions is {self.inserted_lesions}, expected 0 to 5")
        if not set(self.mirror_axes) <= {0, 1, 2}:
            raise ConfigError(f"augmentation.mirror_axes is {list(self.mirror_axes)}, expected some of 0, 1, 2")


class RandMirrord(RandomizableTransform, MapTransform):
    """Mirrors images and maps along each of the axes with a probability."""

    def __init__(self, keys: Sequence[str], axes: Sequence[int], prob: float) -> None:
        MapTransform.__init__(self, keys)
        RandomizableTransform.__init__(self, 1.0)
        self.axes, self.mirror_prob = tuple(axes), prob

    def __call__(self, data: Mapping) -> dict:
        axes = [1 + axis for axis in self.axes if self.R.random() < self.mirror_prob]
        return {k: v.flip(axes) if axes and k in self.keys else v for k, v in data.items()}


class NetworkUnitsd(MapTransform):
    """Physical units -> network units, and a plane of 0 or 1 for each optional channel's presence; as `normalise`."""

    def __init__(self, keys: Sequence[str], card: ModelCard) -> None:
        super().__init__(keys)
        self.card = card

    def __call__(self, data: Mapping) -> dict:
        return dict(data) | {key: network_planes(data[key], data["present"], self.card) for key in self.keys}


def network_planes(image: Tensor, present: Tensor, card: ModelCard) -> Tensor:
    """What the network sees of channels in physical units.

    Args:
        image: (C, I, J, K) float32: SUV, HU, MR signal scaled to its percentiles.
        present: (C,) bool; an absent channel holds zeros, whatever is in `image`.

    Returns:
        (C + P, I, J, K) float32, as `netlesion.preprocess.normalise.network_input` orders them.
    """
    optional = [n for n, c in enumerate(card.channels) if c not in card.required_channels]
    planes = image.new_zeros((len(card.channels) + len(optional), *image.shape[1:]))
    low, high = HU_WINDOW
    for n, channel in enumerate(card.channels):
        if not present[n]:
            continue
        if channel == "ct":
            planes[n] = (image[n].clamp(low, high) - (low + high) / 2.0) / ((high - low) / 2.0)
        elif channel.startswith("mr"):
            planes[n] = image[n]
        else:
            planes[n] = image[n].clamp(min=0.0).log1p() / float(np.log1p(SUV_UNIT))
    for p, n in enumerate(optional, start=len(card.channels)):
        planes[p] = float(present[n])
    return planes


def suv_of_plane(plane: Tensor) -> Tensor:
    """SUV of a PET's plane in network units: the inverse of what `network_planes` does to it, 0 below 0."""
    return (plane.float() * float(np.log1p(SUV_UNIT))).expm1()


def augmented(
    card: ModelCard,
    labels: LabelScheme,
    augmentation: Augmentation,
    lesion_fraction: float,
    physiologic_fraction: float,
) -> Compose:
    """PreparedVisit -> patch; all that is drawn comes from the Compose's random state."""
    a, image, maps = augmentation, ("image",), ("label", "instance", "organ", "organ_class")
    return Compose(
        [
            RandPatchd(card, lesion_fraction, physiologic_fraction, a.affine_prob, a.strength),
            RandUptaked(image, card, a.strength),
            RandInsertLesionsd(image, card, _inserted(card, labels), a.inserted_lesions),
            RandImageQualityd(image, card, a.strength),
            RandDropChannelsd(image, card, a.drop_prob, a.drop_tracer_prob),
            NetworkUnitsd(image, card),
            RandMirrord((*image, *maps), a.mirror_axes, a.mirror_prob),
        ]
    )


def _inserted(card: ModelCard, labels: LabelScheme) -> dict[str, tuple[int, tuple[int, ...]]]:
    """Tracer -> the label value of an inserted lesion, and the values of background; absent where there is none.

    An inserted lesion is a metastasis where the labels know metastases, else a lesion.
    """
    chosen = {}
    for tracer in card.classes:
        background = labels.background_values(tracer)
        lesion = labels.values_of(tracer, "metastasis") or labels.lesion_values(tracer)
        if background and lesion:
            chosen[tracer] = (lesion[0], background)
    return chosen
