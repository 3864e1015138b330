"""Which windows to run, decided on integers alone.

The grid is that of MONAI's SlidingWindowInferer: a fixed step, the last window moved back inside. A volume
smaller than the window is padded on both sides. No model, no torch, no values.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from netlesion.errors import ConfigError


@dataclass(frozen=True)
class Plan:
    """Windows over a volume: `starts` index the padded volume, `pad_low` is what was added before voxel 0."""

    shape: tuple[int, int, int]
    window: tuple[int, int, int]
    pad_low: tuple[int, int, int]
    padded: tuple[int, int, int]
    starts: tuple[tuple[int, int, int], ...]

    @property
    def num_windows(self) -> int:
        return len(self.starts)

    def explain(self) -> str:
        """The plan in one line: windows, their size, and how often the average voxel is computed."""
        i, j, k = self.window
        a, b, c = self.shape
        return (
            f"{self.num_windows} windows of {i}x{j}x{k} over {a}x{b}x{c} voxels, "
            f"{self.num_windows * i * j * k / (a * b * c):.1f} times its volume"
        )


def plan_windows(shape: tuple[int, int, int], window: tuple[int, int, int], overlap: float = 0.5) -> Plan:
    """Windows that cover every voxel of `shape`, neighbours sharing `overlap` of their length (0 <= overlap < 1).

    Ordered by K, then I, then J, so that a slab along K is complete early. Raises ConfigError for sizes below 1
    or an overlap outside its range.
    """
    if min(shape) < 1 or min(window) < 1:
        raise ConfigError(f"volume {shape} and window {window} must be at least one voxel along every axis")
    if not 0.0 <= overlap < 1.0:
        raise ConfigError(f"overlap is {overlap}, expected 0 <= overlap < 1")
    padded = tuple(max(n, w) for n, w in zip(shape, window, strict=True))
    pad_low = tuple((p - n) // 2 for p, n in zip(padded, shape, strict=True))
    axes = [_starts(p, w, overlap) for p, w in zip(padded, window, strict=True)]
    starts = tuple((i, j, k) for k, i, j in product(axes[2], axes[0], axes[1]))
    return Plan(tuple(shape), tuple(window), pad_low, padded, starts)


def _starts(length: int, window: int, overlap: float) -> list[int]:
    """First voxel of every window along one axis; the last window ends with the volume."""
    step = max(1, int(window * (1.0 - overlap)))
    count = 1 if length <= window else -(-(length - window) // step) + 1
    return [min(n * step, length - window) for n in range(count)]
