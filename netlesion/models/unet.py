"""MONAI's 3D U-Net in the shape of nnU-Net (DynUNet), sized by filters; full resolution at its first level."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

NORMS = {"instance": ("INSTANCE", {"affine": True}), "batch": "BATCH", "layer": "VOXEL_LAYER"}


class VoxelLayerNorm(nn.Module):
    """Layer norm over the channels of each voxel alone: (B, C, I, J, K) -> the same shape."""

    def __init__(self, num_features: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(num_features)), nn.Parameter(torch.zeros(num_features))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        centred = x - x.mean(dim=1, keepdim=True)
        scale = torch.rsqrt(centred.square().mean(dim=1, keepdim=True) + self.eps)
        shape = (1, -1, 1, 1, 1)
        return centred * scale * self.weight.view(shape) + self.bias.view(shape)


def unet(
    in_channels: int,
    out_channels: int,
    filters: Sequence[int] = (16, 32, 64, 128),
    residual: bool = False,
    norm: str = "instance",
    dropout: float = 0.0,
) -> nn.Module:
    """(B, in, I, J, K) -> logits (B, out, I, J, K), I, J, K divisible by 2 ** (len(filters) - 1).

    filters: features at each resolution, the first at full resolution; each further one halves the grid.
    norm is "instance", "batch" or "layer" (over the channels of a voxel); dropout is a share of features, 0 for none.
    """
    from monai.networks.layers.factories import Norm
    from monai.networks.nets.dynunet import DynUNet

    if "VOXEL_LAYER" not in Norm.names:
        Norm.add_factory_callable("VOXEL_LAYER", lambda dim: VoxelLayerNorm)
    strides = [1] + [2] * (len(filters) - 1)
    return DynUNet(
        spatial_dims=3,
        in_channels=in_channels,
        out_channels=out_channels,
        kernel_size=[3] * len(filters),
        strides=strides,
        upsample_kernel_size=strides[1:],
        filters=list(filters),
        norm_name=NORMS[norm],
        dropout=dropout if dropout > 0 else None,
        res_block=residual,
    )
