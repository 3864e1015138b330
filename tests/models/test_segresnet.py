"""MONAI's SegResNet and SegResNetDS: how far a voxel reaches, what a forward costs, and that tiles give one forward."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from netlesion.models.architecture import architecture_of, build_network, filters_of

NETWORKS = [
    {"architecture": "segresnet", "init_filters": 2, "blocks_down": [1, 1]},
    {"architecture": "segresnet", "init_filters": 2, "blocks_down": [1, 2, 1], "blocks_up": [2, 1]},
    {"architecture": "segresnet_ds", "init_filters": 2, "blocks_down": [1, 2, 1]},
]


@pytest.mark.parametrize("network", NETWORKS)
def test_nothing_beyond_a_cut_reaches_further_than_the_margin(network):
    """Cuts lie at multiples of the divisor. Every weight positive: how far do voxels before a cut reach?"""
    kind, net = architecture_of(network), build_network(network, 1, 1).eval()
    for parameter in net.parameters():
        torch.nn.init.constant_(parameter, 0.3)
    step, margin = kind.divisor(network), kind.margin(network)
    cut, reached = margin + 2 * step, 0
    still = torch.zeros(1, 1, step, step, 2 * cut)
    with torch.inference_mode():
        silent = net(still)
        for at in range(cut - step, cut):
            moved = still.clone()
            moved[..., at] = 1.0
            far = ((net(moved) - silent).abs().amax(dim=(0, 1, 2, 3)) > 0).nonzero().max()
            reached = max(reached, int(far) - cut + 1)
    assert margin - 2 * step < reached <= margin


@pytest.mark.parametrize("network", NETWORKS)
def test_operations_are_those_that_torch_counts(network):
    """torch counts a transposed convolution by its output, eight times what it multiplies: those are left out."""
    kind, net = architecture_of(network), build_network(network, 3, 5).eval()
    image = torch.zeros(1, 3, 8, 8, 16)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        net(image)
    ours = kind.flop(3, 5, network) * 8 * 8 * 16
    if network["architecture"] == "segresnet":
        assert ours == pytest.approx(counter.get_total_flops())
    else:
        assert ours == pytest.approx(counter.get_total_flops(), rel=0.5)
    assert filters_of(network) == (2, 4, 8)[: len(network["blocks_down"])]
