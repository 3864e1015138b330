import numpy as np
import pytest
import torch
from scipy import ndimage

from netlesion.image.geometry import Geometry
from netlesion.inference.resample import to_grid


def grid(affine3, shape, origin=(0.0, 0.0, 0.0)):
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = affine3, origin
    return Geometry(affine, shape)


SOURCE = grid(np.diag([4.0, 4.0, 4.0]), (7, 5, 9), (3.0, -2.0, 1.0))
TURN = np.array([[0.96, -0.28, 0.0], [0.28, 0.96, 0.0], [0.0, 0.0, 1.0]])
TARGETS = {
    "finer": grid(np.diag([1.5, 2.0, 3.0]), (11, 9, 10), (4.0, 0.0, 2.0)),
    "flipped": grid(np.diag([-2.0, 2.0, -3.0]), (11, 9, 10), (25.0, -2.0, 30.0)),
    "permuted": grid(np.diag([2.0, 3.0, 1.5])[:, [2, 0, 1]], (9, 11, 7), (3.0, -2.0, 1.0)),
    "turned": grid(TURN @ np.diag([2.0, 2.0, 3.0]), (7, 5, 9), (6.0, 0.0, 2.0)),
}


@pytest.mark.parametrize("name", TARGETS)
def test_agrees_with_scipy(name):
    logits = np.random.default_rng(0).normal(size=SOURCE.shape).astype(np.float32)
    target = TARGETS[name]
    index_map = SOURCE.index_from(target)
    ours = to_grid(torch.from_numpy(logits), index_map, target.shape).numpy()
    at = np.indices(target.shape).reshape(3, -1)
    at = index_map[:3, :3] @ at + index_map[:3, 3:]
    at = np.clip(at, 0, np.array(SOURCE.shape)[:, None] - 1)
    theirs = ndimage.map_coordinates(logits.astype(np.float64), at, order=1, mode="nearest").reshape(target.shape)
    assert np.abs(ours - theirs).max() < 1e-4


def test_the_same_grid_changes_nothing():
    logits = torch.randn(*SOURCE.shape)
    assert torch.equal(to_grid(logits, np.eye(4), SOURCE.shape), logits)


def test_one_slice_thick():
    logits = torch.randn(1, 5, 1)
    assert to_grid(logits, np.eye(4), (3, 5, 2)).shape == (3, 5, 2)
