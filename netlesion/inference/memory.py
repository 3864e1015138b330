"""How much memory the activations of a tile may take here."""

from __future__ import annotations

from pathlib import Path

import torch

#: Of the memory that is free: the rest is for images, results and what else runs [P].
SHARE = 0.65
#: Where the system does not tell.
FALLBACK_GB = 4.0


def available_gb(device: str) -> float:
    """GB (1e9 bytes): a share of what is free on the device now."""
    if device != "cpu":
        free, _ = torch.cuda.mem_get_info()
        return SHARE * free / 1e9
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")) * 1024
        limit = Path("/sys/fs/cgroup/memory.max")
        if limit.is_file() and limit.read_text().strip().isdigit():
            used = int(Path("/sys/fs/cgroup/memory.current").read_text())
            free = min(free, int(limit.read_text()) - used)
    except (OSError, StopIteration, ValueError):
        return FALLBACK_GB
    return max(SHARE * free / 1e9, 1.0)
