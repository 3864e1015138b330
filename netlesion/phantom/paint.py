"""The parts of a posed body onto its stage: which share of each voxel each one fills, in painting order.

Every solid is taken apart: capsules of all parts are drawn at once (`chain`), anything else near its surface only
(`distances`), cut by whatever cuts it (`carve`). Pure; knows nothing about what is painted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from netlesion.phantom.carve import Carver, keep_inside, keep_outside
from netlesion.phantom.chain import Apart, Chain, apart
from netlesion.phantom.shares import Box, Share, size_of, union
from netlesion.phantom.tubes import Tubes, splits

if TYPE_CHECKING:
    from netlesion.phantom.body.parts import Part
    from netlesion.phantom.solids import Solid
    from netlesion.phantom.stage import Stage


def share_of(stage: Stage, solid: Solid, segment: str) -> Share:
    """The share of each voxel inside the solid; the share is empty when the solid is off the grid."""
    return next(shares_of(stage, [(apart(solid), segment)]))


def paint(stage: Stage, parts: Iterable[Part]) -> Iterator[tuple[Part, Share]]:
    """Each part that reaches the grid, in the order given, with the share of each voxel it fills."""
    parts = list(parts)
    for part, share in zip(parts, shares_of(stage, [(p.apart, p.segment) for p in parts]), strict=True):
        if share.share.size:
            yield part, share


def shares_of(stage: Stage, shapes: Sequence[tuple[Apart, str]]) -> Iterator[Share]:
    """One share for each (solid, segment); empty for what is off the grid."""
    carver = Carver(stage)
    pieces, chains = [], []
    for (shape, segment), boxes in zip(shapes, _boxes(stage, shapes), strict=True):
        thick = (shape.boxes_mm[:, 1] - shape.boxes_mm[:, 0]).min(axis=1, initial=np.inf) / 2.0
        split = splits(thick, stage.voxel_mm).tolist()
        found = zip(shape.others, boxes, split, strict=True)
        pieces.append([carver.ask(solid, segment, box, n) for solid, box, n in found if 0 not in size_of(box)])
        chains.append(
            [tuple([carver.ask_whole(s, segment) for s in cuts] for cuts in (c.limits, c.holes)) for c in shape.chains]
        )
    drawn = _shares_of_chains(stage, [(segment, chain) for shape, segment in shapes for chain in shape.chains])
    for own, cuts_of_chains in zip(pieces, chains, strict=True):
        found = [piece.share() for piece in own]
        for limits, holes in cuts_of_chains:
            share = next(drawn)
            for limit in limits:
                keep_inside(share, limit.share())
            for hole in holes:
                keep_outside(share, hole.share())
            found.append(share)
        yield union([s for s in found if s.share.size])


def _boxes(stage: Stage, shapes: Sequence[tuple[Apart, str]]) -> list[list[Box]]:
    """For each shape, the boxes of its pieces that are no capsules."""
    found: list[list[Box]] = [[] for _ in shapes]
    for segment in dict.fromkeys(segment for _, segment in shapes):
        own = [n for n, (_, s) in enumerate(shapes) if s == segment]
        boxes_mm = np.concatenate([shapes[n][0].boxes_mm for n in own])
        boxes = stage.boxes_of(boxes_mm, segment) if len(boxes_mm) else []
        stage.keep([box for box in boxes if 0 not in size_of(box)], segment)
        for n in own:
            count = len(shapes[n][0].others)
            found[n], boxes = boxes[:count], boxes[count:]
    return found


def _shares_of_chains(stage: Stage, chains: list[tuple[str, Chain]]) -> Iterator[Share]:
    """For each (segment, chain), the share of each voxel its capsules fill, not yet cut by anything."""
    if not chains:
        return
    owner = np.repeat(np.arange(len(chains)), [len(chain.capsules) for _, chain in chains])
    ends = np.concatenate([chain.ends_mm for _, chain in chains])
    facts = np.concatenate([chain.facts for _, chain in chains])
    radius, flatten, flat = facts[:, :2], facts[:, 2], facts[:, 3:].copy()
    geometry = stage.geometry
    axes = geometry.affine_ras[:3, :3] / geometry.spacing_mm
    segments = np.array([segment for segment, _ in chains])[owner]
    for segment in dict.fromkeys(segment for segment, _ in chains):
        mine = segments == segment
        points, place = np.unique(ends[mine].reshape(-1, 3), axis=0, return_inverse=True)
        posed = geometry.to_index(stage.pose.to_scan(points, segment)) * geometry.spacing_mm
        ends[mine] = posed[place].reshape(-1, 2, 3)
        flat[mine] = flat[mine] @ (axes.T @ stage.pose.matrices[segment][:3, :3]).T
    spacing = np.array(geometry.spacing_mm)
    tubes = Tubes(ends[:, 0], ends[:, 1], radius, flat, flatten, spacing, geometry.shape, stage.voxel_mm)
    yield from map(union, tubes.shares(owner, len(chains)))
