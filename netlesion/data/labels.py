"""What the integers of a cohort's masks mean to a network, and which voxels take no part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from netlesion.models.classes import LESION

#: Label of voxels that take no part in the loss.
IGNORE = 255


@dataclass(frozen=True)
class LabelScheme:
    """How a cohort's masks are read: the mask's `desc-`, and per tracer what each label value may mean."""

    desc: str
    values: Mapping[str, Mapping[int, tuple[str, ...]]]

    def lesion_values(self, tracer: str) -> tuple[int, ...]:
        """Label values that mean lesion and nothing else."""
        return tuple(v for v, meanings in self.values[tracer].items() if set(meanings) <= LESION)

    def values_of(self, tracer: str, meaning: str) -> tuple[int, ...]:
        """Label values that may mean this and nothing else, e.g. `background` or `physiologic`."""
        return tuple(v for v, meanings in self.values[tracer].items() if set(meanings) == {meaning})
