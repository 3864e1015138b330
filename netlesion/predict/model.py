"""Checkpoints -> networks ready to run, averaged where there are several."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from netlesion.inference.average import Predict
from netlesion.models import architecture
from netlesion.models.card import ModelCard
from netlesion.models.checkpoint import load_checkpoint, load_network
from netlesion.output.provenance import hash_file
from netlesion.preprocess.normalise import num_inputs


@dataclass(frozen=True)
class Model:
    """Networks of one card ready to run, averaged where there are several, and the hash of their checkpoints."""

    card: ModelCard
    networks: tuple[Predict, ...]
    checkpoint_sha256: str


def build_network(card: ModelCard) -> nn.Module:
    """The network that a card describes, weights random."""
    inputs = num_inputs(card.channels, card.required_channels)
    return architecture.build_network(card.network, inputs, card.scheme.num_outputs)


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
