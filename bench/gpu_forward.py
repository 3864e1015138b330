"""One forward on a GPU, by precision and layout: milliseconds, and how far the logits are from float32.

    python -m bench.gpu_forward [--shapes 1,96,96,96 16,96,96,96 1,336,320,336]

The lean network (16-256) with batch and with instance norm, medians of five after two; `first`: the first of a shape.
Deviation: root-mean-square difference on one window as a share of the spread of float32's logits (no TF32).
Prints a row for each variant and, last, one JSON line.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from statistics import median

import torch

from netlesion.inference.engines.choose import deviation
from netlesion.inference.engines.gpu_layout import folded
from netlesion.inference.engines.torch_eager import DTYPES, eager
from netlesion.models.unet import unet

LEAN = (16, 32, 64, 128, 256)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", nargs="+", default=["1,96,96,96", "4,96,96,96", "16,96,96,96", "1,336,320,336"])
    shapes = [tuple(int(n) for n in text.split(",")) for text in parser.parse_args().shapes]
    torch.set_grad_enabled(False)
    record: dict = {"machine": torch.cuda.get_device_name(), "torch": torch.__version__}
    for norm in ("batch", "instance"):
        torch.manual_seed(0)
        network = unet(2, 2, filters=LEAN, norm=norm).eval()
        window = torch.randn(1, 2, 96, 96, 96, device="cuda")
        wanted = eager(copy.deepcopy(network), "cuda")(window)
        layouts = {
            "as it is": network,
            "channels last": copy.deepcopy(network).to(memory_format=torch.channels_last_3d),
        }
        if norm == "batch":
            layouts["folded"] = folded(network)
            layouts["folded, channels last"] = folded(network).to(memory_format=torch.channels_last_3d)
        for layout, laid_out in layouts.items():
            for precision in ("fp32", *DTYPES):
                run = eager(copy.deepcopy(laid_out), "cuda", precision)
                off = deviation(wanted.float().cpu(), run(window).float().cpu())
                times = {"x".join(map(str, shape)): _milliseconds(run, shape) for shape in shapes}
                record[f"{norm}, {layout}, {precision}"] = {"deviation": round(off, 5)} | times
                print(f"{norm:9s}{layout:22s}{precision:5s} {off:.4f}", times, flush=True)
    print(json.dumps(record))


def _milliseconds(run, shape: tuple[int, ...]) -> dict[str, float]:
    image, times = torch.randn(shape[0], 2, *shape[1:], device="cuda"), []
    for _ in range(7):
        torch.cuda.synchronize()
        started = time.perf_counter()
        run(image)
        torch.cuda.synchronize()
        times.append(1e3 * (time.perf_counter() - started))
    return {"first": round(times[0], 1), "median": round(median(times[2:]), 1)}


if __name__ == "__main__":
    main()
