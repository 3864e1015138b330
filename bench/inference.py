"""Sliding-window inference beside MONAI's inferer and nnU-Net's predictor: same weights, same volumes, in turns.

    python -m bench.inference --quick             # the lean network, every baseline once between two runs of ours
    python -m bench.inference [--size nnunet] [--norm layer] [--residual] [--shapes 400,400,350] [--rounds 3]
    python -m bench.inference --crop --shapes 200,200,350 --rounds 1   # mode crop as well, on the instance-norm network
    python -m bench.inference --device cuda       # one GPU: visits a minute, share of its bf16 roof

Each candidate is a process of its own (bench/baseline.py) that waits while another runs; building, conversion and a
first small window are left out of all. The first run of ours on a volume is told apart (`first`): a tile of a new size
maps memory that later ones find. `_tuned`: with the C library's heap told to keep its memory, which ours always
does. exact: the instance-norm network, every window of MONAI's grid. stream: a network of the same filters whose norm
does not depend on the tile, computed by ours once over the body's box, by the baselines window by window. Weights are
trained for some minutes on the same computed bodies, which is enough to compare outputs, not to judge a network.
nnU-Net lives in an environment that this script builds once. Prints a table and, last, one JSON line.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np

from bench.nnunet_environment import cache, nnunet_python

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # for all candidates: one that waits must not slow the other down

WIDTHS = {"lean": (16, 32, 64, 128, 256), "nnunet": (32, 64, 128, 256, 320, 320)}
#: Extent of the body along each axis as a share of the volume, before inference adds its margin.
BODY = {"tight": (0.84, 0.80, 0.95), "wide": (0.44, 0.40, 0.95)}
#: Voxels along each side of a training patch: a network that has seen less is undecided, and so are its labels.
SIDE = 64
BASELINES = ("monai", "monai_tuned", "nnunet")


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        _judge(arguments, Path(folder))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--size", choices=WIDTHS, default="lean")
    parser.add_argument("--norm", choices=("batch", "layer"), default="batch", help="of the network of stream")
    parser.add_argument("--crop", action="store_true", help="at each of the shapes mode crop as well")
    parser.add_argument("--residual", action="store_true", help="residual blocks in the network of stream")
    parser.add_argument("--exact-shape", type=_shape, default=(192, 144, 192))
    parser.add_argument("--shapes", type=_shape, nargs="+", default=[(200, 200, 350), (400, 400, 350)])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "bf16"))
    parser.add_argument("--baselines", nargs="*", choices=BASELINES, default=list(BASELINES))
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.shapes = [(240, 192, 192)]
    return arguments


def _shape(text: str) -> tuple[int, int, int]:
    i, j, k = (int(n) for n in text.split(","))
    return i, j, k


# ---- bodies and networks


def make_body(folder: Path, name: str, shape: tuple[int, int, int], share: tuple[float, float, float]) -> None:
    """A rounded body with lesions: `name`.npy (2, *shape) as a network sees it, its SUV, its truth."""
    rng = np.random.default_rng(sum(shape))
    axes = np.ogrid[tuple(slice(0, n) for n in shape)]
    apart = [np.abs((x - (n - 1) / 2) / (n * s / 2)) for x, n, s in zip(axes, shape, share, strict=True)]
    inside = (apart[0] ** 2 + apart[1] ** 2 < 1) & (apart[2] < 1)
    suv = np.where(inside, np.float32(1.0), np.float32(0.0)) + rng.standard_normal(shape, dtype=np.float32) * 0.15
    truth = np.zeros(shape, bool)
    for _ in range(40):
        radius = rng.uniform(2.0, 6.0)
        centre = [n / 2 + rng.uniform(-0.3, 0.3) * n * s for n, s in zip(shape, share, strict=True)]
        near = tuple(slice(max(0, int(c - radius)), int(c + radius) + 2) for c in centre)
        apart = np.ogrid[tuple(slice(s.start, min(s.stop, n)) for s, n in zip(near, shape, strict=True))]
        truth[near] |= sum((x - c) ** 2 for x, c in zip(apart, centre, strict=True)) < radius**2
    suv += np.float32(4.0) * truth
    np.clip(suv, 0.0, None, out=suv)
    ct = np.where(inside, np.float32(0.2), np.float32(-1.0))
    np.save(folder / f"{name}.npy", np.stack([np.log1p(suv) / np.float32(np.log(11.0)), ct]))
    np.save(folder / f"{name}-body.npy", suv * inside)
    np.save(folder / f"{name}-truth.npy", truth)


def make_network(path: Path, image: Path, filters, norm: str, residual: bool, steps: int = 40) -> None:
    """Weights after a few steps on patches of one body, kept for the next run of this script."""
    import shutil

    import torch
    from torch.nn import functional

    from netlesion.inference.malloc import reuse_freed_memory
    from netlesion.models.unet import unet

    arguments = {"filters": list(filters), "norm": norm, "residual": residual}
    key = hashlib.sha256(json.dumps([arguments, steps, SIDE, "frozen", torch.__version__]).encode()).hexdigest()[:16]
    stored = cache() / f"weights-{key}.pt"
    if not stored.is_file():
        reuse_freed_memory()
        torch.manual_seed(0)
        network, rng, side = unet(2, 2, **arguments), np.random.default_rng(0), SIDE
        volume = torch.from_numpy(np.load(image))
        truth = torch.from_numpy(np.load(image.with_name(f"{image.stem}-truth.npy")).astype(np.int64))
        lesion, optimiser = np.argwhere(truth.numpy()), torch.optim.AdamW(network.parameters(), 3e-3)
        for step in range(steps):
            if step >= 0.7 * steps:  # as training does (callbacks.freeze_norm.fraction)
                for module in network.modules():
                    if isinstance(module, torch.nn.BatchNorm3d):
                        module.eval()
            corners = [lesion[rng.integers(len(lesion))] - rng.integers(0, side, 3) for _ in range(2)]
            corners = [np.clip(c, 0, np.array(truth.shape) - side) for c in corners]
            cuts = [tuple(slice(a, a + side) for a in c) for c in corners]
            logits = network(torch.stack([volume[(slice(None), *cut)] for cut in cuts]))
            wanted = torch.stack([truth[cut] for cut in cuts])
            p = logits.softmax(1)[:, 1]
            overlap = 1 - (2 * (p * wanted).sum() + 1) / (p.sum() + wanted.sum() + 1)
            optimiser.zero_grad()
            (functional.cross_entropy(logits, wanted) + overlap).backward()
            optimiser.step()
        part = stored.with_suffix(".part")
        torch.save({"arguments": arguments, "weights": network.state_dict()}, part)
        part.rename(stored)
    shutil.copy(stored, path)


# ---- the contest


@dataclass
class Candidate:
    """A waiting process, and what it answered, by (network, image)."""

    process: subprocess.Popen
    runs: dict[tuple[str, str], list[dict]] = field(default_factory=dict)

    @classmethod
    def start(cls, roles: list[str], folder: Path, arguments: argparse.Namespace) -> dict[str, Candidate]:
        """All of them at once; back when each has said that it is there."""
        started = {}
        for role in roles:
            python = nnunet_python() if role.startswith("nnunet") else sys.executable
            command = [str(python), "-m", "bench.baseline", role, str(folder), arguments.device, arguments.precision]
            started[role] = cls(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        for candidate in started.values():
            candidate.answer()
        return started

    def answer(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            sys.exit("a candidate ended early; its message is above")
        return json.loads(line)

    def run(self, network: str, image: str) -> None:
        self.process.stdin.write(json.dumps({"network": network, "image": image}) + "\n")
        self.process.stdin.flush()
        self.runs.setdefault((network, image), []).append(self.answer())

    def seconds(self, network: str, image: str) -> float:
        """The median; of several runs without the first."""
        runs = self.runs[network, image]
        return median(run["seconds"] for run in runs[1:] or runs)

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def _judge(arguments: argparse.Namespace, folder: Path) -> None:
    filters, baselines = WIDTHS[arguments.size], list(arguments.baselines)
    if "nnunet" in baselines:
        nnunet_python()
    make_body(folder, "exact", arguments.exact_shape, BODY["tight"])
    make_network(folder / "instance.pt", folder / "exact.npy", filters, "instance", False)
    make_network(folder / "stream.pt", folder / "exact.npy", filters, arguments.norm, arguments.residual)
    roof, fitted_keys = _roof(arguments.device), {}
    rounds = 1 if arguments.quick else arguments.rounds
    fitted = {"stream": "stream"} | ({"crop": "instance"} if arguments.crop else {})  # mode -> network
    candidates = Candidate.start(["exact", *fitted, *baselines], folder, arguments)
    exact, ours = candidates.pop("exact"), {mode: candidates.pop(mode) for mode in fitted}
    others = candidates

    _contest(exact, others, "instance", ["exact"], rounds)
    result = {"machine": machine(arguments.device), "size": arguments.size, "rounds": rounds}
    at = ("instance", "exact")
    result |= {f"exact_vs_{role}": round(other.seconds(*at) / exact.seconds(*at), 3) for role, other in others.items()}
    result |= _agreement(folder, "exact", "instance", "exact", others)
    _print_rows(folder, "exact", exact, others, ["exact"], roof, "instance")

    for shape in arguments.shapes:
        size = "x".join(map(str, shape))
        for name, share in BODY.items():
            make_body(folder, f"{name}-{size}", shape, share)
        images = [f"{name}-{size}" for name in BODY]
        tail = "" if len(arguments.shapes) == 1 else f"_{size}"
        for mode, network in fitted.items():
            _contest(ours[mode], others, network, images, rounds)
            for name, image in zip(BODY, images, strict=True):
                # A baseline computes every window of the volume, whatever is in it: one body serves both ratios.
                seconds = {role: other.seconds(network, images[0]) for role, other in others.items()}
                mine = ours[mode].seconds(network, image)
                fitted_keys |= {f"{mode}_vs_{role}_{name}{tail}": round(s / mine, 3) for role, s in seconds.items()}
                if arguments.device == "cuda":
                    run = ours[mode].runs[network, image][-1]
                    fitted_keys[f"{mode}_visits_per_minute_{name}{tail}"] = round(60.0 / mine, 2)
                    fitted_keys[f"{mode}_share_of_bf16_roof_{name}{tail}"] = round(run["flop"] / mine / roof["bf16"], 3)
            _print_rows(folder, mode, ours[mode], others, images, roof, network)
        for image in images:
            for suffix in (".npy", "-body.npy", "-truth.npy"):
                (folder / f"{image}{suffix}").unlink()
    for candidate in (exact, *ours.values(), *others.values()):
        candidate.stop()
    result |= fitted_keys
    result["stream_max_dp_vs_untiled"] = _tiles_against_one_forward(folder)
    result["working_memory_mb_400x400x700"] = _working_memory((400, 400, 700))
    result |= {f"roof_{precision}_gflops": round(flops / 1e9, 1) for precision, flops in roof.items()}
    print(json.dumps(result))


def _contest(ours: Candidate, baselines: dict[str, Candidate], network: str, images: list[str], rounds: int) -> None:
    """Ours twice, every baseline, ours; again for further rounds. Baselines run the first image only."""
    for image in [*images, *images]:
        ours.run(network, image)
    for _ in range(rounds):
        for role, baseline in baselines.items():
            _note(f"{role}: {network} network, {images[0]}")
            baseline.run(network, images[0])
        for image in reversed(images):
            ours.run(network, image)


def _agreement(folder: Path, role: str, network: str, image: str, others) -> dict:
    """Dice of the labels and largest difference of probability, ours beside MONAI's."""
    if "monai" not in others:
        return {}
    ours, theirs = (np.load(folder / f"{r}-{network}-{image}.npy") for r in (role, "monai"))
    apart, body = np.abs(ours - theirs), np.load(folder / f"{image}-body.npy") > 0
    return {
        f"{role}_label_dice": round(_dice(ours > 0.5, theirs > 0.5), 6),
        f"{role}_max_dp": float(apart.max()),
        f"{role}_max_dp_in_body": float(apart[body].max()),
    }


