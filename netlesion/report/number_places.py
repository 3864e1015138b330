"""Where the numbers of outlines go, so that they do not cover each other.

Takes outlines as boxes in half pixels, returns a place for each number. The largest outline chooses first. Knows
nothing about what is numbered.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

#: Height of a digit, its width, and room beside a number, in half pixels of the picture.
DIGIT_HEIGHT, DIGIT_WIDTH, MARGIN = 17.0, 10.5, 6.0
#: Distances from an outline, in half pixels, that are tried in turn; the farther ones need a line to the outline.
DISTANCES = (4.0, 16.0, 34.0, 58.0)
LINE_FROM = 16.0
#: x and y of a number, and of the middle of its outline where a line leads there.
Place = tuple[int, int] | tuple[int, int, int, int]
_TURNS = np.deg2rad([0, 180, 45, 135, 315, 225, 90, 270])
_DIRECTIONS = np.stack([np.cos(_TURNS), -np.sin(_TURNS)], axis=1)


def box_of(path: str) -> tuple[float, float, float, float] | None:
    """Left, top, right and bottom of an SVG path of `silhouette`; None for an empty one."""
    found = []
    for loop in path.split("M")[1:]:
        numbers = np.array([int(n) for n in re.findall(r"-?\d+", loop)], dtype=float).reshape(-1, 2)
        found.append(np.cumsum(numbers, axis=0))
    if not found:
        return None
    points = np.concatenate(found)
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def place_numbers(
    boxes: Sequence[tuple[float, float, float, float] | None],
    texts: Sequence[str],
    size: tuple[float, float],
) -> list[Place | None]:
    """The middle of every number, and of its outline where a line must lead there; None where there is no outline.

    boxes: of the outlines, in half pixels; size: width and height of the picture in half pixels, which no number
    leaves.
    """
    places: list[Place | None] = [None] * len(boxes)
    known = [n for n, box in enumerate(boxes) if box is not None]
    outlines = np.array([boxes[n] for n in known], dtype=float).reshape(-1, 4)
    order = sorted(known, key=lambda n: -_area(boxes[n]))
    taken = np.empty((0, 4))
    for n in order:
        left, top, right, bottom = boxes[n]  # type: ignore[misc]
        half = np.array([DIGIT_WIDTH * len(texts[n]) + MARGIN, DIGIT_HEIGHT]) / 2.0
        middle = np.array([(left + right) / 2.0, (top + bottom) / 2.0])
        reach = np.array([(right - left) / 2.0, (bottom - top) / 2.0]) + half
        middles = np.concatenate([middle + _DIRECTIONS * (reach + d) for d in DISTANCES])
        middles = np.clip(middles, half, np.array(size) - half)
        tried = np.concatenate([middles - half, middles + half], axis=1)
        cost = 4.0 * _overlap(tried, taken) + _overlap(tried, outlines) + np.repeat(DISTANCES, len(_TURNS)) / 4.0
        best = int(cost.argmin())
        taken = np.concatenate([taken, tried[best][None]])
        place = (round(float(middles[best][0])), round(float(middles[best][1])))
        far = DISTANCES[best // len(_TURNS)] >= LINE_FROM
        places[n] = (*place, round(middle[0]), round(middle[1])) if far else place
    return places


def _area(box: tuple[float, float, float, float] | None) -> float:
    return 0.0 if box is None else (box[2] - box[0]) * (box[3] - box[1])


def _overlap(tried: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Area that each tried box (N, 4) shares with all others (M, 4)."""
    low = np.maximum(tried[:, None, :2], others[None, :, :2])
    high = np.minimum(tried[:, None, 2:], others[None, :, 2:])
    return np.clip(high - low, 0.0, None).prod(axis=2).sum(axis=1)
