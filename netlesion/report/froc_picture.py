"""The FROC curves of a validation as pixels, for loggers and folders that take pictures: (height, width, 3) uint8.

Drawn with Pillow alone, for matplotlib is no dependency. False positives per PET on a logarithmic axis, a step curve
for each tracer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

WIDTH, HEIGHT = 560, 400
LEFT, RIGHT, TOP, BOTTOM = 60, 20, 20, 50
LOWEST, HIGHEST = 0.03, 16.0
TICKS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
COLOURS = ((27, 108, 168), (217, 95, 2), (90, 90, 90))
INK, GRID = (27, 31, 36), (226, 230, 235)


def froc_picture(curves: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """The curves by name: false positives per PET and sensitivity, both rising."""
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("RGB", (WIDTH, HEIGHT), (255, 255, 255))
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size=13)
    for rate in TICKS:
        draw.line([_at(rate, 0.0), _at(rate, 1.0)], fill=GRID)
        draw.text((_at(rate, 0.0)[0], HEIGHT - BOTTOM + 5), f"{rate:g}", fill=INK, font=font, anchor="ma")
    for tenth in range(0, 11, 2):
        draw.line([_at(LOWEST, tenth / 10), _at(HIGHEST, tenth / 10)], fill=GRID)
        draw.text((LEFT - 6, _at(LOWEST, tenth / 10)[1]), f"{tenth / 10:g}", fill=INK, font=font, anchor="rm")
    draw.line([_at(LOWEST, 1.0), _at(LOWEST, 0.0), _at(HIGHEST, 0.0)], fill=INK, width=1)
    draw.text(((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8), "false positives per PET", fill=INK, font=font, anchor="ms")
    draw.text((LEFT + 6, TOP - 4), "lesion sensitivity", fill=INK, font=font, anchor="ls")
    for n, (name, (x, y)) in enumerate(curves.items()):
        colour, points = COLOURS[n % len(COLOURS)], [_at(LOWEST, 0.0)]
        for rate, sensitivity in zip(x, y, strict=True):
            if rate <= HIGHEST:
                points += [_at(rate, 1.0)[:1] + points[-1][1:], _at(rate, sensitivity)]
        points.append(_at(HIGHEST, 0.0)[:1] + points[-1][1:])
        draw.line(points, fill=colour, width=3)
        draw.text((LEFT + 14, TOP + 8 + 18 * n), name, fill=colour, font=font)
    return np.asarray(picture)


def _at(rate: float, sensitivity: float) -> tuple[float, float]:
    """Where a point lies, in pixels."""
    part = math.log(min(max(rate, LOWEST), HIGHEST) / LOWEST) / math.log(HIGHEST / LOWEST)
    return LEFT + part * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - sensitivity * (HEIGHT - TOP - BOTTOM)
