"""The architectures that a model card may name, a closed list: how each is built, and what it asks of a tile and costs.

A card's `network` is a mapping: `architecture` (absent in cards written before there were several: `unet`) and the
arguments of its constructor. Nothing that a card says is imported or called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from netlesion.errors import ConfigError
from netlesion.models import strided_unet, unet_cost
from netlesion.models.strided_unet import StridedUNet
from netlesion.models.unet import unet


@dataclass(frozen=True)
class Architecture:
    """One kind of network.

    Attributes:
        build: (in_channels, out_channels, **arguments) -> nn.Module.
        divisor: filters -> what the sides of an input must be divisible by.
        margin: filters -> how far from a cut at a multiple of the divisor an output can change, in voxels.
        flop: (in_channels, out_channels, filters) -> floating-point operations of one forward for each input voxel.
        activation_bytes: (filters, engine, norm) -> bytes of float32 activations alive at once for each voxel of a
            tile; and for each voxel of the tile and of a chunk where the first levels run in chunks.
        chunked: whether its first levels can run in chunks (`inference.engines.chunked`).
    """

    build: Callable[..., nn.Module]
    divisor: Callable[[Sequence[int]], int]
    margin: Callable[[Sequence[int]], int]
    flop: Callable[[int, int, Sequence[int]], float]
    activation_bytes: Callable[[Sequence[int], str, str], tuple[float, tuple[float, float]]]
    chunked: bool


def _strided(in_channels: int, out_channels: int, filters: Sequence[int], organs: int = 0, norm: str = "batch"):
    if norm != "batch":
        raise ConfigError(f"network.norm is {norm!r}; the strided U-Net knows batch norm only")
    # channels last: a training step takes 8 % less time on two cores
    network = StridedUNet(in_channels, out_channels, filters, organs)
    return network.to(memory_format=torch.channels_last_3d)  # pyright: ignore[reportCallIssue]  # torch's stub lacks it


ARCHITECTURES: Mapping[str, Architecture] = {
    "unet": Architecture(
        unet,
        unet_cost.size_divisor,
        unet_cost.receptive_field_margin,
        unet_cost.flop_per_voxel,
        unet_cost.activation_bytes_per_voxel,
        True,
    ),
    "strided_unet": Architecture(
        _strided,
        strided_unet.size_divisor,
        strided_unet.margin,
        strided_unet.flop_per_voxel,
        strided_unet.activation_bytes_per_voxel,
        False,
    ),
}


def architecture_of(network: Mapping[str, Any]) -> Architecture:
    """The architecture that a card's `network` names; raises ConfigError for one that is not known."""
    name = network.get("architecture", "unet")
    if name not in ARCHITECTURES:
        raise ConfigError(f"network.architecture is {name!r}, expected one of {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[name]


def filters_of(network: Mapping[str, Any]) -> tuple[int, ...]:
    """Features at each level of a card's network, from the finest."""
    return tuple(network.get("filters", ()))


def norm_of(network: Mapping[str, Any]) -> str:
    """The norm of a card's network: what it names, else that of its architecture."""
    return network.get("norm", "batch" if network.get("architecture", "unet") == "strided_unet" else "instance")


def tile_independent(network: Mapping[str, Any]) -> bool:
    """Whether a network gives one output however a body is cut into tiles."""
    return norm_of(network) not in unet_cost.TILE_DEPENDENT


def build_network(network: Mapping[str, Any], in_channels: int, out_channels: int) -> nn.Module:
    """The network that a card's `network` describes, weights random."""
    arguments = {k: v for k, v in network.items() if k != "architecture"}
    return architecture_of(network).build(in_channels, out_channels, **arguments)
