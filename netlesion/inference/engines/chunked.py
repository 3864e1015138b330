"""A U-Net over a tile that is too large for memory: its two first levels chunk by chunk, everything coarser at once.

Nearly all of what is alive in a forward belongs to the first levels, whose convolutions reach a few voxels. So the way
down runs over chunks along I, the coarser levels, a sixty-fourth of the voxels, see the whole tile, and the way up runs
over chunks again. What the first skip carries is computed a second time there, which is cheaper than to keep it. The
result is that of one forward, for norms that do not depend on what they see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

#: Contiguous tensors -> a tensor, which the next call may overwrite.
Piece = Callable[..., Tensor]


class FirstDown(nn.Module):
    """Image (1, C, i, J, K) -> features of the second level (1, G, i/2, J/2, K/2)."""

    def __init__(self, network: Any) -> None:  # a DynUNet, whose layers nn.Module does not declare
        super().__init__()
        first = network.skip_layers
        self.first, self.second = first.downsample, first.next_layer.downsample

    def forward(self, image: Tensor) -> Tensor:
        return self.second(self.first(image))


class FirstUp(nn.Module):
    """Image (1, C, i, J, K) and features of the second level -> logits (1, N, i, J, K)."""

    def __init__(self, network: Any) -> None:  # a DynUNet, whose layers nn.Module does not declare
        super().__init__()
        first = network.skip_layers
        self.first, self.up, self.out = first.downsample, first.upsample, network.output_block

    def forward(self, image: Tensor, features: Tensor) -> Tensor:
        return self.out(self.up(features, self.first(image)))


class SecondUp(nn.Module):
    """Features of the second level and of the third -> features of the second level, as the first one takes them."""

    def __init__(self, network: Any) -> None:  # a DynUNet, whose layers nn.Module does not declare
        super().__init__()
        self.up = network.skip_layers.next_layer.upsample

    def forward(self, skip: Tensor, features: Tensor) -> Tensor:
        return self.up(features, skip)


class Coarse(nn.Module):
    """Features of the third level (1, H, I/4, J/4, K/4) -> the same shape, after everything below it."""

    def __init__(self, network: Any) -> None:  # a DynUNet, whose layers nn.Module does not declare
        super().__init__()
        third = network.skip_layers.next_layer.next_layer
        self.below, self.up = third.next_layer, third.upsample

    def forward(self, features: Tensor) -> Tensor:
        return self.up(self.below(features), features)


@dataclass(frozen=True)
class Level:
    """One level in chunks: down (x) -> features of the next; up (x, features) -> the answer.

    Slices that a chunk reads beyond either end, even, for the strides: what the convolutions of its pieces reach.
    """

    down: Piece
    up: Piece
    reach_down: int
    reach_up: int


def pieces(
    network: Any, num_inputs: int, window: tuple[int, int, int], make: Callable[..., Piece]
) -> tuple[Level, Level, Piece]:
    """First level, second level, and what is below, of a U-Net of `models.unet`.

    window: some size that the network takes. make: (module, an example of each input) -> callable.
    """
    image, third = torch.zeros(1, num_inputs, *window), network.skip_layers.next_layer.next_layer
    three_levels = not hasattr(third, "next_layer")
    down, next_down = FirstDown(network).eval(), (third if three_levels else third.downsample).eval()
    with torch.inference_mode():
        second = down(image)
        last = next_down(second)
    # The way down strides (1 slice) and convolves once more (2 of this level's slices), the way up convolves twice (2);
    # on the first level both begin with its own two convolutions (2), on the second these are done: 5 and 4, 3 and 2.
    return (
        Level(make(down, image), make(FirstUp(network).eval(), image, second), 6, 4),
        Level(make(next_down, second), make(SecondUp(network).eval(), second, last), 4, 2),
        (lambda features: features) if three_levels else make(Coarse(network).eval(), last),
    )


def run_chunked(first: Level, second: Level, coarse: Piece, chunk_voxels: int) -> Callable[[Tensor], Tensor]:
    """(B, C, I, J, K) -> logits (B, N, I, J, K); a chunk and halos have about `chunk_voxels`, two slices or more."""

    def predict(windows: Tensor) -> Tensor:
        answers = [run(image[None]) for image in windows]
        return answers[0] if len(answers) == 1 else torch.cat(answers)

    # Features of the second level are twice as many in the usual networks: half of the voxels take the same memory.
    inner = in_chunks(second, coarse, chunk_voxels // 2)
    run = in_chunks(first, inner, chunk_voxels)
    return predict


def in_chunks(level: Level, below: Piece, chunk_voxels: int) -> Piece:
    """(1, C, I, J, K) -> what `level` and everything below it make of it."""

    def run(x: Tensor) -> Tensor:
        length, plane = x.shape[2], x.shape[3] * x.shape[4]
        chunks = _chunks(length, chunk_voxels // plane - 2 * level.reach_down)
        features: Tensor | None = None
        answer: Tensor | None = None
        for a, b, low, high in _reading(chunks, level.reach_down):
            part = level.down(x[:, :, low:high].contiguous())
            if features is None:
                features = part.new_empty((*part.shape[:2], length // 2, *part.shape[3:]))
            features[:, :, a // 2 : b // 2] = part[:, :, (a - low) // 2 : (b - low) // 2]
        assert features is not None, "there is a chunk at least"
        features = below(features)
        for a, b, low, high in _reading(chunks, level.reach_up):
            part = level.up(x[:, :, low:high].contiguous(), features[:, :, low // 2 : high // 2].contiguous())
            if answer is None:
                answer = part.new_empty((*part.shape[:2], length, *part.shape[3:]))
            answer[:, :, a:b] = part[:, :, a - low : b - low]
        assert answer is not None
        return answer

    return run


def _reading(chunks: list[tuple[int, int]], reach: int) -> Iterator[tuple[int, int, int, int]]:
    """(first, end) of each chunk and of what it reads: at least `reach` on either side, one depth for all of them.

    Another depth would be another size to prepare for, and memory beside that of the first.
    """
    length = chunks[-1][1]
    depth = min(length, max(b - a for a, b in chunks) + 2 * reach)
    for a, b in chunks:
        low = min(max(0, a - reach), length - depth)
        yield a, b, low, low + depth


def _chunks(length: int, depth: int) -> list[tuple[int, int]]:
    """(first, end) of chunks that meet, about equally deep, none above `depth` where that is 2 or more; all even."""
    number = -(-length // max(2, depth // 2 * 2))
    return list(pairwise(2 * round(length / 2 * n / number) for n in range(number + 1)))
