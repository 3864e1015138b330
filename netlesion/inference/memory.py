"""How much memory the activations of a tile may take here."""

from __future__ import annotations

import torch

from netlesion.output.memory import free_bytes

#: Of the memory that is free: the rest is for images, results and what else runs [P].
SHARE = 0.65
#: Where the system does not tell.
FALLBACK_GB = 4.0


def available_gb(device: str) -> float:
    """GB (1e9 bytes): a fraction of what is free on the device now."""
    if device != "cpu":
        free, _ = torch.cuda.mem_get_info()
        return SHARE * free / 1e9
    free = free_bytes()
    return FALLBACK_GB if free is None else max(SHARE * free / 1e9, 1.0)
