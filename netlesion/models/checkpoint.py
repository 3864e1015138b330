"""Weights and model card on disk: `model.safetensors` with the card as readable `model.json` beside it.

A Lightning checkpoint (.ckpt) that training wrote is read as well; it is opened as weights only, so a file
from a stranger cannot run code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from netlesion.errors import CheckpointError, ConfigError
from netlesion.models.card import ModelCard
from netlesion.output.atomic import atomic_path, write_json

#: The key under which a Lightning checkpoint carries the model card, and the prefix of the network's weights.
CARD_KEY = "model_card"
PREFIX = "network."


#: What `checkpoint` says for the weights of this package, and where they lie.
SHIPPED = "shipped"
WEIGHTS = Path(__file__).resolve().parent.parent / "weights"


def shipped_checkpoint() -> Path:
    """The weights that travel with the package; raises CheckpointError where this copy of it has none."""
    found = sorted(WEIGHTS.glob("*.safetensors"))
    if not found:
        raise CheckpointError(f"{WEIGHTS}: this copy of netlesion has no weights; give checkpoint=PATH")
    return found[-1]


def save_checkpoint(path: str | Path, weights: Mapping[str, Tensor], card: ModelCard) -> None:
    """Writes `path` (.safetensors) and the card beside it (.json), each whole or not at all."""
    from safetensors.torch import save

    path = Path(path)
    # a network may hold one tensor under two names (DynUNet does); safetensors wants two
    payload = save({k: v.detach().cpu().contiguous().clone() for k, v in weights.items()}, metadata={"format": "pt"})
    write_json(path.with_suffix(".json"), card.to_dict())
    with atomic_path(path) as part:
        part.write_bytes(payload)


def load_checkpoint(path: str | Path) -> tuple[ModelCard, dict[str, Tensor]]:
    """The card and the network's weights of a .safetensors (with its .json) or a Lightning .ckpt.

    Raises CheckpointError, naming the file, when it is missing, broken, or not one of netlesion's.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint; train one first (train.py) or give checkpoint=PATH")
    try:
        card, weights = _read_lightning(path) if path.suffix == ".ckpt" else _read_safetensors(path)
        return ModelCard.from_dict(card), weights
    except (CheckpointError, ConfigError) as error:
        raise CheckpointError(f"{path}: {error}") from error
    except UnpicklingError as error:
        raise CheckpointError(
            f"{path}: a pickle that holds more than tensors, which could run code; it was not run. Give weights that "
            "netlesion wrote (.safetensors with their .json, or .ckpt)"
        ) from error
    except Exception as error:  # torch and safetensors raise many kinds for a broken file
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise CheckpointError(f"{path}: not a readable checkpoint ({reason})") from error


def load_network(network: nn.Module, weights: Mapping[str, Tensor], where: str | Path) -> nn.Module:
    """The network with these weights, in eval mode; raises CheckpointError when they do not fit it."""
    try:
        network.load_state_dict(dict(weights))
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()[:160]
        raise CheckpointError(f"{where}: its weights do not fit the network of its card ({reason})") from error
    return network.eval()


def _read_safetensors(path: Path) -> tuple[Mapping[str, Any], dict[str, Tensor]]:
    from safetensors.torch import load_file

    beside = path.with_suffix(".json")
    if not beside.is_file():
        raise CheckpointError(f"its card {beside.name} is missing beside it")
    card = json.loads(beside.read_text(encoding="utf-8"), object_pairs_hook=_each_once)
    ModelCard.from_dict(card)  # before the weights are read
    return card, load_file(path)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of JSON; the last of two values of one name would hide the first."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise CheckpointError("its card names a field twice; correct it")
    return found


def _read_lightning(path: Path) -> tuple[Mapping[str, Any], dict[str, Tensor]]:
    content = torch.load(path, map_location="cpu", weights_only=True)
    if CARD_KEY not in content:
        raise CheckpointError("it carries no model card; it is not a netlesion checkpoint")
    weights = content.get("state_dict", {})
    return content[CARD_KEY], {k.removeprefix(PREFIX): v for k, v in weights.items() if k.startswith(PREFIX)}
