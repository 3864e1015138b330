"""A straight way from the skin to a target: what it would cross, and the one that crosses least.

Directions cover the sphere evenly; along each, labels of an organ map are read until the body ends. A way that keeps
clear of vessels, heart, brain and spinal cord always comes before one that does not; then bone (outside the target),
bowel, lung and other organs count, then length. The body ends where neither the map nor a CT shows tissue. Nothing is
known here about needles, windows through ribs that breathing closes, or what a hospital can do.

Numbers are [P]: no paper defines them (clinical.md 2.2 has none for a path).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from netlesion.image.geometry import Geometry
from netlesion.quantify.organ_map import OrganMap

if TYPE_CHECKING:
    from netlesion.image.volume import Volume

#: Group -> beginnings of organs' names; the order is that of avoidance.
VESSELS = (
    "aorta", "pulmonary_", "brachiocephalic_", "subclavian_", "common_carotid", "internal_carotid", "internal_jugular",
    "superior_vena_cava", "inferior_vena_cava", "portal_vein", "iliac_artery", "iliac_vena", "atrial_appendage",
    "heart",
)  # fmt: skip
GROUPS = {
    "vessel": VESSELS,
    "nerve_tissue": ("brain", "cerebellum", "spinal_cord", "eye"),
    "bone": (
        "sacrum", "vertebra", "humerus", "scapula", "clavicula", "femur", "hip_", "skull", "rib_", "sternum", "radius",
        "ulna", "carpal", "metacarpal", "fingers", "tibia", "fibula", "patella", "tarsal", "metatarsal", "toes",
        "mandible", "bone",
    ),
    "bowel": ("small_bowel", "duodenum", "colon", "stomach", "esophagus"),
    "lung": ("lung_", "trachea", "airway"),
    "organ": (
        "spleen", "kidney", "pancreas", "gallbladder", "urinary_bladder", "ureter", "renal_pelvis", "adrenal",
        "prostate", "uterus", "ovary", "thyroid_gland", "liver",
    ),
}  # fmt: skip
#: Which group a way must not cross if there is another.
NEVER = ("vessel", "nerve_tissue")
#: What crossing a group costs, as mm of length [P].
COST_MM = {"bone": 400.0, "bowel": 120.0, "lung": 80.0, "organ": 30.0}
#: Labels that reach to the skin, so that the map shows where the body ends.
TO_THE_SKIN = ("skin", "fat", "subcutaneous_fat", "body")
STEP_MM, LONGEST_MM, DIRECTIONS = 2.0, 260.0, 400
#: The way that is taken is read again in such steps, so that no corner of a vessel lies between two of them.
FINE_MM = 0.5
#: The body has ended after so much air, below this CT number.
AIR_MM, AIR_HU = 14.0, -300.0


@dataclass(frozen=True)
class Way:
    """A straight way to a target. entry_mm: where it meets the skin, RAS+; length_mm: from there to the target.

    crosses: groups of GROUPS, in their order, vessels and nerve tissue with their margin; organs: what it goes through.
    """

    entry_mm: tuple[float, float, float]
    length_mm: float
    crosses: tuple[str, ...]
    organs: tuple[str, ...]

    @property
    def is_safe(self) -> bool:
        """Whether it keeps clear of what must not be crossed."""
        return not set(self.crosses) & set(NEVER)


def can_end(organs: OrganMap, ct: Volume | None) -> bool:
    """Whether anything tells where the body ends: a map that reaches to the skin, or a CT."""
    return ct is not None or bool(organs.labels_of(TO_THE_SKIN))


def best_way(
    target_mm: np.ndarray, lesion_N3: np.ndarray, organs: OrganMap, ct: Volume | None, margin_mm: float
) -> Way | None:
    """The best straight way to a target (3,), RAS+ mm; None where none reaches the skin within 260 mm.

    Args:
        target_mm: Where the way ends.
        lesion_N3: Voxels of the lesion; what the map says there does not count, nor does the organ that holds it.
        organs: Map of organs.
        ct: CT in HU, which tells where the body ends if the map does not.
        margin_mm: Vessels, heart, brain and spinal cord must be this far away.
    """
    distances = np.arange(STEP_MM, LONGEST_MM, STEP_MM)
    directions = sphere(DIRECTIONS)
    points = target_mm + directions[:, None, :] * distances[None, :, None]
    ends = _ends(points, organs, ct)
    table, names = _groups(organs)
    own = _own_label(lesion_N3, organs)
    tree = cKDTree(lesion_N3)
    reach = np.linalg.norm(lesion_N3 - target_mm, axis=1).max() + STEP_MM
    spacing = float(np.linalg.norm(organs.geometry.spacing_mm)) / 2
    counted = np.ones(points.shape[:2], dtype=bool)
    near = distances <= reach
    if near.any():
        counted[:, near] = tree.query(points[:, near].reshape(-1, 3))[0].reshape(len(points), -1) > spacing
    counted &= np.arange(len(distances))[None] < ends[:, None]
    labels = np.where(counted, _labels_at(points, organs), 0)
    labels[labels == own] = 0
    crossed = [table[labels] == n for n in range(1, len(GROUPS) + 1)]
    hits = np.stack([c.any(axis=1) for c in crossed], axis=1)
    for around in _offsets(directions, margin_mm):
        beside = table[np.where(counted, _labels_at(points + around[:, None, :], organs), 0)]
        for n, group in enumerate(GROUPS, start=1):
            if group in NEVER:
                hits[:, n - 1] |= (beside == n).any(axis=1)
    open_to_skin = ends < len(distances)
    if not open_to_skin.any():
        return None
    length = (ends + 1) * STEP_MM
    never = np.any(hits[:, [list(GROUPS).index(g) for g in NEVER]], axis=1)
    cost = length + sum(hits[:, list(GROUPS).index(g)] * mm for g, mm in COST_MM.items())
    order = np.lexsort((cost, never, ~open_to_skin))
    best = int(order[0])
    for n in order[open_to_skin[order]].tolist():
        best = n
        if never[n]:
            break
        fine = target_mm + directions[n] * np.arange(0.0, float(length[n]), FINE_MM)[:, None]
        nearest = lesion_N3[tree.query(fine)[1]]
        apart = np.abs(organs.geometry.to_index(fine) - organs.geometry.to_index(nearest))
        outside = (apart > 0.5 + 1e-6).any(axis=1)  # of the voxels of the lesion themselves
        crossed_never = np.isin(table[_labels_at(fine[outside], organs)], [list(GROUPS).index(g) + 1 for g in NEVER])
        if not crossed_never.any():
            break
        hits[n, 0] = True  # a corner between two steps
    present = dict.fromkeys(labels[best][labels[best] > 0].tolist())
    return Way(
        entry_mm=tuple((target_mm + directions[best] * length[best]).tolist()),
        length_mm=float(length[best]),
        crosses=tuple(group for n, group in enumerate(GROUPS) if hits[best, n]),
        organs=tuple(names[n] for n in present if table[n]),
    )


def sphere(number: int) -> np.ndarray:
    """(N, 3) directions spread evenly over the sphere (Fibonacci's lattice)."""
    n = np.arange(number) + 0.5
    height, turn = 1 - 2 * n / number, np.pi * (1 + 5**0.5) * n
    flat = np.sqrt(1 - height**2)
    return np.stack([flat * np.cos(turn), flat * np.sin(turn), height], axis=1)


def _offsets(directions: np.ndarray, margin_mm: float) -> list[np.ndarray]:
    """Four (D, 3) displacements of margin_mm across each direction."""
    helper = np.where(np.abs(directions[:, 2:3]) < 0.9, [[0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0]])
    across = np.cross(directions, helper)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    other = np.cross(directions, across)
    return [] if margin_mm <= 0 else [margin_mm * a for a in (across, -across, other, -other)]


def _labels_at(points: np.ndarray, organs: OrganMap) -> np.ndarray:
    """Labels of the voxels that points (..., 3) lie in; 0 outside of the map."""
    return _values_at(points, organs.labels, organs.geometry, 0)


def _values_at(points: np.ndarray, values: np.ndarray, geometry: Geometry, outside: float) -> np.ndarray:
    index = np.rint(geometry.to_index(points.reshape(-1, 3))).astype(int)
    inside = ((index >= 0) & (index < values.shape)).all(axis=1)
    index = np.clip(index, 0, np.array(values.shape) - 1)
    found = values[tuple(index.T)]
    return np.where(inside, found, outside).reshape(points.shape[:-1])


def _ends(points: np.ndarray, organs: OrganMap, ct: Volume | None) -> np.ndarray:
    """(D,) number of steps after which the body has ended: the first step of a run of air; S where there is none.

    A way that leaves the map inside the body has no end: where the scan was cut is no skin.
    """
    air = _labels_at(points, organs) == 0
    index = organs.geometry.to_index(points.reshape(-1, 3)).reshape(points.shape)
    scanned = ((index >= -0.5) & (index <= np.array(organs.labels.shape) - 0.5)).all(axis=2)
    if not bool(organs.labels_of(TO_THE_SKIN)) and ct is not None:
        air &= _values_at(points, ct.array, ct.geometry, -1000.0) < AIR_HU
    run = max(1, round(AIR_MM / STEP_MM))
    steps = air.shape[1]
    total = np.cumsum(np.pad(air.astype(int), ((0, 0), (1, run))), axis=1)
    within = total[:, run : run + steps] - total[:, :steps]
    full = (within >= np.minimum(run, steps - np.arange(steps))[None]) & scanned
    return np.where(full.any(axis=1), full.argmax(axis=1), steps)


def _groups(organs: OrganMap) -> tuple[np.ndarray, dict[int, str]]:
    """label -> number of its group, from 1 (0: free), and label -> organ."""
    table = np.zeros(int(organs.labels.max(initial=0)) + 1, dtype=np.uint8)
    names = {}
    for label, organ in organs.organ_of_label.items():
        if label < len(table):
            names[label] = organ
            table[label] = next((n for n, starts in enumerate(GROUPS.values(), start=1) if organ.startswith(starts)), 0)
    return table, names


def _own_label(lesion_N3: np.ndarray, organs: OrganMap) -> int:
    """The label that holds most of the lesion, unless it is one that must not be crossed; 0 for none."""
    labels = _labels_at(lesion_N3, organs).astype(int)
    label = int(np.bincount(labels).argmax())
    organ = organs.organ_of_label.get(label, "")
    forbidden = tuple(start for group in NEVER for start in GROUPS[group])
    return 0 if organ.startswith(forbidden) else label
