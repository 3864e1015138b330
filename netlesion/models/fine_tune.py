"""Weights of one model as the start of another: input planes and classes are matched by name.

A plane that the old model did not know starts at zero; one that the new model does not have is left out, which is exact
where it would hold zeros; the constant plane of a channel that has become required goes into the norm after the stem. A
class `lesion` starts as `metastasis` and the other way round. What cannot be matched is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from netlesion.errors import CheckpointError
from netlesion.models.architecture import filters_of, norm_of
from netlesion.models.card import ModelCard

#: Class of the new model -> classes of the old one that it may start from, the first that is there.
STARTS = {
    "lesion": ("lesion", "metastasis", "primary"),
    "primary": ("primary", "lesion"),
    "metastasis": ("metastasis", "lesion"),
}
STEM, STEM_MEAN = "stem.0.weight", "stem.1.running_mean"
HEAD, HEAD_BIAS = "head.weight", "head.bias"


def plane_names(card: ModelCard) -> tuple[str, ...]:
    """The planes of a model's input by name: its channels, then `has_<channel>` of each optional one."""
    return (*card.channels, *(f"has_{c}" for c in card.channels if c not in card.required_channels))


def started_from(card: ModelCard, old: ModelCard) -> ModelCard:
    """The card of a training that starts from the model `old`: its patients count as trained on, and its thresholds and
    temperatures hold for the tracers that both know, until a validation chooses others."""
    kept = {
        name: {tracer: value for tracer, value in getattr(old, name).items() if tracer in card.classes}
        for name in ("thresholds", "peak_thresholds", "temperatures")
    }
    return replace(card, trained_on=tuple({*card.trained_on, *old.trained_on}), **kept)


def fine_tuned(network: nn.Module, card: ModelCard, weights: Mapping[str, Tensor], old: ModelCard) -> nn.Module:
    """The network of `card`, started from the weights of the model `old`.

    Args:
        network: built for `card`; its weights are replaced.
        weights: of a network of `old`.

    Raises:
        CheckpointError: where the two differ in more than channels and classes, or a class has nothing to start from.
    """
    _require_same_body(card, old)
    start = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
    same = plane_names(card) == plane_names(old) and card.classes == old.classes
    if not same:
        if STEM not in start or HEAD not in start:
            raise CheckpointError(
                f"fine_tune: only a strided U-Net can change channels or classes; the model knows {_said(old)}, the "
                f"configuration says {_said(card)}"
            )
        start |= _stem(start, plane_names(old), plane_names(card), card)
        start |= _head(start, old, card)
    fresh = network.state_dict()
    start |= {name: tensor for name, tensor in fresh.items() if name.startswith("organ_head.") and name not in start}
    start = {name: tensor for name, tensor in start.items() if name in fresh or not name.startswith("organ_head.")}
    try:
        network.load_state_dict(start)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()[:160]
        raise CheckpointError(f"fine_tune: the weights do not fit the network ({reason})") from error
    return network


def _require_same_body(card: ModelCard, old: ModelCard) -> None:
    for name, of in (
        ("architecture", lambda c: c.network.get("architecture", "unet")),
        ("filters", lambda c: filters_of(c.network)),
        ("norm", lambda c: norm_of(c.network)),
        ("residual", lambda c: bool(c.network.get("residual", False))),
    ):
        if of(card) != of(old):
            raise CheckpointError(
                f"fine_tune: the weights are of a network with {name} {of(old)}, the configuration says {of(card)}; "
                f"set network as the model's card has it: {dict(old.network)}"
            )


def _stem(
    start: Mapping[str, Tensor], old: tuple[str, ...], new: tuple[str, ...], card: ModelCard
) -> dict[str, Tensor]:
    before = start[STEM]
    stem = before.new_zeros((before.shape[0], len(new), *before.shape[2:]))
    for n, plane in enumerate(new):
        if plane in old:
            stem[:, n] = before[:, old.index(plane)]
    mean = start[STEM_MEAN].clone()
    for channel in card.required_channels:
        if f"has_{channel}" in old:  # it was 1 wherever the channel was there
            mean -= before[:, old.index(f"has_{channel}")].flatten(1).sum(dim=1)
    return {STEM: stem, STEM_MEAN: mean}


def _head(start: Mapping[str, Tensor], old: ModelCard, card: ModelCard) -> dict[str, Tensor]:
    chosen = []
    for tracer, classes in card.classes.items():
        for name in classes:
            known = old.classes.get(tracer, ())
            source = next((c for c in STARTS.get(name, (name,)) if c in known), None)
            if source is None:
                raise CheckpointError(
                    f"fine_tune: class {name!r} of {tracer} has nothing to start from; the model knows {_said(old)}"
                )
            chosen.append(old.scheme.span(tracer).start + known.index(source))
    index = torch.tensor(chosen)
    return {HEAD: start[HEAD].index_select(1, index), HEAD_BIAS: start[HEAD_BIAS].index_select(0, index)}


def _said(card: ModelCard) -> str:
    return f"channels {', '.join(card.channels)} and classes { {t: list(c) for t, c in card.classes.items()} }"
