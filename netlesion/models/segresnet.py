"""MONAI's SegResNet, and SegResNetDS with its residual encoder: how each is built, what it asks of a tile and costs.

Both double their features at each level. SegResNet interpolates on the way up, SegResNetDS convolves. The numbers are
functions of a card's `network` alone (the arguments of MONAI's constructors), without torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

#: Feature maps of the first level alive at the peak of one forward: 7.3 (SegResNet) and 4.5 measured, with a margin.
MAPS_ALIVE = 10.5
NORMS = {"instance": ("INSTANCE", {"affine": True}), "batch": "BATCH"}
INIT_FILTERS, BLOCKS_DOWN = 16, (1, 2, 2, 4)


def segresnet(
    in_channels: int,
    out_channels: int,
    init_filters: int = INIT_FILTERS,
    blocks_down: Sequence[int] = BLOCKS_DOWN,
    blocks_up: Sequence[int] | None = None,
    norm: str = "batch",
    dropout_prob: float = 0.0,
) -> nn.Module:
    """MONAI's SegResNet: (B, in, I, J, K) -> logits (B, out, I, J, K), sides divisible by 2 ** (levels - 1).

    blocks_down, blocks_up: residual blocks of each level, from the finest (down) and from the coarsest (up, one level
    fewer; one block each where None). dropout_prob: of features after the first convolution, 0 for none.
    """
    from monai.networks.nets.segresnet import SegResNet

    return SegResNet(
        spatial_dims=3,
        init_filters=init_filters,
        in_channels=in_channels,
        out_channels=out_channels,
        dropout_prob=dropout_prob if dropout_prob > 0 else None,
        norm=NORMS[norm],
        blocks_down=tuple(blocks_down),
        blocks_up=_up(blocks_down, blocks_up),
    )


def segresnet_ds(
    in_channels: int,
    out_channels: int,
    init_filters: int = INIT_FILTERS,
    blocks_down: Sequence[int] = BLOCKS_DOWN,
    blocks_up: Sequence[int] | None = None,
    norm: str = "batch",
) -> nn.Module:
    """MONAI's SegResNetDS, whose encoder is SegResEncoder, with one output; shapes and blocks as in `segresnet`."""
    from monai.networks.nets.segresnet_ds import SegResNetDS

    return SegResNetDS(
        spatial_dims=3,
        init_filters=init_filters,
        in_channels=in_channels,
        out_channels=out_channels,
        norm=NORMS[norm],
        blocks_down=tuple(blocks_down),
        blocks_up=_up(blocks_down, blocks_up),
    )


def filters(network: Mapping[str, Any]) -> tuple[int, ...]:
    """Features at each level, from the finest."""
    return tuple(network.get("init_filters", INIT_FILTERS) * 2**level for level in range(len(_down(network))))


def size_divisor(network: Mapping[str, Any]) -> int:
    """What the sides of an input must be divisible by."""
    return 2 ** (len(_down(network)) - 1)


def margin(network: Mapping[str, Any]) -> int:
    """How far (voxels) from a cut at a multiple of `size_divisor` the output can change, rounded up to such a multiple.

    The first convolution of 3, one strided convolution into each coarser level and one step of interpolation (or a
    strided transposed convolution) out of it, and two convolutions of 3 in every block.
    """
    down, up = _down(network), _up(_down(network), network.get("blocks_up"))
    reach = 1 + sum(2 ** (level - 1) + 2**level for level in range(1, len(down)))
    reach += sum(2 * 2**level * blocks for level, blocks in enumerate(down))
    reach += sum(2 * 2**level * blocks for level, blocks in enumerate(reversed(up)))
    divisor = size_divisor(network)
    return -(-reach // divisor) * divisor


def flop_per_voxel(in_channels: int, out_channels: int, network: Mapping[str, Any]) -> float:
    """Floating-point operations of the convolutions for each input voxel, a multiplication and an addition each."""
    sizes, down = filters(network), _down(network)
    up = (*reversed(_up(down, network.get("blocks_up"))), 0)
    convolved = network.get("architecture") == "segresnet_ds"  # on the way up; else 1 x 1 x 1, then interpolated
    products = 27.0 * in_channels * sizes[0] + sizes[0] * out_channels
    for level, size in enumerate(sizes):
        voxels = 1.0 / 8.0**level
        products += voxels * 54.0 * size**2 * (down[level] + up[level])
        if level > 0:
            products += voxels * sizes[level - 1] * size * (27.0 + (27.0 if convolved else 1.0))
    return 2.0 * products


def activation_bytes_per_voxel(network: Mapping[str, Any]) -> tuple[float, tuple[float, float]]:
    """Bytes of float32 activations alive at once for each input voxel, a bound; no chunks."""
    at_once = 4.0 * MAPS_ALIVE * filters(network)[0]
    return at_once, (at_once, at_once)


def _down(network: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(network.get("blocks_down", BLOCKS_DOWN))


def _up(down: Sequence[int], up: Sequence[int] | None) -> tuple[int, ...]:
    return (1,) * (len(down) - 1) if up is None else tuple(up)
