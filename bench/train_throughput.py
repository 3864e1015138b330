"""What reading, cropping and augmentation cost a training step, and patches per second beside MONAI and nnU-Net.

    python -m bench.train_throughput --cohort COHORT [--visits 6] [--patches 60] [--epochs 100] [--nnunet]

Visits of the cohort are prepared as `experiment=net` prepares them, in a temporary cache. One core draws patches.
All times are processor seconds of one thread, which other work on the machine changes little:

* step: forward, loss, backward and AdamW of the experiment's network, one batch; the median of --steps.
  On two cores it takes half of these processor seconds, to which the shares refer.
* reading and cropping: patches without any randomisation; augmentation: what the experiment adds. Each as a share of
  the step. A worker of the loader (data.num_workers) hides both where a core is free.
* patches per second of one process over the same arrays in random order, after a first pass that warms the page cache:
  ours, MONAI's PersistentDataset (its cache holds the same float16 image and uint8 label; LoadImage and casting are in
  it) with one random crop of each visit that it loads and with four, and nnU-Net's loader on blosc2 with --nnunet.
  Without augmentation, and with one affine map and a mirror for all of them.
* memory: resident size after 1, 10 and --epochs epochs of our loader.

Prints a table and one JSON line.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

GOALS = {"reading_share": 0.05, "augmentation_share": 0.20, "times_persistent_dataset": 3.0}
ROTATION, ZOOM = 0.2, 0.2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cohort", type=Path, required=True)
    parser.add_argument("--visits", type=int, default=6)
    parser.add_argument("--patches", type=int, default=60)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument(
        "--nnunet", action="store_true", help="build nnU-Net's environment (bench/nnunet_environment.py)"
    )
    parser.add_argument("--nnunet-python", type=Path, help="an interpreter that has nnU-Net")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="train_throughput_") as folder:
        found = measure(arguments, Path(folder))
    for name, value in found.items():
        print(f"  {name:58s} {value if not isinstance(value, float) else f'{value:.4g}'}")
    print(json.dumps({"bench": "train_throughput", **found}))


def measure(arguments: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Every figure by name."""
    import torch
    from monai.data.meta_obj import set_track_meta

    from netlesion.cli.config import card_of, compose, labels_of
    from netlesion.cli.instantiate import instantiated
    from netlesion.data.dataset import Patches, prepared_visits
    from netlesion.data.transforms import Augmentation, augmented
    from netlesion.inference.malloc import reuse_freed_memory
    from netlesion.io.bids.cohort import open_cohort

    reuse_freed_memory()
    set_track_meta(False)
    config = compose("train", ["experiment=net", f"cohort={arguments.cohort}"])
    card, labels = card_of(config), labels_of(config)
    cohort = open_cohort(arguments.cohort)
    visits = prepared_visits(cohort.visits[: arguments.visits], card, labels, work / "cache")
    found: dict[str, Any] = {"visits": len(visits), "window": list(card.window), "channels": len(card.channels)}
    batch_size = int(config.data.batch_size)

    torch.set_num_threads(1)
    still = Augmentation(strength=0.0, affine_prob=0.0, mirror_prob=0.0, drop_prob=0.0)
    moved = Augmentation(strength=1.0, affine_prob=1.0, mirror_prob=0.5, drop_prob=0.0)
    seconds = {}
    for name, augmentation in (
        ("cropped", still),
        ("affine and mirror", moved),
        ("as the experiment", instantiated(config, "augmentation")),
    ):
        part = augmented(card, labels, augmentation, 0.4, 0.3)
        if name == "affine and mirror":  # nothing else of the experiment's: uptake and quality have strength, too
            part.transforms = tuple(t for t in part.transforms if type(t).__name__ in KEPT)
        patches = Patches(visits, part, math.ceil(2 * arguments.patches / len(visits)), seed=0, epoch=0)
        seconds[name] = per_item(patches.__getitem__, arguments.patches)
    loss = step_seconds(config, card, labels, Patches(visits, part, batch_size, 0, 0), batch_size, arguments.steps)
    found["step, processor seconds"] = loss
    found["reading_share"] = batch_size * seconds["cropped"] / (loss / 2.0)
    found["augmentation_share"] = batch_size * (seconds["as the experiment"] - seconds["cropped"]) / (loss / 2.0)
    found |= {f"ours, {name}: patches per processor second": 1.0 / s for name, s in seconds.items()}

    torch.set_num_threads(1)
    arrays = stored(visits, work / "arrays")
    for crops in (1, 4):
        for name in ("cropped", "affine and mirror"):
            rate = persistent_dataset(arrays, card.window, work / f"persistent-{crops}", crops, name, arguments.patches)
            found[f"PersistentDataset, {crops} a visit, {name}: patches per processor second"] = rate
            found[f"ours / PersistentDataset, {crops} a visit, {name}"] = 1.0 / seconds[name] / rate
    found |= nnunet(arguments, arrays, card.window, seconds)
    found |= memory(visits, augmented(card, labels, moved, 0.4, 0.3), arguments.epochs)
    return found | {"goals": GOALS}


