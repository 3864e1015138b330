"""MONAI's residual 3D U-Net, sized by widths."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn


def unet(
    in_channels: int,
    out_channels: int,
    widths: Sequence[int] = (16, 32, 64, 128),
    residual_units: int = 1,
    norm: str = "instance",
    dropout: float = 0.0,
) -> nn.Module:
    """(B, in, I, J, K) -> logits (B, out, I, J, K), I, J, K divisible by 2 ** (len(widths) - 1).

    widths: features at each resolution, the first at full resolution; each further one halves the grid.
    """
    from monai.networks.nets import UNet

    norms = {"instance": ("INSTANCE", {"affine": True}), "batch": "BATCH"}
    return UNet(
        spatial_dims=3,
        in_channels=in_channels,
        out_channels=out_channels,
        channels=tuple(widths),
        strides=(2,) * (len(widths) - 1),
        num_res_units=residual_units,
        norm=norms[norm],
        dropout=dropout,
    )
