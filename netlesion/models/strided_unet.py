"""A residual 3D U-Net with a strided stem: no feature map has full resolution, its logits do.

The stem embeds each patch of 2 x 2 x 2 voxels (a convolution of kernel and stride 2), and the head turns the decoder's
features back into the logits of 8 voxels (its transpose). Nearly all work is then done on an eighth of the voxels, so
that a training step costs a fraction of that of a U-Net whose first level has full resolution. Knows nothing of SUV or
files.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

#: Side of a patch, in voxels.
PATCH = 2
#: Feature maps of the first level, and planes of full resolution, alive at the peak of one forward; with a margin.
MAPS_ALIVE, PLANES_ALIVE = 10.0, 40.0


class ResidualBlock(nn.Module):
    """Two convolutions of 3 with batch norm and a skip around both; stride 1 or 2 in the first."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm3d(out_channels)
        self.conv2 = nn.Conv3d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm3d(out_channels)
        self.act = nn.LeakyReLU(0.01)
        self.skip = nn.Sequential()
        if stride > 1:
            self.skip.append(nn.AvgPool3d(stride))
        if stride > 1 or in_channels != out_channels:
            self.skip.append(nn.Conv3d(in_channels, out_channels, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.norm1(self.conv1(x)))
        return self.act(self.norm2(self.conv2(y)) + self.skip(x))


class StridedUNet(nn.Module):
    """(B, in, I, J, K) -> logits (B, out, I, J, K); I, J, K divisible by 2 ** len(filters).

    Args:
        in_channels: planes of the network's input.
        out_channels: logits of each voxel.
        filters: features at each level, the first at half resolution, each further one at half of the one before.
        organs: classes of the organ head, which shares the decoder and has half resolution; 0 for none. It is read by
            `with_organs` alone.
    """

    def __init__(
        self, in_channels: int, out_channels: int, filters: Sequence[int] = (32, 64, 96, 128), organs: int = 0
    ) -> None:
        super().__init__()
        filters = list(filters)
        self.stem = nn.Sequential(
            nn.Conv3d(in_channels, filters[0], PATCH, PATCH, bias=False),
            nn.BatchNorm3d(filters[0]),
            nn.LeakyReLU(0.01),
        )
        self.down = nn.ModuleList([ResidualBlock(filters[0], filters[0])])
        for fine, coarse in pairwise(filters):
            self.down.append(ResidualBlock(fine, coarse, stride=2))
        self.up, self.merge = nn.ModuleList(), nn.ModuleList()
        for fine, coarse in reversed(list(pairwise(filters))):
            self.up.append(nn.ConvTranspose3d(coarse, fine, 2, 2, bias=False))
            self.merge.append(ResidualBlock(2 * fine, fine))
        self.head = nn.ConvTranspose3d(filters[0], out_channels, PATCH, PATCH)
        self.organ_head = nn.Conv3d(filters[0], organs, 1) if organs else None

    def features(self, x: Tensor) -> Tensor:
        """The decoder's last features, (B, filters[0], I / 2, J / 2, K / 2)."""
        x, skips = self.stem(x), []
        for block in self.down:
            x = block(x)
            skips.append(x)
        for up, merge, skip in zip(self.up, self.merge, reversed(skips[:-1]), strict=True):
            x = merge(torch.cat([up(x), skip], dim=1))
        return x

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))

    def with_organs(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits as `forward` gives them, and those of organs at half resolution, (B, organs, I / 2, J / 2, K / 2)."""
        assert self.organ_head is not None, "the network was built without organs"
        features = self.features(x)
        return self.head(features), self.organ_head(features)


class BesideOrgans(nn.Module):
    """A StridedUNet with organ head -> its logits, and in further channels those of organs: (B, out + organs, I, J, K).

    Each organ logit of half resolution stands in 8 voxels.
    """

    def __init__(self, network: StridedUNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        logits, organs = self.network.with_organs(x)
        return torch.cat([logits, nn.functional.interpolate(organs, scale_factor=PATCH, mode="nearest")], dim=1)


def size_divisor(filters: Sequence[int]) -> int:
    """What the sides of an input must be divisible by."""
    return 2 ** len(filters)


def margin(filters: Sequence[int]) -> int:
    """How far (voxels) from a cut at a multiple of `size_divisor` the output can change, rounded up to such a multiple.

    At each level two convolutions of 3 on the way down, the first of them strided below the first level, and two on the
    way up; each reaches 2 ** (level + 1) voxels, a strided one half of that.
    """
    levels = len(filters)
    down = 2 * 2 + sum(2**level + 2 ** (level + 1) for level in range(1, levels))
    up = sum(2 * 2 ** (level + 1) for level in range(levels - 1))
    return -(-(down + up) // size_divisor(filters)) * size_divisor(filters)


def flop_per_voxel(in_channels: int, out_channels: int, filters: Sequence[int]) -> float:
    """Floating-point operations of the convolutions for each input voxel, a multiplication and an addition each."""
    products = float(in_channels * filters[0] + filters[0] * out_channels)  # of each voxel: stem and head
    for level, count in enumerate(filters):
        voxels = 1.0 / 8.0 ** (level + 1)
        before = filters[max(level - 1, 0)]
        products += voxels * (27.0 * (before * count + count**2) + (before * count if level else 0))
        if level < len(filters) - 1:  # transposed convolution, merging block and its skip
            coarse = filters[level + 1]
            products += voxels * (coarse * count + 27.0 * (2 * count**2 + count**2) + 2 * count**2)
    return 2.0 * products


def activation_bytes_per_voxel(
    filters: Sequence[int], engine: str = "torch", norm: str = "batch"
) -> tuple[float, tuple[float, float]]:
    """Bytes of float32 activations alive at once for each input voxel, a bound: `MAPS_ALIVE` maps of the first level
    beside input and logits. The pair is for chunks, which this network does not run in.
    """
    at_once = 4.0 * (MAPS_ALIVE * filters[0] / PATCH**3 + PLANES_ALIVE)
    return at_once, (at_once, at_once)