#: What is kept of our transforms for the comparison with equal augmentation.
KEPT = ("RandPatchd", "NetworkUnitsd", "RandMirrord")


def per_item(get: Callable[[int], Any], number: int) -> float:
    """Seconds of one item: the second of two passes over as many."""
    for start in (0, number):
        started = time.process_time()
        for n in range(start, start + number):
            get(n)
    return (time.process_time() - started) / number


def step_seconds(config, card, labels, patches, batch_size: int, steps: int) -> float:
    """The median of steps of the experiment's network on one batch of real patches."""
    import torch

    from netlesion.cli.instantiate import instantiated, optimizer_of
    from netlesion.predict.model import build_network
    from netlesion.training.losses import lesion_weights

    torch.set_num_threads(1)
    network = build_network(card).train()
    loss, optimizer = instantiated(config, "loss", card.scheme, labels), optimizer_of(config)(network.parameters())
    drawn = [patches[n] for n in range(batch_size)]
    image, label, instance = (torch.stack([p[key] for p in drawn]) for key in ("image", "label", "instance"))
    taken = []
    for _ in range(steps + 1):
        started = time.process_time()
        optimizer.zero_grad()
        loss(network(image), label, lesion_weights(instance)).backward()
        optimizer.step()
        taken.append(time.process_time() - started)
    return median(taken[1:])


def stored(visits, folder: Path) -> list[dict[str, str]]:
    """Image (C, I, J, K) float16 and label (T, I, J, K) uint8 of every visit as plain files, for the other loaders."""
    folder.mkdir()
    items = []
    for n, visit in enumerate(visits):
        item = {key: str(folder / f"{n}-{key}.npy") for key in ("image", "label")}
        np.save(item["image"], np.asarray(visit.image))
        np.save(item["label"], np.asarray(visit.label))
        items.append(item)
    return items


def persistent_dataset(
    items: list[dict[str, str]], window, cache: Path, crops: int, augmentation: str, patches: int
) -> float:
    """Patches per second of MONAI's PersistentDataset with `crops` random crops of each visit that it loads."""
    from monai.data.dataset import PersistentDataset
    from monai.transforms.compose import Compose
    from monai.transforms.croppad.dictionary import RandSpatialCropSamplesd, SpatialPadd
    from monai.transforms.io.dictionary import LoadImaged
    from monai.transforms.spatial.dictionary import RandAffined, RandFlipd
    from monai.transforms.utility.dictionary import CastToTyped

    keys = ("image", "label")
    random_part: list[Any] = [
        LoadImaged(keys, dtype=None, image_only=True),
        SpatialPadd(keys, window),
        RandSpatialCropSamplesd(keys, window, num_samples=crops, random_size=False),
        CastToTyped("image", np.float32),
    ]
    if augmentation != "cropped":
        turned = {"rotate_range": (ROTATION,) * 3, "scale_range": (ZOOM,) * 3, "padding_mode": "border"}
        random_part += [
            RandAffined(keys, prob=1.0, spatial_size=window, mode=("bilinear", "nearest"), **turned),
            RandFlipd(keys, prob=0.5, spatial_axis=0),
        ]
    data = PersistentDataset(items, Compose(random_part).set_random_state(0), cache_dir=cache)
    order = np.random.default_rng(0).integers(0, len(items), 2 * patches)
    return crops / per_item(lambda n: data[int(order[n])], math.ceil(patches / crops))


def nnunet(arguments, items: list[dict[str, str]], window, seconds: dict[str, float]) -> dict[str, Any]:
    """Patches per second of nnU-Net's loader, in an interpreter of its own; nothing where it was not asked for."""
    if not arguments.nnunet and arguments.nnunet_python is None:
        return {"nnU-Net": "not run (--nnunet)"}
    from bench.nnunet_environment import nnunet_python

    python = arguments.nnunet_python or nnunet_python()
    script = Path(__file__).with_name("train_throughput_nnunet.py")
    job = json.dumps({"items": items, "window": list(window), "patches": arguments.patches})
    done = subprocess.run([python, script], input=job, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(done.stderr[-2000:], file=sys.stderr)
        return {"nnU-Net": "failed"}
    rates = json.loads(done.stdout.splitlines()[-1])
    found = {f"nnU-Net, {name}: patches per processor second": rate for name, rate in rates.items()}
    return found | {f"ours / nnU-Net, {name}": 1.0 / seconds[name] / rate for name, rate in rates.items()}


def memory(visits, part, epochs: int) -> dict[str, float]:
    """Resident size, MB, after so many epochs of two patches a visit."""
    from netlesion.data.dataset import Patches

    found = {}
    for epoch in range(epochs):
        patches = Patches(visits, part, 2, seed=0, epoch=epoch)
        for n in range(min(len(patches), 4)):
            patches[n]
        if epoch + 1 in (1, 10, epochs):
            pages = int(Path("/proc/self/statm").read_text().split()[1]) - int(
                Path("/proc/self/statm").read_text().split()[2]
            )
            found[f"memory without mapped files after {epoch + 1} epochs, MB"] = pages * 4096 / 2**20
    return found


if __name__ == "__main__":
    main()
