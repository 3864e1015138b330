"""Upsampling and the convolution after it as one transposed convolution: the same function, borders too."""

import pytest
import torch
from monai.networks.blocks.dynunet_block import UnetUpBlock
from monai.networks.nets import DynUNet
from torch.utils.flop_counter import FlopCounterMode

from netlesion.inference.engines.fused_upsampling import MergedUp, with_fused_upsampling
from netlesion.models.unet import unet


def with_statistics(network):
    """Running means and variances as training leaves them: a fresh batch norm would hide a wrong order."""
    for module in network.modules():
        if getattr(module, "running_mean", None) is not None:
            module.running_mean.normal_(std=0.3)
            module.running_var.uniform_(0.5, 2.0)
    return network.double().eval()


def dyn_unet(kernels, strides, up_kernels, **more):
    return DynUNet(3, 2, 2, kernels, strides, up_kernels, filters=(4, 6, 8), norm_name="batch", **more)


def num_up_blocks(network):
    """(merged, as they were); DynUNet holds a block twice, and runs it from one of its places."""
    return tuple(sum(isinstance(m, kind) for m in network.modules()) for kind in (MergedUp, UnetUpBlock))


@torch.inference_mode()
@pytest.mark.parametrize("norm", ["batch", "instance", "layer"])
@pytest.mark.parametrize("residual", [False, True])
def test_the_merged_network_is_the_network(norm, residual):
    torch.manual_seed(0)
    network = with_statistics(unet(2, 3, (4, 6, 8, 8), residual, norm, dropout=0.2))
    before, image = str(network), torch.randn(2, 2, 8, 16, 24).double()
    merged = with_fused_upsampling(network)
    torch.testing.assert_close(merged(image), network(image), rtol=1e-9, atol=1e-9)
    assert num_up_blocks(merged) == (3, 0)
    assert str(network) == before


@torch.inference_mode()
@pytest.mark.parametrize(
    ("kernels", "strides"),
    [
        ([(1, 3, 3), (1, 3, 3), 3], [1, (1, 2, 2), 2]),  # thick slices, as nnU-Net plans them
        ([3, 5, (3, 1, 5)], [1, 2, (2, 1, 4)]),  # up blocks take the kernels of the levels below
    ],
)
def test_kernels_and_strides_that_differ_by_axis(kernels, strides):
    torch.manual_seed(0)
    network = with_statistics(dyn_unet(kernels, strides, strides[1:]))
    image = torch.randn(1, 2, 8, 8, 16).double()
    merged = with_fused_upsampling(network)
    assert num_up_blocks(merged) == (2, 0)
    torch.testing.assert_close(merged(image), network(image), rtol=1e-9, atol=1e-9)


@torch.inference_mode()
def test_an_upsampling_with_a_bias_stays_as_it_is():
    # Its bias ends at the border of the volume, where zeros follow: no convolution of the coarse voxels does that.
    network = with_statistics(dyn_unet([3, 3, 3], [1, 2, 2], [2, 2], trans_bias=True))
    merged = with_fused_upsampling(network)
    assert num_up_blocks(merged) == (0, 2)
    image = torch.randn(1, 2, 8, 8, 8).double()
    torch.testing.assert_close(merged(image), network(image), rtol=0, atol=0)


@torch.inference_mode()
def test_a_forward_takes_fewer_operations():
    network = unet(2, 2, (16, 32, 64), norm="batch").eval()
    operations = []
    for one in (network, with_fused_upsampling(network)):
        with FlopCounterMode(display=False) as counter:
            one(torch.zeros(1, 2, 16, 16, 16))
        operations.append(counter.get_total_flops())
    assert operations[1] < 0.95 * operations[0]
