"""The classes of the organ head, and which labels of an organ map belong to each. Data and one table."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

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
#: class of the organ head -> its name in an organ map, as `quantify.region` knows it; `other` is no organ.
ORGAN_NAMES = (
    "other", "liver", "spleen", "kidney", "urinary_bladder", "lung", "brain", "heart", "aorta", "bowel", "bone",
)  # fmt: skip
#: How the names of organs begin in which a lesion may be inserted: those where a focus is seldom physiologic. Project
#: choice: glands, bowel, kidneys, spleen, bladder, brain and heart are left to the patient's own lesions.
HOSTS = (
    "liver", "lung_", "fat", "visceral_fat", "subcutaneous_fat", "muscle", "gluteus", "autochthon", "iliopsoas",
    "mediastinum", "bone", "sacrum", "sternum", "skull", "vertebrae_", "rib_", "humerus", "scapula", "clavicula",
    "femur", "hip_", "tibia", "fibula",
)  # fmt: skip


def num_organs(network: Mapping[str, Any]) -> int:
    """Classes of the organ head of a card's `network`; 0 where it has none."""
    return int(network.get("organs", 0))


def organ_class(name: str) -> int:
    """The class of an organ's name, 0 (other) where it belongs to none."""
    for number, beginnings in enumerate(ORGANS.values()):
        if name.startswith(beginnings) and "cyst" not in name:
            return number
    return 0


def hosts_of(names: Mapping[int, str]) -> tuple[int, ...]:
    """The labels of an organ map in which a lesion may be inserted."""
    return tuple(label for label, name in names.items() if name.startswith(HOSTS))


def organ_table(names: Mapping[int, str]) -> np.ndarray:
    """(256,) uint8: label of an organ map -> class of the organ head; labels without a name are `other`."""
    table = np.zeros(256, dtype=np.uint8)
    for label, name in names.items():
        table[label] = organ_class(name)
    return table
