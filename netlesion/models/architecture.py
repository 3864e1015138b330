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
from netlesion.models import segresnet, strided_unet, unet_cost
from netlesion.models.strided_unet import StridedUNet
from netlesion.models.unet import unet

Network = Mapping[str, Any]


@dataclass(frozen=True)
class Architecture:
    """One kind of network; `network` is what a card says of it.

    Attributes:
        build: (in_channels, out_channels, **arguments) -> nn.Module.
        filters: network -> features at each level, from the finest.
        divisor: network -> what the sides of an input must be divisible by.
        margin: network -> how far from a cut at a multiple of the divisor an output can change, in voxels.
        flop: (in_channels, out_channels, network) -> floating-point operations of one forward for each input voxel.
        activation_bytes: (network, engine, norm) -> bytes of float32 activations alive at once for each voxel of a
            tile; and for each voxel of the tile and of a chunk where the first levels run in chunks.
        norm: that of a network which names none.
        chunked: whether its first levels can run in chunks (`inference.engines.chunked`).
    """

    build: Callable[..., nn.Module]
    filters: Callable[[Network], tuple[int, ...]]
    divisor: Callable[[Network], int]
    margin: Callable[[Network], int]
    flop: Callable[[int, int, Network], float]
    activation_bytes: Callable[[Network, str, str], tuple[float, tuple[float, float]]]
    norm: str = "batch"
    chunked: bool = False


def _strided(in_channels: int, out_channels: int, filters: Sequence[int], organs: int = 0, norm: str = "batch"):
    if norm != "batch":
        raise ConfigError(f"network.norm is {norm!r}; the strided U-Net knows batch norm only")
    # channels last: a training step takes 8 % less time on two cores
    network = StridedUNet(in_channels, out_channels, filters, organs)
    return network.to(memory_format=torch.channels_last_3d)  # pyright: ignore[reportCallIssue]  # torch's stub lacks it


def _listed(network: Network) -> tuple[int, ...]:
    return tuple(network.get("filters", ()))


def _of_segresnet(build: Callable[..., nn.Module]) -> Architecture:
    return Architecture(
        build,
        segresnet.filters,
        segresnet.size_divisor,
        segresnet.margin,
        segresnet.flop_per_voxel,
        lambda network, engine, norm: segresnet.activation_bytes_per_voxel(network),
    )


ARCHITECTURES: Mapping[str, Architecture] = {
    "unet": Architecture(
        unet,
        _listed,
        lambda network: unet_cost.size_divisor(_listed(network)),
        lambda network: unet_cost.receptive_field_margin(_listed(network)),
        lambda inputs, outputs, network: unet_cost.flop_per_voxel(inputs, outputs, _listed(network)),
        lambda network, engine, norm: unet_cost.activation_bytes_per_voxel(_listed(network), engine, norm),
        norm="instance",
        chunked=True,
    ),
    "strided_unet": Architecture(
        _strided,
        _listed,
        lambda network: strided_unet.size_divisor(_listed(network)),
        lambda network: strided_unet.margin(_listed(network)),
        lambda inputs, outputs, network: strided_unet.flop_per_voxel(inputs, outputs, _listed(network)),
        lambda network, engine, norm: strided_unet.activation_bytes_per_voxel(_listed(network), engine, norm),
    ),
    "segresnet": _of_segresnet(segresnet.segresnet),
    "segresnet_ds": _of_segresnet(segresnet.segresnet_ds),
}


def architecture_of(network: Network) -> Architecture:
    """The architecture that a card's `network` names; raises ConfigError for one that is not known."""
    name = network.get("architecture", "unet")
    if name not in ARCHITECTURES:
        raise ConfigError(f"network.architecture is {name!r}, expected one of {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[name]


def filters_of(network: Network) -> tuple[int, ...]:
    """Features at each level of a card's network, from the finest."""
    return architecture_of(network).filters(network)


def norm_of(network: Network) -> str:
    """The norm of a card's network: what it names, else that of its architecture."""
    return network.get("norm", architecture_of(network).norm)


def tile_independent(network: Network) -> bool:
    """Whether a network gives one output however a body is cut into tiles."""
    return norm_of(network) not in unet_cost.TILE_DEPENDENT


def build_network(network: Network, in_channels: int, out_channels: int) -> nn.Module:
    """The network that a card's `network` describes, weights random."""
    arguments = {k: v for k, v in network.items() if k != "architecture"}
    return architecture_of(network).build(in_channels, out_channels, **arguments)
