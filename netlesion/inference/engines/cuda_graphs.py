"""CUDA graphs: the launches of a forward recorded once for each shape of tile and replayed without the CPU's help."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor

Predict = Callable[[Tensor], Tensor]
#: Graphs kept, the least used goes: each holds the activations of its shape.
KEPT = 4
#: Times that a shape is computed plainly before it is recorded: a body's own tile may never come again.
AFTER = 2
#: Tensors of more voxels are computed plainly: their kernels take longer than launching them (five windows of 96^3;
#: on an H200 a forward of four takes 10 ms, its launches 5).
LARGEST = 5 * 96**3
#: Forwards before a recording: libraries choose their kernels in the first ones.
WARM = 3


def graphed(
    predict: Predict, after: int = AFTER, record: Callable[[Predict, Tensor], Predict] | None = None
) -> Predict:
    """The same callable with its launches recorded; windows must lie on the device, the result is a tensor of its own.

    after: see AFTER. record: makes a replayer of one shape, `recorded` where none is given.
    """
    record = recorded if record is None else record
    replayers: OrderedDict[tuple[int, ...], Predict] = OrderedDict()
    seen: Counter[tuple[int, ...]] = Counter()

    def replay(windows: Tensor) -> Tensor:
        shape = tuple(windows.shape)
        if windows.numel() > LARGEST * shape[1]:
            return predict(windows)
        if shape not in replayers:
            seen[shape] += 1
            if seen[shape] <= after:
                return predict(windows)
            while len(replayers) >= KEPT:
                replayers.popitem(last=False)
            replayers[shape] = record(predict, windows)
        replayers.move_to_end(shape)
        return replayers[shape](windows)

    return replay


def recorded(predict: Predict, windows: Tensor) -> Predict:
    """A replayer for tensors of the shape of `windows`."""
    inputs, side = windows.clone(), torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM):
            predict(inputs)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        outputs = predict(inputs)

    def replay(now: Tensor) -> Tensor:
        inputs.copy_(now, non_blocking=True)
        graph.replay()
        return outputs.clone()  # the next replay writes where this one did

    return replay
