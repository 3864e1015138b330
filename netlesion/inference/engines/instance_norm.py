"""Instance norm as operations with short sums: for compilers whose own kernel adds a million values in one float32.

OpenVINO's loses three digits that way (4e-4 of the logits' spread over a U-Net, 1.2e-3 of probability), these steps
none, in the same time. Means are taken of blocks, then of blocks of blocks, so a module fits tensors of one size only.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Sides of the blocks, one level after the other; a level that does not divide a side is left out.
BLOCKS = (4, 4, 4, 2, 2)


def with_hierarchical_norms(network: nn.Module) -> nn.Module:
    """A copy in eval mode whose affine 3D instance norms sum hierarchically; the network itself where it has none."""
    if not has_instance_norm(network):
        return network
    network = copy.deepcopy(network).eval()
    for block in list(network.modules()):
        for name, norm in list(block.named_children()):
            if isinstance(norm, nn.InstanceNorm3d) and _replaceable(norm):
                setattr(block, name, HierarchicalInstanceNorm(norm))
    return network


def has_instance_norm(network: nn.Module) -> bool:
    """Whether `with_hierarchical_norms` would change it."""
    return any(_replaceable(module) for module in network.modules())


def _replaceable(module: nn.Module) -> bool:
    return isinstance(module, nn.InstanceNorm3d) and module.affine and not module.track_running_stats


class HierarchicalInstanceNorm(nn.Module):
    """(B, C, I, J, K) -> the same shape, each channel of each image with mean 0 and variance 1, scaled and shifted."""

    def __init__(self, norm: nn.InstanceNorm3d) -> None:
        super().__init__()
        shape = (1, -1, 1, 1, 1)
        self.weight, self.bias = nn.Parameter(norm.weight.view(shape)), nn.Parameter(norm.bias.view(shape))
        self.eps = norm.eps

    def forward(self, x: Tensor) -> Tensor:
        mean = _mean(x)
        scale = self.weight * torch.rsqrt(_mean((x - mean).square()) + self.eps)
        return x * scale + (self.bias - mean * scale)


def _mean(x: Tensor) -> Tensor:
    """(B, C, I, J, K) -> (B, C, 1, 1, 1)."""
    for side in BLOCKS:
        if all(n % side == 0 for n in x.shape[2:]):
            x = functional.avg_pool3d(x, side, side)
    return x.mean(dim=(2, 3, 4), keepdim=True)