def _print_rows(
    folder: Path, mode: str, ours: Candidate, baselines: dict[str, Candidate], images, roof, network: str
) -> None:
    """One line for every candidate and image of one contest."""
    head = f"{'':13s}{'network':10s}{'volume':20s}{'seconds':>9s}{'first':>9s}{'ratio':>8s}{'tiles':>7s}"
    print(f"{head}{'of roof':>9s}{'work MB':>9s}{'peak MB':>9s}{'Dice':>7s}{'to ours':>9s}  engine")
    for role, candidate in ({mode: ours} | baselines).items():
        for (name, image), runs in candidate.runs.items():
            if image not in images or name != network:
                continue
            last, seconds = runs[-1], candidate.seconds(network, image)
            flop = last["flop"] if role == mode else _flop_per_window(folder, network) * last["windows"]
            precision = "fp32" if "fp32" in last.get("engine", "fp32") else "bf16"
            label, mine = (_label(folder, who, network, image) for who in (role, mode))
            truth = np.load(folder / f"{image}-truth.npy")
            print(
                f"{role:13s}{network:10s}{image:20s}{seconds:9.3f}{runs[0]['seconds']:9.3f}"
                f"{seconds / ours.seconds(network, image):8.2f}"
                f"{last['windows']:7d}{flop / seconds / roof[precision]:9.3f}{last['working_mb']:9.0f}"
                f"{last['peak_mb']:9.0f}{_dice(label, truth):7.3f}{_dice(label, mine):9.4f}"
                f"  {last.get('engine', 'as it comes')}",
                flush=True,
            )


