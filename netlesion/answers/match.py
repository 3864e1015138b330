"""Which lesion of one list is which of another: two visits, or two tracers of one visit (clinical.md 4.5, 3.6).

    edge(i, j)   D_r(A_i) and D_r(B_j) overlap (gap of nearest voxels <= 2 r), or their centroids are within 15 mm in
                 one region and neither has another candidate
    pruning [P]  an edge by shared voxels goes where both ends share more than twice as much with another lesion;
                 an edge by dilation alone goes where either end shares voxels with another lesion of the other list:
                 a neighbour is not a partner when the partner is there
    components   (1,0) resolved (0,1) new (1,1) persistent (1,n) split (n,1) merged (n,m) complex
    complex      one to one by least cost 1 - overlap + distance / 30 mm, at most 1.5; what is left stands alone

Takes Lesions that are placed in one frame; r is asked for each pair. Knows nothing about SUV or what a change means.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from netlesion.answers.gaps import Place, gap_mm, share_within, shared
from netlesion.answers.patient import Lesion
from netlesion.answers.settings import MatchSettings

FORBIDDEN = 1e6


@dataclass(frozen=True)
class Link:
    """A component: lesions of the first list, of the second, and whether it came out of a complex one."""

    first: tuple[Lesion, ...]
    second: tuple[Lesion, ...]
    from_complex: bool = False

    @property
    def edges(self) -> tuple[tuple[str, str], ...]:
        return tuple((a.key, b.key) for a in self.first for b in self.second)


def match(
    first: Sequence[Lesion],
    second: Sequence[Lesion],
    settings: MatchSettings,
    is_near: Callable[[Lesion], bool] = lambda lesion: False,
) -> tuple[Link, ...]:
    """Components of the graph of both lists, ordered by their lesions; is_near: whether to reach farther.

    The same for any order of either list. All lesions must have `placed_mm`.
    """
    first, second = sorted(first, key=_order), sorted(second, key=_order)
    a, b = [_place(x) for x in first], [_place(x) for x in second]
    near_a, near_b = [is_near(x) for x in first], [is_near(x) for x in second]
    edges = _edges(first, second, a, b, near_a, near_b, settings)
    size = len(first) + len(second)
    rows = np.array([i for i, _ in edges] + [len(first) + j for _, j in edges], dtype=int)
    columns = np.array([len(first) + j for _, j in edges] + [i for i, _ in edges], dtype=int)
    graph = coo_array((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=(size, size))
    count, labels = connected_components(graph, directed=False) if size else (0, np.array([], dtype=int))
    links = []
    for label in range(count):
        members = np.flatnonzero(labels == label)
        left = [int(n) for n in members if n < len(first)]
        right = [int(n) - len(first) for n in members if n >= len(first)]
        if len(left) > 1 and len(right) > 1:
            links += _one_to_one(first, second, a, b, left, right, settings)
        else:
            links.append(Link(tuple(first[n] for n in left), tuple(second[n] for n in right)))
    return tuple(links)


def _edges(first, second, a, b, near_a, near_b, settings: MatchSettings) -> set[tuple[int, int]]:
    gaps: dict[tuple[int, int], float] = {}
    reach = 2.0 * max(settings.reach_mm, settings.reach_near_mm)
    boxes_b = np.array([[p.box_mm[0], p.box_mm[1]] for p in b]).reshape(-1, 2, 3)
    for i, place in enumerate(a):
        low, high = place.box_mm
        apart = np.maximum(low - boxes_b[:, 1], boxes_b[:, 0] - high).max(axis=1) if len(b) else np.array([])
        for j in np.flatnonzero(apart <= reach).tolist():
            gaps[i, j] = gap_mm(place, b[j], reach)
    sharing = _sharing(
        {ij: shared(a[ij[0]], b[ij[1]]) for ij, gap in gaps.items() if gap <= _touch(a, b, ij)}, settings
    )
    taken_a, taken_b = {i for i, _ in sharing}, {j for _, j in sharing}
    edges = set(sharing)
    for (i, j), gap in gaps.items():
        r = settings.reach_near_mm if near_a[i] or near_b[j] else settings.reach_mm
        if gap <= 2.0 * r and i not in taken_a and j not in taken_b:
            edges.add((i, j))
    return edges | _by_centroid(first, second, a, b, edges, settings)


def _by_centroid(first, second, a, b, edges, settings: MatchSettings) -> set[tuple[int, int]]:
    """Pairs of one region with near centroids, where neither has an edge or a second such candidate."""
    free_a, free_b = set(range(len(a))) - {i for i, _ in edges}, set(range(len(b))) - {j for _, j in edges}
    near = [
        (i, j)
        for i in sorted(free_a)
        for j in sorted(free_b)
        if first[i].region is not None
        and first[i].region == second[j].region
        and np.linalg.norm(a[i].centroid_mm - b[j].centroid_mm) <= settings.centroid_mm
    ]
    of_a, of_b = [i for i, _ in near], [j for _, j in near]
    return {(i, j) for i, j in near if of_a.count(i) == 1 and of_b.count(j) == 1}


def _touch(a, b, ij: tuple[int, int]) -> float:
    return 0.62 * max(a[ij[0]].edge_mm, b[ij[1]].edge_mm)


def _sharing(shares: dict[tuple[int, int], float], settings: MatchSettings) -> set[tuple[int, int]]:
    """Pairs that share voxels, without those that share less than half of what either does with its best partner."""
    best_a: dict[int, float] = {}
    best_b: dict[int, float] = {}
    for (i, j), share in shares.items():
        best_a[i], best_b[j] = max(best_a.get(i, 0.0), share), max(best_b.get(j, 0.0), share)
    return {
        (i, j)
        for (i, j), share in shares.items()
        if share >= settings.share and share >= settings.weak * min(best_a[i], best_b[j])
    }


def _one_to_one(first, second, a, b, left, right, settings: MatchSettings) -> list[Link]:
    cost = np.full((len(left), len(right)), FORBIDDEN)
    for m, i in enumerate(left):
        for n, j in enumerate(right):
            small, large = (a[i], b[j]) if a[i].volume_ml <= b[j].volume_ml else (b[j], a[i])
            overlap = 0.5 * (share_within(small, large, settings.reach_mm) + shared(a[i], b[j]))
            distance = float(np.linalg.norm(a[i].centroid_mm - b[j].centroid_mm))
            value = 1.0 - overlap + distance / settings.cost_mm
            if value <= settings.cost_max:
                cost[m, n] = value
    rows, columns = linear_sum_assignment(cost)
    pairs = [(m, n) for m, n in zip(rows.tolist(), columns.tolist(), strict=True) if cost[m, n] < FORBIDDEN]
    links = [Link((first[left[m]],), (second[right[n]],), True) for m, n in pairs]
    paired_m, paired_n = {m for m, _ in pairs}, {n for _, n in pairs}
    links += [Link((first[i],), (), True) for m, i in enumerate(left) if m not in paired_m]
    links += [Link((), (second[j],), True) for n, j in enumerate(right) if n not in paired_n]
    return links


def _place(lesion: Lesion) -> Place:
    assert lesion.placed_mm is not None, f"{lesion.key} is not placed in the patient's frame"
    return Place(lesion.placed_mm, lesion.voxel_ml)


def _order(lesion: Lesion) -> tuple[str, int]:
    return lesion.case, lesion.lesion_id
