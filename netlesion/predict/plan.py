"""Which tiles a model computes of a visit, and what they cost: `inference.plan` for a card and settings."""

from __future__ import annotations

import math
from dataclasses import replace

from netlesion.errors import InferenceError
from netlesion.inference.plan import Box, Cost, Plan, plan_stream, plan_windows
from netlesion.models.architecture import architecture_of, filters_of, norm_of
from netlesion.models.card import ModelCard
from netlesion.output.memory import require_memory
from netlesion.predict.settings import InferenceSettings
from netlesion.preprocess.normalise import num_inputs


def cost_of(card: ModelCard, engine: str, chunked: bool) -> Cost | None:
    """What the card's network costs in an engine; None for a network that is no U-Net of ours."""
    kind, norm = architecture_of(card.network), norm_of(card.network)
    if not filters_of(card.network):
        return None
    inputs, outputs = num_inputs(card.channels, card.required_channels), card.scheme.num_outputs
    at_once, in_chunks = kind.activation_bytes(card.network, engine, norm)
    flop = kind.flop(inputs, outputs, card.network)
    return Cost(flop, at_once, in_chunks if chunked else None)


def plan_of(
    card: ModelCard, settings: InferenceSettings, shape: tuple[int, int, int], box: tuple | None = None
) -> Plan:
    """The plan of one volume; box: the body's (low, high), used by stream and crop, None for the whole volume."""
    kind, cost = architecture_of(card.network), cost_of(card, settings.engine, settings.machine.chunked)
    body = None if box is None else Box(*box)
    if settings.mode == "stream":
        memory = None if settings.machine.memory_gb is None else settings.machine.memory_gb * 1e9
        return plan_stream(shape, kind.divisor(card.network), kind.margin(card.network), body, cost, memory)
    if settings.mode == "crop":
        return plan_windows(shape, card.window, settings.overlap, body or Box((0, 0, 0), shape), cost)
    return plan_windows(shape, card.window, settings.overlap, cost=cost)


def require_window(card: ModelCard, windows: int, engine: str) -> None:
    """Raises ConfigError where the activations of `windows` windows at once need more memory than there is."""
    cost = cost_of(card, engine, chunked=False)
    if cost is not None:
        size = " x ".join(map(str, card.window))
        require_memory(
            windows * math.prod(card.window) * cost.activation_bytes,
            f"{windows} windows of {size} voxels at once" if windows > 1 else f"a window of {size} voxels",
            "use a smaller window, batch_size or network",
        )


def smaller(plan: Plan, batch_size: int, card: ModelCard, error: Exception) -> tuple[Plan, int]:
    """A plan and batch size that need less memory; raises InferenceError, from `error`, where there are none."""
    if batch_size > 1 and plan.num_tiles > 1:
        return plan, batch_size // 2
    if plan.mode == "stream" and plan.cost is not None:
        kind = architecture_of(card.network)
        need = plan.cost.activation_bytes * max(t.read.num_voxels for t in plan.tiles)
        cost = replace(plan.cost, chunked=None)
        less = plan_stream(plan.shape, kind.divisor(card.network), kind.margin(card.network), plan.box, cost, need / 2)
        if max(t.read.num_voxels for t in less.tiles) < max(t.read.num_voxels for t in plan.tiles):
            return less, 1
    raise InferenceError(
        f"the device has too little memory for one tile of {plan.tiles[0].read.shape} voxels; "
        "close what else uses it, choose a coarser spacing, or run with device=cpu"
    ) from error
