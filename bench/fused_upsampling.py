"""What fusing upsampling and convolution gains: OpenVINO float32 with and without it, in turns.

    python -m bench.fused_upsampling [--rounds 5]

Random weights, which cost what trained ones do. Prints a table (medians, the first round left out; the largest
difference of logits as a share of their spread) and one JSON line.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from statistics import median
from unittest.mock import patch

from bench.inference import WIDTHS, machine

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
#: Size, norm, residual, tile: a window of mode exact, a whole body at 4 mm of mode stream.
ROWS = (
    ("lean", "instance", False, (96, 96, 96)),
    ("lean", "batch", False, (144, 80, 224)),
    ("lean", "batch", True, (144, 80, 224)),
    ("nnunet", "instance", False, (96, 96, 96)),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    result: dict = {"machine": machine("cpu"), "rounds": rounds}
    print(f"{'':34s}{'as it is, s':>12s}{'merged, s':>11s}{'ratio':>7s}{'difference':>12s}")
    with tempfile.TemporaryDirectory() as cache, patch.dict(os.environ, {"XDG_CACHE_HOME": cache}):
        for size, norm, residual, shape in ROWS:
            name = f"{size} {norm}{' residual' if residual else ''} {'x'.join(map(str, shape))}"
            plain, merged, difference = in_turns(WIDTHS[size], norm, residual, shape, rounds)
            print(f"{name:34s}{plain:12.3f}{merged:11.3f}{plain / merged:7.3f}{difference:12.1e}", flush=True)
            result[name.replace(" ", "_")] = round(plain / merged, 3)
    print(json.dumps(result))


def in_turns(
    filters: tuple[int, ...], norm: str, residual: bool, shape: tuple[int, int, int], rounds: int
) -> tuple[float, float, float]:
    import torch

    from bench.baseline import WINDOW
    from netlesion.inference.engines import fused_upsampling
    from netlesion.inference.engines.openvino_cpu import openvino_cpu
    from netlesion.inference.malloc import reuse_freed_memory
    from netlesion.models.unet import unet

    reuse_freed_memory()
    torch.manual_seed(0)
    network, image = unet(2, 2, filters, residual, norm).eval(), torch.randn(1, 2, *shape)
    merged = openvino_cpu(network, 2, WINDOW, "fp32")
    with patch.object(fused_upsampling, "with_fused_upsampling", lambda module: module):
        plain = openvino_cpu(network, 2, WINDOW, "fp32", anew=True)
    seconds: dict = {plain: [], merged: []}
    logits = {run: run(image) for run in seconds}
    for number in range(rounds):
        for run in list(seconds)[:: 1 if number % 2 else -1]:
            started = time.perf_counter()
            run(image)
            seconds[run].append(time.perf_counter() - started)
    difference = (logits[plain] - logits[merged]).abs().max() / logits[plain].std()
    return median(seconds[plain]), median(seconds[merged]), float(difference)


if __name__ == "__main__":
    main()
