"""A copy of a network as a GPU computes it fastest: batch norms inside their convolutions, channels last in memory.

Both are exact but for rounding; `choose` compares the copy with the network before it is used. Measured on an H200
(docs/benchmarks.md): a third of the time. Instance norm has no kernel for channels last, so there they stay first.
"""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights


def gpu_layout(network: nn.Module) -> nn.Module:
    """The copy, in eval mode; the network stays as it is."""
    network = folded(network)
    instance = any(isinstance(m, nn.modules.instancenorm._InstanceNorm) for m in network.modules())
    if instance:
        return network
    return network.to(memory_format=torch.channels_last_3d)  # pyright: ignore[reportCallIssue]  # torch's stub lacks it


def folded(network: nn.Module) -> nn.Module:
    """A copy without batch norms where a block holds one as `norm<n>` behind its one convolution `conv<n>`, as MONAI's
    blocks do; other norms stay.
    """
    network = copy.deepcopy(network).eval()
    for block in list(network.modules()):
        for name, norm in list(block.named_children()):
            if not isinstance(norm, nn.BatchNorm3d) or not name.startswith("norm"):
                continue
            if norm.running_mean is None or norm.running_var is None:
                continue
            wrapper = getattr(block, name.replace("norm", "conv", 1), None)
            inner = [m for m in wrapper.modules() if isinstance(m, nn.Conv3d)] if wrapper is not None else []
            if len(inner) == 1:
                (conv,) = inner
                statistics = (norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias)
                conv.weight, conv.bias = fuse_conv_bn_weights(conv.weight, conv.bias, *statistics)
                setattr(block, name, nn.Identity())
    return network
