"""Short sums give what PyTorch's instance norm gives, nearer to float64 than one long sum in float32."""

import pytest
import torch
from torch import nn

from netlesion.inference.engines.instance_norm import (
    HierarchicalInstanceNorm,
    has_instance_norm,
    with_hierarchical_norms,
)
from netlesion.models.unet import unet


def a_norm(channels):
    norm = nn.InstanceNorm3d(channels, affine=True)
    with torch.no_grad():
        norm.weight.copy_(torch.linspace(0.5, 2, channels))
        norm.bias.copy_(torch.linspace(-1, 1, channels))
    return norm


@pytest.mark.parametrize("shape", [(8, 16, 24), (5, 7, 9), (1, 1, 6), (32, 32, 48)])
def test_it_is_instance_norm(shape):
    norm, x = a_norm(3), 5 + 2 * torch.randn((2, 3, *shape), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        wanted = norm.double()(x.double())
        assert (HierarchicalInstanceNorm(norm.float())(x) - wanted).abs().max() < 1e-5


def test_a_network_keeps_its_logits_and_is_itself_untouched():
    torch.manual_seed(0)
    network, image = unet(2, 2, filters=(4, 6, 8)).eval(), torch.randn(1, 2, 16, 16, 24)
    changed = with_hierarchical_norms(network)
    with torch.inference_mode():
        torch.testing.assert_close(changed(image), network(image), rtol=1e-4, atol=1e-5)
    assert has_instance_norm(network)
    assert not has_instance_norm(changed)


def test_a_network_without_instance_norm_is_taken_as_it_is():
    network = unet(2, 2, filters=(4, 6, 8), norm="batch").eval()
    assert with_hierarchical_norms(network) is network
