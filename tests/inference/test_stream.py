"""Stream: tiles with halos give what one forward over the whole box gives, however they are cut."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netlesion.errors import ConfigError
from netlesion.inference.plan import CHUNK_FRACTION, Box, Cost, plan_stream
from netlesion.inference.sliding import OUTSIDE, sliding
from netlesion.models.unet import unet
from netlesion.models.unet_cost import flop_per_voxel, receptive_field_margin, size_divisor

WIDTHS = (4, 6, 8)
BYTES = Cost(1.0, 1.0)


def network_of(norm):
    torch.manual_seed(0)
    network = unet(2, 3, filters=WIDTHS, norm=norm).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.3, 2.0)
    return network


NETWORKS = {norm: network_of(norm) for norm in ("batch", "layer")}


def volume(shape, seed=0):
    return torch.randn((2, *shape), generator=torch.Generator().manual_seed(seed))


def run(network, image, plan):
    with torch.inference_mode():
        return sliding(image, plan, network)


@pytest.mark.parametrize("norm", ["batch", "layer"])
@given(
    shape=st.tuples(st.integers(5, 14), st.integers(3, 12), st.integers(1, 110)),
    depth=st.integers(1, 24),
    low=st.integers(0, 40),
    seed=st.integers(0, 9),
)
@settings(max_examples=12, deadline=None)
def test_tiles_equal_one_forward_over_the_box(norm, shape, depth, low, seed):
    low = min(low, shape[2] - 1)
    box = Box((0, 1 if shape[1] > 4 else 0, low), shape)
    image = volume(shape, seed)
    whole = plan_stream(shape, size_divisor(WIDTHS), receptive_field_margin(WIDTHS), box, BYTES)
    memory = 4.0 * depth * whole.padded[0] * whole.padded[1]
    tiled = plan_stream(shape, size_divisor(WIDTHS), receptive_field_margin(WIDTHS), box, BYTES, memory)
    assert whole.num_tiles == 1
    difference = run(NETWORKS[norm], image, tiled) - run(NETWORKS[norm], image, whole)
    assert difference.abs().max() < 1e-4


def test_a_halo_one_step_too_narrow_is_seen():
    """The bound is sharp enough to fail: with half of the halo, tiles do not agree."""
    image, shape = volume((8, 8, 160)), (8, 8, 160)
    whole = plan_stream(shape, 4, receptive_field_margin(WIDTHS), None, BYTES)
    narrow = plan_stream(shape, 4, 8, None, BYTES, 40.0 * 64)
    assert narrow.num_tiles > 2
    assert (run(NETWORKS["batch"], image, narrow) - run(NETWORKS["batch"], image, whole)).abs().max() > 1e-4


@pytest.mark.parametrize("filters", [(4, 6, 8), (3, 4, 5, 6)])
def test_nothing_beyond_a_cut_reaches_further_than_the_halo(filters):
    """Cuts lie at multiples of the divisor. Every weight 1, so nothing cancels: how far do voxels before it reach?"""
    network = unet(1, 1, filters=filters, norm="batch").eval()
    for parameter in network.parameters():
        torch.nn.init.ones_(parameter)
    step = size_divisor(filters)
    cut, reached = receptive_field_margin(filters) + 2 * step, 0
    still = torch.zeros(1, 1, step, step, 2 * cut)
    for at in range(cut - step, cut):
        moved = still.clone()
        moved[..., at] = 1.0
        with torch.inference_mode():
            changed = (network(moved) != network(still)).flatten(0, 3).any(dim=0)
        reached = max(reached, int(torch.nonzero(changed).max()) + 1 - cut)
    assert receptive_field_margin(filters) - step < reached <= receptive_field_margin(filters)


@given(
    shape=st.tuples(st.integers(1, 20), st.integers(1, 20), st.integers(1, 300)),
    depth=st.integers(1, 120),
    data=st.data(),
)
@settings(max_examples=150, deadline=None)
def test_kept_parts_meet_without_gap_or_overlap(shape, depth, data):
    low = tuple(data.draw(st.integers(0, n - 1)) for n in shape)
    high = tuple(data.draw(st.integers(a + 1, n)) for a, n in zip(low, shape, strict=True))
    plan = plan_stream(shape, 8, 24, Box(low, high), BYTES, 8.0 * depth * 16 * 16)
    assert all(n % 8 == 0 for n in plan.padded)
    assert all(a <= b for a, b in zip(plan.box.low, low, strict=True))
    assert all(a >= b for a, b in zip(plan.box.high, high, strict=True))
    times = np.zeros(plan.padded, dtype=int)
    for tile in plan.tiles:
        times[tile.keep.slices] += 1
        assert all(n % 8 == 0 for n in (*tile.read.shape, *tile.read.low))
        assert tile.keep.low[2] - tile.read.low[2] in (0, 24) or tile.read.low[2] == 0
        assert tile.read.high[2] == plan.padded[2] or tile.read.high[2] - tile.keep.high[2] == 24
    assert (times == 1).all()


def test_no_tile_takes_more_memory_than_given_where_that_is_possible():
    plan = plan_stream((32, 32, 1000), 16, 80, None, Cost(1.0, 100.0), 100.0 * 32 * 32 * 304)
    assert max(t.read.shape[2] for t in plan.tiles) == 304
    assert plan.voxels_computed / plan.box.num_voxels < 2.2


def test_what_does_not_fit_at_once_is_one_tile_by_level_where_the_network_can():
    cost, shape = Cost(1.0, 100.0, (40.0, 200.0)), (32, 32, 1000)
    voxels = 32 * 32 * 1008.0
    fits, chunked, cannot, still_too_large = (
        plan_stream(shape, 16, 80, None, c, memory)
        for c, memory in (
            (cost, 100.0 * voxels),
            (cost, 99.0 * voxels),
            (Cost(1.0, 100.0), 99.0 * voxels),
            (cost, 40.0 * voxels),
        )
    )
    assert [(p.num_tiles, p.chunked) for p in (fits, chunked)] == [(1, False), (1, True)]
    assert "GB of activations beside those of a chunk" in chunked.explain()
    assert "chunk" not in fits.explain()
    assert (cannot.num_tiles > 1, cannot.chunked) == (True, False)
    assert (still_too_large.num_tiles > 1, still_too_large.chunked) == (True, True)
    assert max(t.read.num_voxels for t in still_too_large.tiles) * 40.0 <= (1 - CHUNK_FRACTION) * 40.0 * voxels


def test_a_chunk_takes_what_its_tile_leaves_and_never_less_than_its_fraction():
    cost = Cost(1.0, 100.0, (40.0, 200.0))
    assert cost.chunk_voxels(1000, 100e3) is None
    assert cost.chunk_voxels(1001, 100e3) == (100e3 - 1001 * 40) // 200
    assert cost.chunk_voxels(3000, 100e3) == CHUNK_FRACTION * 500
    assert Cost(1.0, 100.0).chunk_voxels(3000, 100e3) is None


def test_what_the_plan_leaves_out_is_background():
    plan = plan_stream((24, 24, 24), 4, 12, Box((8, 8, 8), (16, 16, 16)))
    out = run(lambda w: torch.ones(1, 1, *w.shape[2:]), torch.zeros(2, 24, 24, 24), plan)
    inside = torch.zeros(24, 24, 24, dtype=torch.bool)
    inside[8:16, 8:16, 8:16] = True
    assert (out[0][inside] == 1).all()
    assert (out[0][~inside] == OUTSIDE).all()


def test_explain_names_tiles_box_and_cost():
    plan = plan_stream((40, 40, 100), 16, 80, Box((8, 8, 0), (24, 24, 96)), Cost(115e3, 512.0))
    assert plan.explain() == (
        "stream: 1 tile of 16x16x96 over the body's box 16x16x96 (15 % of the volume), 1.0 times its voxels; "
        "0.00 TFLOP, about 0.0 GB of activations"
    )


def test_a_halo_that_is_no_multiple_of_the_factor_is_refused():
    with pytest.raises(ConfigError, match="halo"):
        plan_stream((9, 9, 9), 4, 6)


def test_the_count_of_operations_is_that_of_pytorch():
    from torch.utils.flop_counter import FlopCounterMode

    network = unet(3, 5, filters=(4, 8, 12, 16)).eval()
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(torch.zeros(1, 3, 16, 16, 24))
    assert counter.get_total_flops() == pytest.approx(flop_per_voxel(3, 5, (4, 8, 12, 16)) * 16 * 16 * 24)
