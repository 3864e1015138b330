"""How much of this machine's memory is free, and the refusal of what would need more."""

from __future__ import annotations

from pathlib import Path

from netlesion.errors import ConfigError


def free_bytes() -> int | None:
    """What a process may still take, a container's limit included; None where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")) * 1024
        limit = Path("/sys/fs/cgroup/memory.max")
        if limit.is_file() and limit.read_text().strip().isdigit():
            used = int(Path("/sys/fs/cgroup/memory.current").read_text())
            free = min(free, int(limit.read_text()) - used)
    except (OSError, StopIteration, ValueError):
        return None
    return max(free, 0)


def require_memory(needed_bytes: float, what: str, remedy: str) -> None:
    """Raises ConfigError, with both numbers, where something needs more memory than is free."""
    free = free_bytes()
    if free is not None and needed_bytes > free:
        raise ConfigError(
            f"{what} needs {needed_bytes / 1e9:,.1f} GB of memory, {free / 1e9:,.1f} GB are free; {remedy}"
        )
