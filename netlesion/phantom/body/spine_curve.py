"""Where the vertebrae are: their centres along the natural curves of neck, chest and loin, in nominal mm.

Data and interpolation; read by everything that lies along the spine.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

#: vertebra -> (y, z) of its body's centre.
CENTRES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "L5": (-46, -144), "L4": (-38, -108), "L3": (-36, -72), "L2": (-40, -36), "L1": (-47, 0), "T12": (-54, 32),
        "T11": (-58, 60), "T10": (-63, 87), "T9": (-67, 113), "T8": (-70, 139), "T7": (-72, 164), "T6": (-72, 189),
        "T5": (-70, 213), "T4": (-66, 237), "T3": (-60, 260), "T2": (-54, 282), "T1": (-47, 303), "C7": (-41, 322),
        "C6": (-34, 339), "C5": (-29, 355), "C4": (-26, 371), "C3": (-26, 387), "C2": (-28, 404), "C1": (-29, 420),
    }
)  # fmt: skip
_Z = np.array([z for _, z in CENTRES.values()], dtype=float)
_Y = np.array([y for y, _ in CENTRES.values()], dtype=float)


def depth_at(z_mm: float) -> float:
    """y of the spine's middle at this height, nominal mm; the nearest end's beyond both ends."""
    return float(np.interp(z_mm, _Z, _Y))