def _flop_per_window(folder: Path, network: str) -> float:
    import torch

    from netlesion.models.unet_cost import flop_per_voxel

    stored = torch.load(folder / f"{network}.pt", weights_only=True)
    return flop_per_voxel(2, 2, stored["arguments"]["filters"]) * 96**3


def _label(folder: Path, role: str, network: str, image: str) -> np.ndarray:
    return np.load(folder / f"{role}-{network}-{image}.npy") > 0.5


def _dice(a: np.ndarray, b: np.ndarray) -> float:
    return float(2.0 * (a & b).sum() / max(1, a.sum() + b.sum()))


# ---- checks


def _tiles_against_one_forward(folder: Path) -> float:
    """Largest difference of probability, float32 in PyTorch: tiles with their halos, and one forward over the body."""
    _note("tiles against one forward")
    return _in_a_process(
        "import json, torch, numpy as np; from bench.baseline import load;"
        "from netlesion.inference.plan import plan_stream; from netlesion.inference.sliding import sliding;"
        "from netlesion.models.unet_cost import factor, halo; from pathlib import Path;"
        f"network = load(Path({str(folder / 'stream.pt')!r})); filters = list(network.filters);"
        "step, reach = factor(filters), halo(filters); shape = (64, 64, 4 * reach);"
        "image = torch.randn(2, *shape, generator=torch.Generator().manual_seed(3));"
        "from netlesion.inference.plan import Cost; depth = 2 * reach + 2 * step;"
        "plan = plan_stream(shape, step, reach, cost=Cost(1.0, 1.0), memory=float(shape[0] * shape[1] * depth));"
        "assert plan.num_tiles > 1, plan.explain();"
        "torch.set_grad_enabled(False); tiled = sliding(image, plan, network); whole = network(image[None])[0];"
        "print(json.dumps(float((tiled.softmax(0) - whole.softmax(0)).abs().max())))"
    )


