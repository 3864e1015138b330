"""What the integers of a cohort's masks mean to a network, and which voxels take no part."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from netlesion.models.classes import LESION

#: Label of voxels that take no part in the loss.
IGNORE = 255
#: What is added to the labels of masks that are read in place of those of `LabelScheme.desc`.
OTHERWISE_OFFSET = 100


@dataclass(frozen=True)
class LabelScheme:
    """How a cohort's masks are read: the mask's `desc-`, and per tracer what each label value may mean.

    otherwise: the `desc-` of the masks that are read where a PET has none of `desc`, so that data sets which tell
    different classes apart train one network; `values` holds their labels with OTHERWISE_OFFSET added.
    """

    desc: str
    values: Mapping[str, Mapping[int, tuple[str, ...]]]
    otherwise: str | None = None

    @property
    def descs(self) -> tuple[str, ...]:
        """The `desc-` that are read, the preferred one first."""
        return (self.desc,) if self.otherwise is None else (self.desc, self.otherwise)

    def desc_of(self, masks: Collection[str]) -> str | None:
        """Which of a PET's masks is read; None where it has none of `descs`."""
        return next((desc for desc in self.descs if desc in masks), None)

    def background_values(self, tracer: str) -> tuple[int, ...]:
        """Label values that mean background, or background and physiologic uptake that nobody told apart."""
        free = {"background", "physiologic"}
        return tuple(v for v, m in self.values[tracer].items() if "background" in m and set(m) <= free)

    def lesion_values(self, tracer: str) -> tuple[int, ...]:
        """Label values that mean lesion and nothing else."""
        return tuple(v for v, meanings in self.values[tracer].items() if set(meanings) <= LESION)

    def values_of(self, tracer: str, meaning: str) -> tuple[int, ...]:
        """Label values that may mean this and nothing else, e.g. `background` or `physiologic`."""
        return tuple(v for v, meanings in self.values[tracer].items() if set(meanings) == {meaning})
