"""MONAI dict transforms: a visit's files -> tensors, and the random part of training.

Keys: `image` (C, I, J, K) network input, `label` (T, I, J, K) one label map per tracer (IGNORE where it is not
known), `site` (1, I, J, K) what a patch may be centred on: 0 anything, 1 + t a lesion of tracer t, `visit_id`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from monai.transforms import (
    ClassesToIndicesd,
    Compose,
    DeleteItemsd,
    MapTransform,
    RandAffined,
    RandCropByLabelClassesd,
    RandFlipd,
    RandomizableTransform,
    SpatialPadd,
    ToTensord,
    Transform,
)

from netlesion.errors import CohortError
from netlesion.image.geometry import Geometry
from netlesion.image.visit import Scan
from netlesion.image.volume import Quantity, Volume
from netlesion.io.bids.cohort import VisitFiles, load_visit
from netlesion.models.card import ModelCard
from netlesion.models.classes import LESION
from netlesion.preprocess.harmonise import harmonise, resample
from netlesion.preprocess.normalise import network_input

#: Label of voxels that take no part in the loss.
IGNORE = 255


@dataclass(frozen=True)
class LabelMeaning:
    """How a cohort's masks are read: the mask's `desc-`, and per tracer what each label value may mean."""

    desc: str
    values: Mapping[str, Mapping[int, tuple[str, ...]]]

    def lesion_values(self, tracer: str) -> tuple[int, ...]:
        """Label values that mean lesion and nothing else."""
        return tuple(v for v, meanings in self.values[tracer].items() if set(meanings) <= LESION)


class LoadVisit(Transform):
    """VisitFiles -> dict of tensors on the model's working grid."""

    def __init__(self, card: ModelCard, labels: LabelMeaning) -> None:
        self.card, self.labels = card, labels

    def __call__(self, files: VisitFiles) -> dict:
        card = self.card
        visit = load_visit(files, card.channels, card.required_channels, self.labels.desc)
        unlabelled = [t for t in card.classes if t in visit.scans and t not in visit.masks]
        if unlabelled:
            raise CohortError(
                f"{files.visit_id}: no reference mask desc-{self.labels.desc} for {unlabelled[0]}; "
                "training and validation need one for every PET"
            )
        grid = harmonise(visit, card.channels, card.spacing_mm)
        label = np.full((len(card.classes), *grid.geometry.shape), IGNORE, dtype=np.uint8)
        site = np.zeros((1, *grid.geometry.shape), dtype=np.uint8)
        for t, tracer in enumerate(card.classes):
            if tracer in grid.masks:
                label[t] = self._known(files.visit_id, tracer, grid.masks[tracer].array)
                label[t][~self._seen(visit.scans[tracer], grid.geometry)] = IGNORE
                site[0][np.isin(label[t], self.labels.lesion_values(tracer))] = 1 + t
        return {
            "image": torch.from_numpy(network_input(grid, card.required_channels)),
            "label": torch.from_numpy(label),
            "site": torch.from_numpy(site),
            "visit_id": files.visit_id,
        }

    def _seen(self, scan: Scan, grid: Geometry) -> np.ndarray:
        """Where a tracer on another's grid was imaged at all: beyond its field of view nothing is background."""
        everywhere = Volume(np.ones(scan.volume.geometry.shape, dtype=np.uint8), scan.volume.geometry, Quantity.LABEL)
        return resample(everywhere, grid, scan.transform).array > 0

    def _known(self, visit_id: str, tracer: str, mask: np.ndarray) -> np.ndarray:
        unknown = set(np.unique(mask).tolist()) - set(self.labels.values[tracer])
        if unknown:
            raise CohortError(
                f"{visit_id}: label {min(unknown)} in the {tracer} mask has no meaning; "
                f"known are {sorted(self.labels.values[tracer])} (labels.values in the configuration)"
            )
        return mask


class RandDropChannelsd(RandomizableTransform, MapTransform):
    """Takes optional channels away with a probability each, and says so in their presence planes."""

    def __init__(self, keys: Sequence[str], card: ModelCard, prob: float) -> None:
        MapTransform.__init__(self, keys)
        RandomizableTransform.__init__(self, 1.0)
        self.optional = [c for c, name in enumerate(card.channels) if name not in card.required_channels]
        self.num_channels, self.drop_prob = len(card.channels), prob
        self.dropped: list[int] = []

    def randomize(self, data=None) -> None:
        draws = self.R.random(len(self.optional))
        self.dropped = [n for n, draw in enumerate(draws) if draw < self.drop_prob]

    def __call__(self, data: Mapping) -> dict:
        self.randomize()
        out = dict(data)
        for key in self.keys:
            if self.dropped:
                out[key] = out[key].clone()  # a crop may be a view of the cached visit
            for n in self.dropped:
                out[key][self.optional[n]] = 0.0
                out[key][self.num_channels + n] = 0.0
        return out


def prepared(card: ModelCard, labels: LabelMeaning) -> Compose:
    """The part that is the same every time, and therefore cached: files to tensors, padding, places of lesions."""
    return Compose(
        [
            LoadVisit(card, labels),
            SpatialPadd(keys=("image", "site"), spatial_size=card.window, mode="constant"),
            SpatialPadd(keys="label", spatial_size=card.window, mode="constant", value=IGNORE),
            ClassesToIndicesd(keys="site", num_classes=1 + len(card.classes)),
        ]
    )


def augmented(
    card: ModelCard, lesion_share: float, flip_axes: Sequence[int], affine_prob: float, drop_prob: float
) -> Compose:
    """The random part: a patch (on a lesion with probability `lesion_share`, of every tracer alike), flips, dropout.

    Returns a list of one sample, as MONAI's crop transforms do.
    """
    both = ("image", "label")
    tracers = len(card.classes)
    return Compose(
        [
            RandCropByLabelClassesd(
                keys=both,
                label_key="site",
                spatial_size=card.window,
                ratios=[1.0 - lesion_share, *[lesion_share / tracers] * tracers],
                num_classes=1 + tracers,
                num_samples=1,
                indices_key="site_cls_indices",
                warn=False,
            ),
            *(RandFlipd(keys=both, spatial_axis=axis, prob=0.5) for axis in flip_axes),
            RandAffined(
                keys=both,
                prob=affine_prob,
                rotate_range=(0.15, 0.15, 0.15),
                scale_range=(0.1, 0.1, 0.1),
                mode=("bilinear", "nearest"),
                padding_mode="border",
            ),
            RandDropChannelsd(keys="image", card=card, prob=drop_prob),
            DeleteItemsd(keys=("site", "site_cls_indices")),
            ToTensord(keys=both, track_meta=False),
        ]
    )
