"""Sliding-window inference beside MONAI's inferer: same weights, same windows, same blending, A B A B, medians.

    python -m bench.inference [--shape 192 144 192] [--rounds 3] [--widths 16 32 64 128 256] [--precision auto]

Three processes take turns, each doing nothing while another runs: MONAI as it comes, MONAI with the C library's heap
tuned, and ours with the engine that `auto` chooses here. Conversion and warm-up are left out of all three. Weights are
random, so the agreement is that of arithmetic, not of a diagnosis. Prints a table and a JSON line.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

WINDOW = (96, 96, 96)
ROLES = ("monai", "monai_tuned", "exact")


def main() -> None:
    arguments = _arguments()
    if arguments.role:
        _serve(arguments)
        return
    with tempfile.TemporaryDirectory() as folder:
        _judge(arguments, Path(folder))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", type=int, nargs=3, default=(192, 144, 192))
    parser.add_argument("--widths", type=int, nargs="+", default=(16, 32, 64, 128, 256))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "bf16"))
    parser.add_argument("--role", choices=ROLES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    return parser.parse_args()


def _serve(arguments: argparse.Namespace) -> None:
    """One contestant: a line on stdin is a run, its seconds go to stdout."""
    import torch

    from netlesion.inference.engines.choose import choose
    from netlesion.inference.heap import keep_heap
    from netlesion.inference.plan import plan_windows
    from netlesion.inference.sliding import sliding
    from netlesion.models.unet import unet

    if arguments.role != "monai":
        keep_heap()
    torch.manual_seed(0)
    network = unet(2, 2, widths=arguments.widths).eval()
    image = torch.randn(2, *arguments.shape, generator=torch.Generator().manual_seed(1))
    if arguments.role == "exact":
        engine = choose(network, 2, WINDOW, precision=arguments.precision)
        plan, about = plan_windows(image.shape[1:], WINDOW, 0.5), engine.explain()

        def run():
            return sliding(image, plan, engine.predict)
    else:
        from monai.inferers import SlidingWindowInferer

        inferer, about = SlidingWindowInferer(WINDOW, sw_batch_size=1, overlap=0.5, mode="gaussian"), "eager fp32"

        def run():
            return inferer(image[None], network)[0]

    with torch.inference_mode():
        network(image[None, :, :32, :32, :32])
        print(json.dumps(about), flush=True)
        for _ in sys.stdin:
            started = time.perf_counter()
            logits = run()
            seconds = time.perf_counter() - started
            np.save(Path(arguments.folder) / f"{arguments.role}.npy", logits.softmax(0).numpy())
            print(json.dumps(seconds), flush=True)


def _judge(arguments: argparse.Namespace, folder: Path) -> None:
    command = [sys.executable, "-m", "bench.inference", *sys.argv[1:], "--folder", str(folder), "--role"]
    contestants, about = {}, {}
    for role in ROLES:
        contestants[role] = subprocess.Popen([*command, role], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        about[role] = _answer(contestants[role])
    seconds = {role: [] for role in ROLES}
    for _ in range(arguments.rounds):
        for role, process in contestants.items():
            process.stdin.write("run\n")
            process.stdin.flush()
            seconds[role].append(_answer(process))
    for process in contestants.values():
        process.stdin.close()
        process.wait()
    middle = {role: median(s) for role, s in seconds.items()}
    ours, theirs = np.load(folder / "exact.npy"), np.load(folder / "monai.npy")
    lesion_ours, lesion_theirs = ours[1] > 0.5, theirs[1] > 0.5
    dice = 2.0 * (lesion_ours & lesion_theirs).sum() / max(1, lesion_ours.sum() + lesion_theirs.sum())
    for role in ROLES:
        spread = f"{min(seconds[role]):.2f}-{max(seconds[role]):.2f}"
        ratio = middle[role] / middle["exact"]
        print(f"{role:12s} {middle[role]:8.2f} s  ({spread})  {ratio:5.2f} x ours   {about[role]}")
    print(
        json.dumps(
            {
                "machine": f"{platform.processor() or platform.machine()}, {platform.system()}",
                "shape": list(arguments.shape),
                "widths": list(arguments.widths),
                "rounds": arguments.rounds,
                "exact_vs_monai": round(middle["monai"] / middle["exact"], 3),
                "exact_vs_monai_tuned": round(middle["monai_tuned"] / middle["exact"], 3),
                "exact_label_dice": round(float(dice), 6),
                "exact_max_dp": float(np.abs(ours - theirs).max()),
            }
        )
    )


def _answer(process: subprocess.Popen):
    line = process.stdout.readline()
    if not line:
        sys.exit("a contestant ended early; its message is above")
    return json.loads(line)


if __name__ == "__main__":
    main()
