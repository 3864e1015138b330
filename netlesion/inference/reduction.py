"""What of a network's logits is kept: every class, or for each tracer the logit of lesion alone, and the organ.

A tracer of two classes needs their difference only, which may be taken before windows are blended: half the memory and
no other value. More classes are blended each by itself and collapsed when a chunk is complete. Knows nothing about
tracers or windows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Reduction:
    """before: logits of windows (B, N, ...) -> what is blended (B, A, ...), linear; after: (A, ...) -> (M, ...)."""

    before: Callable[[Tensor], Tensor]
    after: Callable[[Tensor], Tensor]


def _same(values: Tensor) -> Tensor:
    return values


#: Every class as it is.
EVERY_CLASS = Reduction(_same, _same)


def lesion_logit(groups: Sequence[tuple[slice, Sequence[int]]], organs: slice | None = None) -> Reduction:
    """Of each group (its channels, which of them are lesion) the logit of lesion: one channel a group.

    logit = logsumexp(lesion logits) - logsumexp(other logits); its sigmoid is the softmax probability of lesion.

    Args:
        groups: For each group its channels, and which of these are lesion.
        organs: Channels of organ logits; the number of the highest one then follows as the last channel.
    """
    lesion, other = [], []
    for span, chosen in groups:
        channels = range(span.start, span.stop)
        lesion.append([channels[c] for c in chosen])
        other.append([c for n, c in enumerate(channels) if n not in set(chosen)])
    if organs is None and all(len(a) == len(b) == 1 for a, b in zip(lesion, other, strict=True)):
        (plus, minus) = ([c for (c,) in side] for side in (lesion, other))
        return Reduction(lambda logits: logits[:, plus] - logits[:, minus], _same)

    def after(logits: Tensor) -> Tensor:
        sides = [torch.stack([_joined(logits, channels) for channels in side]) for side in (lesion, other)]
        lesions = sides[0] - sides[1]
        return lesions if organs is None else torch.cat([lesions, logits[organs].argmax(0, keepdim=True).float()])

    return Reduction(_same, after)


def _joined(logits: Tensor, channels: list[int]) -> Tensor:
    return logits[channels[0]] if len(channels) == 1 else torch.logsumexp(logits[channels], dim=0)
