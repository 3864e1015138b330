"""Checkpoints -> networks ready to run, averaged where there are several."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from netlesion.inference.average import Predict
from netlesion.models import architecture
from netlesion.models.card import ModelCard
from netlesion.models.checkpoint import load_checkpoint, load_network
from netlesion.output.memory import require_memory
from netlesion.output.provenance import hash_file
from netlesion.preprocess.normalise import num_inputs

FLOAT_BYTES = 4


@dataclass(frozen=True)
class Model:
    """Networks of one card ready to run, averaged where there are several, and the hash of their checkpoints."""

    card: ModelCard
    networks: tuple[Predict, ...]
    checkpoint_sha256: str


def build_network(card: ModelCard) -> nn.Module:
    """The network that a card describes, weights random; ConfigError where it needs more memory than there is."""
    inputs, outputs = num_inputs(card.channels, card.required_channels), card.scheme.num_outputs
    with torch.device("meta"):
        weights = sum(p.numel() for p in architecture.build_network(card.network, inputs, outputs).parameters())
    require_memory(
        2.0 * weights * FLOAT_BYTES,  # those of the file beside those of the network
        f"a network of {weights / 1e6:,.0f} million weights (features {list(architecture.filters_of(card.network))})",
        "use a smaller network",
    )
    return architecture.build_network(card.network, inputs, outputs)


def load_networks(checkpoints: Sequence[Path]) -> tuple[ModelCard, list[nn.Module]]:
    """Networks of checkpoints that differ in their weights and patients only; trained_on names the patients of all."""
    cards, networks = [], []
    for path in checkpoints:
        card, weights = load_checkpoint(path)
        if cards:
            cards[0].require_same_kind(card, str(checkpoints[0]), str(path))
        cards.append(card)
        networks.append(load_network(build_network(card), weights, path))
    patients = sorted({p for card in cards for p in card.trained_on})
    return replace(cards[0], trained_on=tuple(patients)), networks


def checkpoint_hash(checkpoints: Sequence[Path]) -> str:
    """The sha256 of the one file, or of the sorted sha256 of several."""
    hashes = sorted(hash_file(path) for path in checkpoints)
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()
