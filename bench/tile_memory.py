"""Memory of one forward of a tile, by engine and norm, at once and in chunks: what the plan of mode stream rests on.

    python -m bench.tile_memory [--shape 160,128,192] [--size lean|nnunet]

Each row is a process of its own: its growth during the forward, in feature maps of the first width (growth / voxels /
4 bytes / width), beside what the plan takes it for; seconds of a second run. Prints a table and one JSON line.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time

from bench.inference import WIDTHS, _shape, machine

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
ROWS = [
    (engine, norm, way)
    for engine in ("openvino", "torch")
    for norm in ("batch", "layer")
    for way in ("at once", "chunks of 1/3", "chunks of 1/8")
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", type=_shape, default=(160, 128, 192))
    parser.add_argument("--size", choices=WIDTHS, default="lean")
    parser.add_argument("--row", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.row:
        print(json.dumps(measured(*arguments.row, arguments.shape, WIDTHS[arguments.size])))
        return
    print(f"{'engine':10s}{'norm':8s}{'':14s}{'MB':>8s}{'maps':>7s}{'planned':>9s}{'seconds':>9s}")
    result = {"machine": machine("cpu"), "shape": arguments.shape, "size": arguments.size}
    for row in ROWS:
        command = [sys.executable, "-m", "bench.tile_memory", "--size", arguments.size, "--row", *row]
        command += ["--shape", ",".join(map(str, arguments.shape))]
        lines = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
        found = json.loads(lines[-1])
        figures = f"{found['mb']:8.0f}{found['maps']:7.2f}{found['planned']:9.2f}{found['seconds']:9.2f}"
        print(f"{row[0]:10s}{row[1]:8s}{row[2]:14s}{figures}", flush=True)
        result["_".join(row).replace(" ", "_").replace("/", "_")] = found
    print(json.dumps(result))


def measured(
    engine: str, norm: str, way: str, shape: tuple[int, int, int], filters: tuple[int, ...]
) -> dict[str, float]:
    import torch

    from bench.baseline import peak_mb, reset_peak
    from netlesion.inference.engines.choose import choose
    from netlesion.inference.malloc import reuse_freed_memory
    from netlesion.models.unet import unet
    from netlesion.models.unet_cost import activation_bytes_per_voxel

    reuse_freed_memory()
    torch.manual_seed(0)
    step = 2 ** (len(filters) - 1)
    image = torch.randn(1, 2, *(-(-n // step) * step for n in shape))
    voxels = image[0, 0].numel()
    chunk = None if way == "at once" else voxels // int(way[-1])
    network = unet(2, 2, filters=filters, norm=norm).eval()
    predict = choose(
        network, 2, (64, 64, 64), name=engine, precision="fp32", chunk=lambda _, n: chunk if n == voxels else None
    ).predict
    predict(torch.randn(1, 2, 64, 64, 64))
    before = reset_peak()
    predict(image)
    grown = (peak_mb() - before) * 2**20
    started = time.perf_counter()
    predict(image)
    seconds = time.perf_counter() - started
    at_once, (of_tile, of_chunk) = activation_bytes_per_voxel(filters, engine, norm)
    planned = at_once * voxels if chunk is None else of_tile * voxels + of_chunk * chunk
    maps, planned = (size / voxels / 4 / filters[0] for size in (grown, planned))
    return {"mb": grown / 2**20, "maps": round(maps, 2), "planned": round(planned, 2), "seconds": seconds}


if __name__ == "__main__":
    main()