def _working_memory(shape: tuple[int, int, int]) -> float:
    """MB beyond input and output in mode exact with a network that returns its input, so that no activation counts."""
    _note("working memory")
    return _in_a_process(
        "import json, torch; from bench.baseline import peak_mb, reset_peak;"
        "from netlesion.inference.plan import plan_windows; from netlesion.inference.sliding import sliding;"
        "from netlesion.inference.reduction import lesion_logit;"
        "from netlesion.inference.malloc import reuse_freed_memory; reuse_freed_memory();"
        f"shape = {shape}; image = torch.ones(2, *shape); plan = plan_windows(shape, (96, 96, 96), 0.5);"
        "torch.ones(8).sum(); before = reset_peak();"
        "out = sliding(image, plan, lambda w: w, reduction=lesion_logit([(slice(0, 2), [1])]));"
        "print(json.dumps(round(peak_mb() - before - out.nbytes / 2**20, 1)))"
    )


def _in_a_process(program: str) -> float:
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _roof(device: str) -> dict[str, float]:
    """Best FLOP/s seen here by precision: matrix products, and on the CPU a convolution; bf16 where it is native."""
    import torch
    from torch.nn import functional

    from netlesion.inference.engines.choose import computes_bf16

    side, best = (8192 if device == "cuda" else 2048), {}
    kinds = {"fp32": torch.float32} | ({"bf16": torch.bfloat16} if computes_bf16(device) else {})
    for precision, dtype in kinds.items():
        a = torch.randn(side, side, device=device, dtype=dtype)
        tasks = [(lambda a=a: a @ a, 2.0 * side**3)]
        if device == "cpu" and precision == "fp32":
            image, kernel = torch.randn(1, 64, 48, 48, 48), torch.randn(64, 64, 3, 3, 3)
            tasks.append((lambda i=image, k=kernel: functional.conv3d(i, k, padding=1), 2.0 * 27 * 64 * 64 * 48**3))
        best[precision] = max(flop / min(_timed(task, device) for _ in range(4)) for task, flop in tasks)
    return best


def _timed(task, device: str) -> float:
    from bench.baseline import wait

    wait(device)
    started = time.perf_counter()
    task()
    wait(device)
    return time.perf_counter() - started


def machine(device: str) -> str:
    if device == "cuda":
        import torch

        return torch.cuda.get_device_name()
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    import torch

    return f"{model}, {torch.get_num_threads()} threads, torch {torch.__version__}"


def _note(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
