"""Shares: boxes meet, parts are cut and joined as arrays of the whole grid would be, blending is a weighted mean."""

import numpy as np
import pytest

from netlesion.phantom import shares
from netlesion.phantom.shares import NOTHING, Share, blend, common, cut, hull, union

SHAPE = (9, 8, 7)
BOXES = [
    (slice(1, 6), slice(0, 5), slice(2, 7)),
    (slice(4, 9), slice(3, 8), slice(0, 4)),
    (slice(2, 4), slice(1, 3), slice(3, 5)),
    (slice(7, 9), slice(6, 8), slice(5, 7)),
]


def share(n, seed=0):
    size = [s.stop - s.start for s in BOXES[n]]
    return Share(BOXES[n], np.random.default_rng([seed, n]).random(size, dtype=np.float32))


def on_grid(share):
    whole = np.zeros(SHAPE, dtype=np.float32)
    whole[share.box] = share.share
    return whole


@pytest.mark.parametrize("a", range(4))
@pytest.mark.parametrize("b", range(4))
def test_cutting_and_joining_are_those_of_whole_grids(a, b):
    one, other = share(a), share(b, 1)
    np.testing.assert_array_equal(cut(one, other.box), on_grid(one)[other.box])
    np.testing.assert_array_equal(on_grid(union([one, other])), np.maximum(on_grid(one), on_grid(other)))
    both = common(one.box, other.box)
    filled = np.zeros(SHAPE, dtype=int)
    filled[one.box] += 1
    filled[other.box] += 1
    assert np.zeros(SHAPE)[both].size == np.count_nonzero(filled == 2)
    assert np.zeros(SHAPE)[hull([one.box, other.box])].size >= np.count_nonzero(filled)


def test_the_union_of_none_is_nothing():
    assert union([]) is NOTHING


@pytest.mark.parametrize("slab", [1, 20, 10**6])
def test_blending_is_a_mean_weighted_by_share(slab, monkeypatch):
    monkeypatch.setattr(shares, "SLAB_VOXELS", slab)
    before = np.random.default_rng(5).random(SHAPE).astype(np.float32)
    part = share(0)
    for value in (3.0, np.random.default_rng(6).random(part.share.shape, dtype=np.float32)):
        canvas = before.copy()
        blend(canvas, part, value)
        expected = before.copy()
        expected[part.box] = part.share * value + (1 - part.share) * before[part.box]
        np.testing.assert_allclose(canvas, expected, rtol=1e-5)
