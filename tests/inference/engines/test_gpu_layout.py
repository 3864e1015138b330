"""A network laid out for a GPU gives the same logits; what it cannot fold it leaves."""

import pytest
import torch
from torch import nn

from netlesion.inference.engines.gpu_layout import folded, gpu_layout
from netlesion.models.unet import unet


def a_network(norm, residual=False):
    torch.manual_seed(0)
    network = unet(2, 3, filters=(4, 6, 8), norm=norm, residual=residual)
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.1 * torch.randn_like(p))
        network.train()
        for _ in range(3):  # statistics that are not 0 and 1
            network(torch.randn(2, 2, 8, 8, 12) * 3 + 1)
    return network.eval()


@pytest.mark.parametrize(
    ("norm", "residual"), [("batch", False), ("batch", True), ("instance", False), ("layer", True)]
)
def test_the_logits_are_the_same_and_the_network_is_untouched(norm, residual):
    network, image = a_network(norm, residual), torch.randn(1, 2, 8, 12, 16)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    with torch.inference_mode():
        wanted = network(image)
        torch.testing.assert_close(gpu_layout(network)(image), wanted, rtol=1e-4, atol=1e-4)
    assert all(torch.equal(before[k], v) for k, v in network.state_dict().items())


def test_every_batch_norm_is_folded_and_other_norms_stay():
    assert not any(isinstance(m, nn.BatchNorm3d) for m in gpu_layout(a_network("batch", True)).modules())
    network = a_network("instance")
    kept = [m for m in gpu_layout(network).modules() if isinstance(m, nn.InstanceNorm3d)]
    assert len(kept) == sum(isinstance(m, nn.InstanceNorm3d) for m in network.modules()) > 0


def test_channels_lie_last_but_with_instance_norm():
    for norm, last in (("batch", True), ("layer", True), ("instance", False)):
        weights = [p for p in gpu_layout(a_network(norm)).parameters() if p.ndim == 5 and p.shape[-1] > 1]
        assert all(p.is_contiguous(memory_format=torch.channels_last_3d) == last for p in weights)


def test_a_batch_norm_that_follows_no_convolution_of_its_own_stays():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Sequential(nn.Conv3d(2, 2, 1), nn.ReLU(), nn.Conv3d(2, 2, 1))
            self.norm1, self.norm2 = nn.BatchNorm3d(2), nn.BatchNorm3d(2)

    assert sum(isinstance(m, nn.BatchNorm3d) for m in folded(Block()).modules()) == 2
