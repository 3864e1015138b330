"""The classes of the organ head, and which labels of an organ map belong to each. Data and one table."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

#: class -> how the names of TotalSegmentator and of the digital cohort begin that belong to it.
ORGANS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "other": (),
        "liver": ("liver",),
        "spleen": ("spleen",),
        "kidneys": ("kidney_left", "kidney_right", "renal_pelvis"),
        "urinary_bladder": ("urinary_bladder",),
        "lungs": ("lung_",),
        "brain": ("brain", "cerebellum"),
        "heart": ("heart", "atrial_appendage"),
        "aorta": ("aorta",),
        "bowel": ("small_bowel", "duodenum", "colon"),
        "bone": (
            "sacrum", "vertebrae_", "humerus", "scapula", "clavicula", "femur", "hip_", "skull", "rib_", "sternum",
            "bone", "radius", "ulna", "carpal", "metacarpal", "fingers", "tibia", "fibula", "patella", "tarsal",
            "metatarsal", "toes", "mandible",
        ),
    }
)  # fmt: skip
ORGAN_CLASSES = tuple(ORGANS)


def organ_class(name: str) -> int:
    """The class of an organ's name, 0 (other) where it belongs to none."""
    for number, beginnings in enumerate(ORGANS.values()):
        if name.startswith(beginnings) and "cyst" not in name:
            return number
    return 0


def organ_table(names: Mapping[int, str]) -> np.ndarray:
    """(256,) uint8: label of an organ map -> class of the organ head; labels without a name are `other`."""
    table = np.zeros(256, dtype=np.uint8)
    for label, name in names.items():
        table[label] = organ_class(name)
    return table
