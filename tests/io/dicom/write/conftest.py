"""Grids of every handedness, and one synthetic exam."""

from __future__ import annotations

from datetime import datetime
from itertools import permutations, product

import numpy as np
import pytest

from netlesion.image.geometry import Geometry
from netlesion.io.dicom.write.exam import SyntheticExam

SHAPE = (7, 5, 3)


def grids() -> dict[str, Geometry]:
    """All 48 ways in which axes can lie along R, A and S, and two oblique ones, one of each handedness."""
    made = {}
    for order in permutations(range(3)):
        for signs in product((1, -1), repeat=3):
            axes = np.zeros((3, 3))
            for axis, (world, sign) in enumerate(zip(order, signs, strict=True)):
                axes[world, axis] = sign
            made["".join(("LR", "PA", "IS")[w][s > 0] for w, s in zip(order, signs, strict=True))] = _grid(axes)
    turned = np.array([[0.36, 0.48, -0.8], [-0.8, 0.6, 0.0], [0.48, 0.64, 0.6]])
    made["oblique"], made["oblique-left"] = _grid(turned), _grid(turned * [1, 1, -1])
    return made


def _grid(axes: np.ndarray) -> Geometry:
    affine = np.eye(4)
    affine[:3, :3] = axes * (2.125, 3.3, 4.7)
    affine[:3, 3] = (-31.7, 12.25, 1001.5)
    return Geometry(affine, SHAPE)


@pytest.fixture
def exam() -> SyntheticExam:
    return SyntheticExam("D-007", datetime(2020, 2, 28, 9, 30), seed=11, weight_kg=71.3, height_cm=168.0, sex="F")
