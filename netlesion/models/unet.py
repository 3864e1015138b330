"""MONAI's 3D U-Net in the shape of nnU-Net (DynUNet), sized by widths; full resolution at its first level."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

NORMS = {"instance": ("INSTANCE", {"affine": True}), "batch": "BATCH"}


def unet(
    in_channels: int,
    out_channels: int,
    widths: Sequence[int] = (16, 32, 64, 128),
    residual: bool = False,
    norm: str = "instance",
    dropout: float = 0.0,
) -> nn.Module:
    """(B, in, I, J, K) -> logits (B, out, I, J, K), I, J, K divisible by 2 ** (len(widths) - 1).

    widths: features at each resolution, the first at full resolution; each further one halves the grid.
    norm is "instance" or "batch"; dropout is a share of features, 0 for none.
    """
    from monai.networks.nets import DynUNet

    strides = [1] + [2] * (len(widths) - 1)
    return DynUNet(
        spatial_dims=3,
        in_channels=in_channels,
        out_channels=out_channels,
        kernel_size=[3] * len(widths),
        strides=strides,
        upsample_kernel_size=strides[1:],
        filters=list(widths),
        norm_name=NORMS[norm],
        dropout=dropout if dropout > 0 else None,
        res_block=residual,
    )
