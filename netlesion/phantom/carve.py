"""Solids cut by solids, drawn part by part: what several need is worked out once and forgotten with its last use.

A large solid within others is never sampled as one: its share of a voxel is the least of theirs. So the cavity that
clips a whole bowel, or the lungs that a mediastinum is cut from, is drawn once; and the layers of a shell, which are
one solid grown or shrunk, share its distances. `Carver.ask` says beforehand what will be wanted and returns it as
something to be drawn. Knows nothing about parts or tissues.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable
from typing import TYPE_CHECKING

import numpy as np

from netlesion.phantom.compounds import Mirrored, Offset, Within
from netlesion.phantom.distances import LARGE_BOX, Distances
from netlesion.phantom.shares import Box, Share, common, cut, hull, size_of, within
from netlesion.phantom.solids import Half

if TYPE_CHECKING:
    from netlesion.phantom.solids import Solid
    from netlesion.phantom.stage import Stage


class Carver:
    """Knows all that was asked for on one stage, each by what it is, not by who asked."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._surfaces: dict[Hashable, _Surface] = {}
        self._carved: dict[Hashable, Carved] = {}
        self._own_boxes: dict[Hashable, Box] = {}

    def ask(
        self, solid: Solid, segment: str, box: Box, split: int = 1, *, mirrored: bool = False, margin_mm: float = 0.0
    ) -> Layer | Carved:
        """What can be drawn once for this solid, mirrored and then grown, over the box.

        split: how often a voxel at the surface is split along each axis.
        """
        solid, mirrored, margin_mm = _bare(solid, mirrored, margin_mm)
        identity = (_identity(solid), mirrored, segment)
        if isinstance(solid, Within) and split == 1 and math.prod(size_of(box)) > LARGE_BOX:
            return self._ask_carved(solid, identity, segment, box, mirrored, margin_mm)
        surface = self._surfaces.setdefault((*identity, split), _Surface(solid, mirrored, segment, split))
        surface.boxes.append(box)
        surface.left[margin_mm] += 1
        return Layer(self._stage, surface, margin_mm)

    def ask_whole(
        self, solid: Solid, segment: str, *, mirrored: bool = False, margin_mm: float = 0.0
    ) -> Layer | Carved:
        """The same over all of the grid that it can reach."""
        box = self._own_box(solid, segment, mirrored, margin_mm)
        return self.ask(solid, segment, box, mirrored=mirrored, margin_mm=margin_mm)

    def _ask_carved(
        self, solid: Within, identity: Hashable, segment: str, box: Box, mirrored: bool, margin_mm: float
    ) -> Carved:
        key = (identity, margin_mm, tuple((s.start, s.stop) for s in box))
        if key not in self._carved:
            inside = [self._part(s, segment, box, mirrored, margin_mm) for s in (solid.solid, *solid.limits)]
            outside = [self._part(s, segment, box, mirrored, -margin_mm) for s in solid.holes]
            self._carved[key] = Carved(box, inside, outside)
        self._carved[key].left += 1
        return self._carved[key]

    def _part(self, solid: Solid, segment: str, box: Box, mirrored: bool, margin_mm: float) -> Layer | Carved:
        """A solid that cuts, as far as it reaches into the box; one that is cut itself is perhaps wanted by others."""
        bare = _bare(solid, mirrored, margin_mm)[0]
        if isinstance(bare, Within):
            return self.ask_whole(solid, segment, mirrored=mirrored, margin_mm=margin_mm)
        if not isinstance(bare, Half):
            box = common(box, self._own_box(solid, segment, mirrored, margin_mm))
        return self.ask(solid, segment, box, mirrored=mirrored, margin_mm=margin_mm)

    def _own_box(self, solid: Solid, segment: str, mirrored: bool, margin_mm: float) -> Box:
        bare, mirrored, margin_mm = _bare(solid, mirrored, margin_mm)
        key = (_identity(bare), mirrored, margin_mm, segment)
        if key not in self._own_boxes:
            bounds = Offset(Mirrored(bare) if mirrored else bare, margin_mm).bounds_mm()
            (self._own_boxes[key],) = self._stage.boxes_of(bounds[None], segment)
        return self._own_boxes[key]


class _Surface:
    """A solid whose distances are wanted for some margins, each so often; drawn on the first, forgotten on the last."""

    def __init__(self, solid: Solid, mirrored: bool, segment: str, split: int) -> None:
        self.solid, self.segment, self.split = Mirrored(solid) if mirrored else solid, segment, split
        self.boxes: list[Box] = []
        self.left: Counter[float] = Counter()
        self.distances: Distances | None = None


class Layer:
    """A solid grown or shrunk."""

    def __init__(self, stage: Stage, surface: _Surface, margin_mm: float) -> None:
        self._stage, self._surface, self._margin_mm = stage, surface, margin_mm

    def share(self) -> Share:
        """Drawn once for each time it was asked for."""
        own = self._surface
        box = hull(own.boxes)
        if own.distances is None:
            own.distances = Distances(own.solid, own.segment, box, own.split, own.left)
        share = own.distances.share(self._stage, self._margin_mm)
        own.left[self._margin_mm] -= 1
        if own.left.total() == 0:
            own.distances = None
        return Share(box, share)


class Carved:
    """What lies inside some solids and outside others."""

    def __init__(self, box: Box, inside: list[Layer | Carved], outside: list[Layer | Carved]) -> None:
        self._box, self._inside, self._outside = box, inside, outside
        self.left = 0
        self._kept: Share | None = None

    def share(self) -> Share:
        """Drawn once for each time it was asked for; not to be changed."""
        found = self._kept
        if found is None:
            found = Share(self._box, np.ones(size_of(self._box), dtype=np.float32))
            for part in self._inside:
                keep_inside(found, part.share())
            for part in self._outside:
                keep_outside(found, part.share())
        self.left -= 1
        self._kept = found if self.left > 0 else None
        return found


def keep_inside(share: Share, limit: Share) -> None:
    """Cut the share to what lies inside the limit, in place."""
    np.minimum(share.share, cut(limit, share.box), out=share.share)


def keep_outside(share: Share, hole: Share) -> None:
    """Cut the hole out of the share, in place."""
    both = common(share.box, hole.box)
    view = share.share[within(both, share.box)]
    np.minimum(view, np.float32(1.0) - hole.share[within(both, hole.box)], out=view)


def _bare(solid: Solid, mirrored: bool, margin_mm: float) -> tuple[Solid, bool, float]:
    """The solid without the mirrors and offsets around it, and what these come to."""
    while isinstance(solid, Mirrored | Offset):
        if isinstance(solid, Mirrored):
            mirrored = not mirrored
        else:
            margin_mm += solid.margin_mm
        solid = solid.solid
    return solid, mirrored, margin_mm


def _identity(solid: Solid) -> Hashable:
    """The same for what is made of the same solids; taking a union apart makes new objects of old ones."""
    if not isinstance(solid, Within):
        return id(solid)

    def of(s: Solid) -> Hashable:
        bare, mirrored, margin_mm = _bare(s, False, 0.0)
        return _identity(bare), mirrored, margin_mm

    return of(solid.solid), tuple(map(of, solid.limits)), tuple(map(of, solid.holes))
