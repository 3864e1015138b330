"""Tubes: the share of a voxel is that of a slow twin, whatever the others, the size and the side of the grid."""

import numpy as np
import pytest

from netlesion.phantom import tubes as module
from netlesion.phantom.solids import Capsule
from netlesion.phantom.tubes import Tubes

SPACING, SHAPE = np.array([2.0, 3.0, 2.5]), (25, 17, 21)


def many(count=40, seed=0):
    """Ends on and off the grid, thick and thin, some flattened."""
    rng = np.random.default_rng(seed)
    extent = SPACING * SHAPE
    start = rng.uniform(-0.2, 1.2, (count, 3)) * extent
    end = start + rng.normal(0.0, 14.0, (count, 3))
    radius = np.repeat(rng.uniform(1.0, 9.0, (count, 1)), 2, axis=1) * rng.uniform(0.7, 1.0, (count, 2))
    axis = rng.normal(size=(count, 3))
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    flatten = np.where(np.arange(count) % 3 == 0, 0.6, 1.0)
    return Tubes(start, end, radius, axis, flatten, SPACING, SHAPE, 2.75)


def twin(tubes, n):
    """Every voxel of the grid by the solid's own distance at its sub-voxels."""
    split = int(tubes.split[n])
    ends = (tuple(p[n].tolist()) for p in (tubes.start_mm, tubes.end_mm))
    solid = Capsule(*ends, *tubes.radius_mm[n], tuple(tubes.flat_axis[n]), float(tubes.flatten[n]))
    own = (np.arange(split) + 0.5) / split - 0.5
    axes = [((np.arange(s)[:, None] + own).ravel() * h).astype(np.float32) for s, h in zip(SHAPE, SPACING, strict=True)]
    share = np.clip(0.5 - solid.distance(*np.ix_(*axes)) * split / tubes.voxel_mm, 0.0, 1.0)
    return share.reshape(SHAPE[0], split, SHAPE[1], split, SHAPE[2], split).mean(axis=(1, 3, 5))


@pytest.mark.parametrize("together", [0, 1_500, 10**9])
def test_shares_are_those_of_a_slow_twin(together, monkeypatch):
    monkeypatch.setattr(module, "MOST_TOGETHER", together)
    tubes = many()
    owner = np.arange(40) // 3
    for n, shares in enumerate(tubes.shares(owner, 14)):
        found, expected = np.zeros(SHAPE), np.zeros(SHAPE)
        for share in shares:
            found[share.box] = np.maximum(found[share.box], share.share)
        for t in np.flatnonzero(owner == n):
            expected = np.maximum(expected, twin(tubes, t))
        np.testing.assert_allclose(found, expected, atol=2e-4)


def test_chunks_of_any_size_give_the_same(monkeypatch):
    one = [s for shares in many().shares(np.arange(40), 40) for s in shares]
    monkeypatch.setattr(module, "CHUNK_VOXELS", 700)
    monkeypatch.setattr(module, "CHUNK_SAMPLES", 512)
    other = [s for shares in many().shares(np.arange(40), 40) for s in shares]
    assert [s.box for s in one] == [s.box for s in other]
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.share, b.share)


def test_an_owner_without_tubes_on_the_grid_has_none():
    far = Tubes(*(np.full((1, 3), 900.0),) * 2, np.full((1, 2), 3.0), np.eye(3)[:1], np.ones(1), SPACING, SHAPE, 2.75)
    assert list(far.shares(np.array([1]), 3)) == [[], [], []]
