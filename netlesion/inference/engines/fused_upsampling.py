"""The way up of a U-Net with a ninth fewer operations: upsampling and the convolution after it as one.

An up block upsamples coarse features by a transposed convolution, joins the skip to them, and convolves. Nothing lies
between the first and the last, so for the coarse half they are one transposed convolution, of kernel 4 for strides of
2, that reads 8 coarse voxels where the convolution reads 27 fine ones; what it makes of the skip is added. The same
function, up to rounding: zeros beyond a border stay zeros, for the upsampling has no bias.
"""

from __future__ import annotations

import copy
from typing import Any

from monai.networks.blocks.dynunet_block import UnetUpBlock
from torch import Tensor, nn
from torch.nn import functional


def with_fused_upsampling(network: nn.Module) -> nn.Module:
    """A copy in eval mode whose up blocks are `MergedUp` where that is the same function."""
    network = copy.deepcopy(network).eval()
    blocks = [block for block in network.modules() if isinstance(block, UnetUpBlock) and _mergeable(block)]
    merged: dict[nn.Module, MergedUp] = {block: MergedUp(block) for block in blocks}
    for parent in list(network.modules()):
        for name, block in list(parent.named_children()):  # DynUNet holds each of its blocks twice
            if block in merged:
                setattr(parent, name, merged[block])
    return network


def _mergeable(block: UnetUpBlock) -> bool:
    up, conv = _convolutions(block)
    same_size = all(k % 2 == 1 and 2 * p == k - 1 for k, p in zip(conv.kernel_size, conv.padding, strict=True))
    plain = up.kernel_size == up.stride and not any(up.padding) and not any(up.output_padding) and up.bias is None
    undilated = {*up.dilation, *conv.dilation, *conv.stride, up.groups, conv.groups} == {1}
    return plain and same_size and undilated and conv.padding_mode == "zeros"


def _convolutions(block: Any) -> tuple[nn.ConvTranspose3d, nn.Conv3d]:
    """The upsampling of a block and the convolution after it; nn.Module does not declare its layers."""
    return block.transp_conv.conv, block.conv_block.conv1.conv


class MergedUp(nn.Module):
    """As UnetUpBlock in eval mode: coarse (B, G, i, j, k) and skip (B, F, I, J, K) -> (B, F, I, J, K)."""

    def __init__(self, block: UnetUpBlock) -> None:
        super().__init__()
        (up, conv), rest = _convolutions(block), block.conv_block
        coarse, skip = conv.weight.double().split((up.out_channels, conv.in_channels - up.out_channels), dim=1)
        # Where coarse voxel m reaches: fine voxels s m + r of the upsampling, k - 1 further ones of the convolution.
        reach = functional.conv3d(up.weight.double(), coarse, padding=[k - 1 for k in conv.kernel_size])
        self.coarse, self.skip = (nn.Parameter(w.to(conv.weight.dtype), requires_grad=False) for w in (reach, skip))
        assert not isinstance(conv.padding, str), "_mergeable has compared its numbers"
        self.bias, self.stride, self.padding = conv.bias, up.stride, conv.padding
        self.norm1, self.lrelu, self.conv2, self.norm2 = rest.norm1, rest.lrelu, rest.conv2, rest.norm2

    def forward(self, features: Tensor, skip: Tensor) -> Tensor:
        upsampled = functional.conv_transpose3d(features, self.coarse, stride=self.stride, padding=self.padding)
        x = functional.conv3d(skip, self.skip, self.bias, padding=self.padding) + upsampled
        return self.lrelu(self.norm2(self.conv2(self.lrelu(self.norm1(x)))))
