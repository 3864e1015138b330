"""Several networks and mirror images as one callable: the mean of their logits, tile by tile, in one pass.

Knows nothing about tiles, tracers or what the logits mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Predict = Callable[[Tensor], Tensor]


def averaged(networks: Sequence[Predict], axes: Sequence[int] = ()) -> Predict:
    """The mean of the logits of every network over all 2 ** len(axes) mirror images of a tile, each mirrored back.

    networks: (B, C, I, J, K) -> logits (B, N, I, J, K). axes: some of 0, 1, 2. One network and no axis: as it is.
    """
    if len(networks) == 1 and not axes:
        return networks[0]

    def mean(windows: Tensor) -> Tensor:
        return sum(_answers(networks, axes, windows)) / (len(networks) * 2 ** len(axes))

    return mean


def averaged_beside_first(networks: Sequence[Predict], axes: Sequence[int]) -> Predict:
    """The same mean in channels 0 to N - 1 and, in N to 2N - 1, what the first network alone says, unmirrored.

    Costs no further forward: the first answer is one of those that are averaged.
    """

    def both(windows: Tensor) -> Tensor:
        answers = _answers(networks, axes, windows)
        first = next(answers)
        return torch.cat([sum(answers, first) / (len(networks) * 2 ** len(axes)), first], dim=1)

    return both


def _answers(networks: Sequence[Predict], axes: Sequence[int], windows: Tensor):
    """Float32 logits of one network and one mirror image after the other; the plain image first."""
    images: list[list[int]] = [[]]
    for axis in axes:
        images += [[*image, 2 + axis] for image in images]
    for predict in networks:
        for flipped in images:
            logits = predict(windows.flip(flipped) if flipped else windows).float()
            yield logits.flip(flipped) if flipped else logits
