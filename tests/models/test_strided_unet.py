"""The strided U-Net: shapes, how far a voxel reaches, and that tiles give what one forward gives."""

import pytest
import torch

from netlesion.models.strided_unet import BesideOrgans, StridedUNet, margin, size_divisor

FILTERS = (4, 6, 8)


def network_of(filters=FILTERS, organs=0):
    torch.manual_seed(0)
    network = StridedUNet(2, 3, filters, organs).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.3, 2.0)
    return network


def test_logits_have_full_resolution_and_organs_half():
    network = network_of(organs=5)
    image = torch.randn(2, 2, 16, 8, 24)
    with torch.inference_mode():
        logits, organs = network.with_organs(image)
        assert torch.equal(logits, network(image))
    assert logits.shape == (2, 3, 16, 8, 24)
    assert organs.shape == (2, 5, 8, 4, 12)


@pytest.mark.parametrize("filters", [(4, 6), (3, 4, 5), (2, 3, 3, 4)])
def test_nothing_beyond_a_cut_reaches_further_than_the_margin(filters):
    """Cuts lie at multiples of the divisor. Every weight 1: how far do voxels before a cut reach?"""
    network = StridedUNet(1, 1, filters).eval()
    for parameter in network.parameters():
        torch.nn.init.ones_(parameter)
    step = size_divisor(filters)
    cut, reached = margin(filters) + 2 * step, 0
    still = torch.zeros(1, 1, step, step, 2 * cut)
    with torch.inference_mode():
        silent = network(still)
        for at in range(cut - step, cut):
            moved = still.clone()
            moved[..., at] = 1.0
            far = ((network(moved) - silent).abs().amax(dim=(0, 1, 2, 3)) > 0).nonzero().max()
            reached = max(reached, int(far) - cut + 1)
    assert 0 < reached <= margin(filters)
    assert reached > margin(filters) - step


def test_beside_organs_gives_both_heads_at_full_resolution():
    network = network_of(organs=3).eval()
    image = torch.randn(1, 2, 16, 16, 16)
    with torch.inference_mode():
        both, (logits, organs) = BesideOrgans(network)(image), network.with_organs(image)
    outputs = logits.shape[1]
    assert torch.equal(both[:, :outputs], logits)
    assert both.shape == (1, outputs + 3, 16, 16, 16)
    assert torch.equal(both[:, outputs:, 1::2, ::2, 1::2], organs), "each organ logit stands in 8 voxels"
