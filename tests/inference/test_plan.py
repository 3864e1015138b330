import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlesion.errors import ConfigError
from netlesion.inference.plan import plan_windows

sizes = st.tuples(*[st.integers(1, 23)] * 3)


@given(shape=sizes, window=sizes, overlap=st.floats(0, 0.9))
@settings(max_examples=200, deadline=None)
def test_every_voxel_is_covered_and_no_window_leaves_the_volume(shape, window, overlap):
    plan = plan_windows(shape, window, overlap)
    covered = np.zeros(plan.padded, dtype=int)
    for start in [t.read.low for t in plan.tiles]:
        place = tuple(slice(s, s + w) for s, w in zip(start, window, strict=True))
        assert covered[place].shape == window
        covered[place] += 1
    assert covered.min() >= 1
    assert len({t.read.low for t in plan.tiles}) == plan.num_tiles


@given(shape=sizes, window=sizes)
@settings(max_examples=50, deadline=None)
def test_the_grid_is_that_of_monai(shape, window):
    from monai.data.utils import dense_patch_slices
    from monai.inferers.utils import _get_scan_interval

    plan = plan_windows(shape, window, 0.5)
    interval = _get_scan_interval(plan.padded, window, 3, (0.5,) * 3)
    theirs = {tuple(s.start for s in place) for place in dense_patch_slices(plan.padded, window, interval)}
    assert {t.read.low for t in plan.tiles} == theirs


def test_padding_is_shared_by_both_sides():
    plan = plan_windows((3, 7, 11), (8, 4, 4), 0.5)
    assert plan.padded == (8, 7, 11)
    assert plan.pad_low == (2, 0, 0)


@pytest.mark.parametrize(("shape", "window", "overlap"), [((0, 3, 3), (2, 2, 2), 0.5), ((3, 3, 3), (2, 2, 2), 1.0)])
def test_impossible_plans_are_refused(shape, window, overlap):
    with pytest.raises(ConfigError):
        plan_windows(shape, window, overlap)


def test_explain_says_how_often_a_voxel_is_computed():
    assert (
        plan_windows((4, 4, 8), (4, 4, 4), 0.5).explain()
        == "exact: 3 windows of 4x4x4 over 4x4x8 voxels, 1.5 times its voxels"
    )
