"""Which tiles to run, decided on integers alone: no model, no torch, no values.

exact   windows on the grid of MONAI's SlidingWindowInferer over the whole volume, blended.
crop    the same grid, fitted to the body's box: fewer windows, other ones, so an instance norm sees other statistics.
stream  the body's box in as few tiles along K as memory allows; each reads a halo that its network needs and keeps
        what the halo does not reach, so the result is that of one forward over the box, and nothing is blended.

A part smaller than a window, or not divisible by what the network asks, is padded with zeros on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

from netlesion.errors import ConfigError

#: Fraction of the memory for activations that is left for chunks, where a tile does not fit at once.
CHUNK_FRACTION = 0.3
#: Windows in one forward on a GPU, at most: on an H200 one of 96^3 takes 7 ms, of four each 3.5, of sixteen 2.2.
MOST_WINDOWS = 16

Index = tuple[int, int, int]


@dataclass(frozen=True)
class Box:
    """A part of a volume: voxels low <= index < high along each axis."""

    low: Index
    high: Index

    @property
    def shape(self) -> Index:
        i, j, k = (h - a for a, h in zip(self.low, self.high, strict=True))
        return i, j, k

    @property
    def num_voxels(self) -> int:
        i, j, k = self.shape
        return i * j * k

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        i, j, k = (slice(a, h) for a, h in zip(self.low, self.high, strict=True))
        return i, j, k

    def within(self, outer: Box) -> Box:
        """The same voxels counted from the first one of another box."""
        moved = zip(self.low, self.high, outer.low, strict=True)
        low, high = zip(*((a - o, h - o) for a, h, o in moved), strict=True)
        return Box(low, high)


@dataclass(frozen=True)
class Cost:
    """What a network costs for each voxel that it reads: floating-point operations, bytes of activations.

    chunked: bytes where its first levels run chunk by chunk, for each voxel of the tile and for each of a chunk; None
    where they cannot.
    """

    flop: float
    activation_bytes: float
    chunked: tuple[float, float] | None = None

    def chunk_voxels(self, tile_voxels: int, memory: float) -> int | None:
        """Of a chunk, in what a tile leaves of `memory` bytes; None for a tile that fits at once."""
        if self.chunked is None or self.activation_bytes * tile_voxels <= memory:
            return None
        tile, chunk = self.chunked
        return int(max(memory - tile * tile_voxels, CHUNK_FRACTION * memory) / chunk)


@dataclass(frozen=True)
class Tile:
    """`read` goes through the network, `keep` is the part of it that counts; both index the padded box."""

    read: Box
    keep: Box


@dataclass(frozen=True)
class Plan:
    """What to compute: `box` of a volume of `shape`; tiles index the padded box, `pad_low` lies before its voxel 0."""

    mode: str
    shape: Index
    box: Box
    pad_low: Index
    padded: Index
    tiles: tuple[Tile, ...]
    blend: bool
    cost: Cost | None = None
    chunked: bool = False

    @property
    def num_tiles(self) -> int:
        return len(self.tiles)

    @property
    def voxels_computed(self) -> int:
        return sum(t.read.num_voxels for t in self.tiles)

    def explain(self) -> str:
        """The plan in one line: tiles, the share of the volume that is computed, and how often; its cost if known."""
        total = self.shape[0] * self.shape[1] * self.shape[2]
        sizes = sorted({t.read.shape for t in self.tiles})
        size = " and ".join("x".join(map(str, s)) for s in sizes)
        line = f"{self.mode}: {_counted(self.num_tiles, 'window' if self.blend else 'tile')} of {size}"
        if self.box.num_voxels < total:
            box = "x".join(map(str, self.box.shape))
            line += f" over the body's box {box} ({100 * self.box.num_voxels / total:.0f} % of the volume)"
        else:
            line += f" over {'x'.join(map(str, self.shape))} voxels"
        line += f", {self.voxels_computed / self.box.num_voxels:.1f} times its voxels"
        if self.cost is not None:
            largest = max(t.read.num_voxels for t in self.tiles)
            line += f"; {self.cost.flop * self.voxels_computed / 1e12:.2f} TFLOP"
            in_chunks = self.cost.chunked if self.chunked else None
            each = self.cost.activation_bytes if in_chunks is None else in_chunks[0]
            line += f", about {each * largest / 1e9:.1f} GB of activations"
            line += " beside those of a chunk" if self.chunked else ""
        return line


def plan_windows(
    shape: Index, window: Index, overlap: float = 0.5, box: Box | None = None, cost: Cost | None = None
) -> Plan:
    """Windows that cover every voxel of `shape` (mode exact) or of `box` (crop), neighbours sharing `overlap`.

    Ordered by K, then I, then J, so that slices of the blend buffer are complete early. Raises ConfigError for sizes
    below 1 or an overlap outside 0 <= overlap < 1.
    """
    if min(shape) < 1 or min(window) < 1:
        raise ConfigError(f"volume {shape} and window {window} must be at least one voxel along every axis")
    if not 0.0 <= overlap < 1.0:
        raise ConfigError(f"overlap is {overlap}, expected 0 <= overlap < 1")
    shape = _index(shape)
    mode, box = ("exact", Box((0, 0, 0), shape)) if box is None else ("crop", box)
    padded = _index(max(n, w) for n, w in zip(box.shape, window, strict=True))
    axes = [_starts(p, w, overlap) for p, w in zip(padded, window, strict=True)]
    windows = (_box((i, j, k), window) for k, i, j in product(axes[2], axes[0], axes[1]))
    tiles = tuple(Tile(w, w) for w in windows)
    return Plan(mode, shape, box, _pad_low(box, padded), padded, tiles, blend=True, cost=cost)


def windows_at_once(plan: Plan, device: str, memory_gb: float | None) -> int:
    """Tiles in one forward: on a GPU what its memory holds; one on a CPU, where more at a time are slower."""
    if device == "cpu" or plan.cost is None or memory_gb is None:
        return 1
    needed = plan.cost.activation_bytes * plan.tiles[0].read.num_voxels
    return max(1, min(plan.num_tiles, MOST_WINDOWS, int(memory_gb * 1e9 / needed)))


def plan_stream(
    shape: Index, factor: int, halo: int, box: Box | None = None, cost: Cost | None = None, memory: float | None = None
) -> Plan:
    """Tiles along K whose kept parts meet without a gap and equal one forward over the whole box.

    factor: what the network's sides must be divisible by; halo: voxels on each side that can reach a kept one, a
    multiple of factor. memory: bytes of activations that a tile may take by `cost`, None for no limit. Where the box in
    one tile takes more, its first levels run in chunks, if they can, which repeats less than halos do; then tiles get
    shallower. The shallowest keeps `factor` slices, so a plan may need more than was given (`explain` says what).
    Raises ConfigError for sizes below 1 or a halo that is no multiple of factor.
    """
    if min(shape) < 1 or factor < 1 or halo < 0 or halo % factor:
        raise ConfigError(f"volume {shape}, factor {factor} and halo {halo} make no plan; halo must be k * factor")
    shape = _index(shape)
    box = _grown(Box((0, 0, 0), shape) if box is None else box, shape, factor)
    padded = _index(-(-n // factor) * factor for n in box.shape)
    depth, chunked = padded[2], False
    if cost is not None and memory is not None:
        plane = padded[0] * padded[1]
        chunked = cost.chunk_voxels(plane * depth, memory) is not None
        affordable = memory / cost.activation_bytes
        if chunked and cost.chunked is not None:
            affordable = (1.0 - CHUNK_FRACTION) * memory / cost.chunked[0]
        depth = min(depth, max(int(affordable / plane) // factor * factor, factor))
    tiles = []
    for keep_low, keep_high in _keeps(padded[2], depth, factor, halo):
        low, high = max(0, keep_low - halo), min(padded[2], keep_high + halo)
        read = Box((0, 0, low), (padded[0], padded[1], high))
        tiles.append(Tile(read, Box((0, 0, keep_low), (padded[0], padded[1], keep_high))))
    return Plan("stream", shape, box, _pad_low(box, padded), padded, tuple(tiles), False, cost, chunked)


def _keeps(length: int, depth: int, factor: int, halo: int) -> list[tuple[int, int]]:
    """Where the kept parts begin and end; with its halos no tile is deeper than `depth`, if that is possible.

    A tile at either end has one halo, so it keeps more.
    """
    end, middle = max(depth - halo, factor), max(depth - 2 * halo, factor)
    edges = [0]
    while length - edges[-1] > (depth if len(edges) == 1 else end):
        edges.append(edges[-1] + (end if len(edges) == 1 else middle))
    return list(pairwise([*edges, length]))


def _grown(box: Box, shape: Sequence[int], factor: int) -> Box:
    """The box with sides divisible by factor where the volume has the voxels: real ones are better than zeros."""
    low, high = list(box.low), list(box.high)
    for axis in range(3):
        missing = -(high[axis] - low[axis]) % factor
        above = min(missing, shape[axis] - high[axis])
        high[axis] += above
        low[axis] -= min(missing - above, low[axis])
    return Box(_index(low), _index(high))


def _box(start: Index, size: Index) -> Box:
    return Box(start, _index(s + n for s, n in zip(start, size, strict=True)))


def _pad_low(box: Box, padded: Index) -> Index:
    return _index((p - n) // 2 for p, n in zip(padded, box.shape, strict=True))


def _index(values: Iterable[int]) -> Index:
    i, j, k = values
    return i, j, k


def _starts(length: int, window: int, overlap: float) -> list[int]:
    """First voxel of every window along one axis; the last window ends with the volume."""
    step = max(1, int(window * (1.0 - overlap)))
    count = 1 if length <= window else -(-(length - window) // step) + 1
    return [min(n * step, length - window) for n in range(count)]


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" + ("s" if number != 1 else "")
