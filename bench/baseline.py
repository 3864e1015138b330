"""One candidate of bench.inference: a process that keeps one network ready and answers requests, a line each.

    python -m bench.baseline ROLE FOLDER DEVICE PRECISION

A request {"network": "instance", "image": "exact"} is answered by {"seconds": ..., "windows": ..., "working_mb": ...}.

Runs in our environment or in nnU-Net's: what only one of them has is imported where it is used.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from netlesion.inference.malloc import reuse_freed_memory
from netlesion.models.unet import unet

WINDOW = (96, 96, 96)
Run = Callable[[torch.Tensor], torch.Tensor]


def main() -> None:
    role, folder, device, precision = sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4]
    answers, sys.stdout = sys.stdout, sys.stderr  # what a library prints is no answer
    if role in ("exact", "stream", "crop") or role.endswith("_tuned"):
        reuse_freed_memory()
    ready: dict[str, tuple[Run, dict]] = {}
    print(json.dumps({"torch": torch.__version__}), file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        name = request["network"]
        if name not in ready:
            torch.manual_seed(0)
            network = load(folder / f"{name}.pt")
            ready = {name: BUILDERS[role](network, device, precision)}
            small = torch.zeros(2, *WINDOW)
            ready[name][0](small, np.zeros(WINDOW) + 1)
        run, facts = ready[name]
        image = torch.from_numpy(np.load(folder / f"{request['image']}.npy"))
        shown = np.load(folder / f"{request['image']}-body.npy", mmap_mode="r")
        before = reset_peak()
        wait(device)
        started = time.perf_counter()
        logits = run(image, shown)
        wait(device)
        seconds = time.perf_counter() - started
        memory = {"working_mb": peak_mb() - before, "peak_mb": peak_mb()}
        np.save(folder / f"{role}-{name}-{request['image']}.npy", logits.float().sigmoid().numpy())
        print(json.dumps({"seconds": seconds, **memory, **facts}), file=answers, flush=True)


def load(path: Path) -> torch.nn.Module:
    stored = torch.load(path, weights_only=True)
    network = unet(2, 2, **stored["arguments"]).eval()
    network.load_state_dict(stored["weights"])
    return network


def _monai(network, device: str, precision: str, batch_size: int = 1) -> tuple[Run, dict]:
    from monai.inferers import SlidingWindowInferer

    network, facts = network.to(device), {}
    inferer = SlidingWindowInferer(WINDOW, sw_batch_size=batch_size, overlap=0.5, mode="gaussian")
    count = _counted(network, facts)

    @torch.inference_mode()
    def run(image, body):
        facts["windows"] = 0
        with torch.autocast(device, torch.float16, enabled=device == "cuda"):
            logits = inferer(image[None].to(device), count)[0].cpu()
        return logits[1] - logits[0]

    return run, facts


def _monai_tuned(network, device: str, precision: str) -> tuple[Run, dict]:
    """On a CPU the heap is tuned (`main`) and one window at a time is fastest; a GPU gets eight and cuDNN's search."""
    torch.backends.cudnn.benchmark = device == "cuda"
    return _monai(network, device, precision, 8 if device == "cuda" else 1)


def _nnunet(network, device: str, precision: str) -> tuple[Run, dict]:
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    predictor = nnUNetPredictor(use_mirroring=False, device=torch.device(device), allow_tqdm=False)
    facts: dict = {}
    predictor.network = network
    predictor.configuration_manager = SimpleNamespace(patch_size=WINDOW)
    predictor.label_manager = SimpleNamespace(num_segmentation_heads=2)
    network.register_forward_hook(lambda *_: facts.update(windows=facts["windows"] + 1))

    def run(image, body):
        facts["windows"] = 0
        logits = predictor.predict_sliding_window_return_logits(image).float().cpu()
        return logits[1] - logits[0]

    return run, facts


def _counted(network, facts: dict):
    def forward(windows):
        facts["windows"] += len(windows)
        return network(windows)

    return forward


def _ours(mode: str):
    def build(network, device: str, precision: str) -> tuple[Run, dict]:
        from netlesion.inference.engines.choose import choose
        from netlesion.inference.memory import available_gb
        from netlesion.inference.plan import Box, Cost, plan_stream, plan_windows, windows_at_once
        from netlesion.inference.reduction import lesion_logit
        from netlesion.inference.sliding import sliding
        from netlesion.models import unet_cost

        reduction, filters = lesion_logit([(slice(0, 2), [1])]), list(network.filters)
        memory = available_gb(device) * 1e9

        def cost_in(name: str) -> Cost:
            at_once, chunked = unet_cost.activation_bytes_per_voxel(filters, name)
            return Cost(unet_cost.flop_per_voxel(2, 2, filters), at_once, chunked if device == "cpu" else None)

        def chunk(name: str, voxels: int) -> int | None:
            return cost_in(name).chunk_voxels(voxels, memory)

        chunked = chunk if mode == "stream" and device == "cpu" else None
        engine = choose(network, 2, WINDOW, device, precision=precision, chunk=chunked)
        cost = cost_in(engine.name)
        facts = {"engine": f"{engine.name} {engine.precision}"}

        def run(image, body):
            shape = tuple(image.shape[1:])
            if mode == "exact":
                plan = plan_windows(shape, WINDOW, 0.5, cost=cost)
            else:
                box = Box(*_box(body))
                if mode == "crop":
                    plan = plan_windows(shape, WINDOW, 0.5, box, cost)
                else:
                    plan = plan_stream(
                        shape,
                        unet_cost.size_divisor(filters),
                        unet_cost.receptive_field_margin(filters),
                        box,
                        cost,
                        memory,
                    )
            facts.update(windows=plan.num_tiles, flop=cost.flop * plan.voxels_computed, plan=plan.explain())
            at_once = windows_at_once(plan, device, available_gb(device))
            return sliding(image.to(device), plan, engine.predict, at_once, reduction=reduction)[0].cpu()

        return run, facts

    return build


def _box(suv: np.ndarray):
    """The body's box, found as inference finds it, on a grid of 4 mm."""
    from netlesion.image.geometry import Geometry
    from netlesion.image.volume import Quantity, Volume
    from netlesion.preprocess.body_box import body_box
    from netlesion.preprocess.harmonise import Harmonised

    geometry = Geometry(np.diag([4.0, 4.0, 4.0, 1.0]), suv.shape)
    grid = Harmonised("bench", ("sstr",), geometry, {"sstr": Volume(suv, geometry, Quantity.SUVBW)}, {})
    return body_box(grid)


BUILDERS = {
    "monai": _monai,
    "monai_tuned": _monai_tuned,
    "nnunet": _nnunet,
    "exact": _ours("exact"),
    "stream": _ours("stream"),
    "crop": _ours("crop"),
}


def wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def reset_peak() -> float:
    """Sets this process's high-water mark back (Linux); MB resident now."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak_mb()


def peak_mb() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) / 1024


if __name__ == "__main__":
    main()
