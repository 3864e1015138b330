"""What instance norm costs when its statistics are those of a whole case instead of a window's.

    python -m bench.frozen_norm COHORT CHECKPOINT SPLIT_FILE [--visits 18]

Each test visit twice, without training anything: as trained (exact windows), and with every instance norm turned
into one of fixed statistics, taken in a pre-pass over all windows of the body at once (stream). Prints, for each way,
Dice of PETs with a lesion, lesion sensitivity (a touch counts) and false components per PET; last, one JSON line.
"""

from __future__ import annotations

import argparse
import copy
import json
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from torch import Tensor, nn

from netlesion.image.split import read_split
from netlesion.inference.malloc import reuse_freed_memory
from netlesion.inference.plan import Box
from netlesion.io.bids.cohort import open_cohort
from netlesion.io.bids.visit_files import REFERENCE_DESC, load_visit
from netlesion.models.checkpoint import load_checkpoint, load_network
from netlesion.output.provenance import Stopwatch
from netlesion.predict.model import build_network
from netlesion.predict.settings import InferenceSettings, Machine
from netlesion.predict.visit import finish, forward, prepare

#: A window whose CT is on average below this (network units, -1 is air) holds no body.
AIR = -0.8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cohort", type=Path)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("split_file", type=Path)
    parser.add_argument("--visits", type=int, default=18)
    arguments = parser.parse_args()
    reuse_freed_memory()
    torch.set_grad_enabled(False)
    card, weights = load_checkpoint(arguments.checkpoint)
    trained = load_network(build_network(card), weights, arguments.checkpoint)
    fixed, fixed_card = with_fixed_statistics(trained), replace(card, network=card.network | {"norm": "batch"})
    ways = {
        "as trained": (trained, card, InferenceSettings(mode="exact", machine=Machine(batch_size=4))),
        "fixed per case": (fixed, fixed_card, InferenceSettings(mode="stream")),
    }
    counts: dict[str, list[tuple[float, int, int, int]]] = {way: [] for way in ways}
    visits = open_cohort(arguments.cohort).of_patients(read_split(arguments.split_file).test)
    for files in visits[: arguments.visits]:
        visit = load_visit(files, card.channels, card.required_channels, REFERENCE_DESC)
        for way, (network, its_card, settings) in ways.items():
            prepared = prepare(visit, its_card, settings, Stopwatch())
            if network is fixed:
                take_statistics(network, prepared.image, prepared.plan.box, card.window)
            logits = forward(prepared, its_card, [network], settings, Stopwatch())
            for tracer, result in finish(prepared, logits, its_card, settings, Stopwatch()).items():
                counts[way].append(count(result.lesions.array, visit.masks[tracer].array))
    result = {}
    for way, rows in counts.items():
        with_lesion = [row for row in rows if row[1]]
        result[way] = {
            "dice": round(fmean(row[0] for row in with_lesion), 3),
            "sensitivity": round(sum(row[2] for row in rows) / sum(row[1] for row in rows), 3),
            "false_components_per_pet": round(fmean(row[3] for row in rows), 2),
        }
        print(f"{way:16s}", result[way])
    print(json.dumps(result | {"pets": len(rows), "lesions": sum(row[1] for row in rows)}))


def with_fixed_statistics(network: nn.Module) -> nn.Module:
    """A copy whose instance norms are batch norms of the same weights; a forward in training sets their statistics."""
    network = copy.deepcopy(network)
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.InstanceNorm3d):
                fixed = nn.BatchNorm3d(child.num_features, eps=child.eps, momentum=1.0)
                fixed.weight.copy_(child.weight)
                fixed.bias.copy_(child.bias)
                setattr(module, name, fixed)
    return network


def take_statistics(network: nn.Module, image: Tensor, box: Box, window: tuple[int, int, int]) -> None:
    """Statistics over all windows of the box side by side, those of air left out. image: (C, I, J, K), CT last."""
    part = image[(slice(None), *box.slices)]
    padding = [pad for n, w in zip(part.shape[:0:-1], window[::-1], strict=True) for pad in (0, -n % w)]
    tiles = nn.functional.pad(part, padding)
    for axis, side in enumerate(window, start=1):
        tiles = tiles.unfold(axis, side, side)
    tiles = tiles.reshape(part.shape[0], -1, *window).transpose(0, 1)
    network.train()
    network(tiles[tiles[:, -1].mean(dim=(1, 2, 3)) > AIR].contiguous())
    network.eval()


def count(found: np.ndarray, truth: np.ndarray) -> tuple[float, int, int, int]:
    """(Dice, lesions, lesions touched, components that touch none) of two label maps."""
    a, b = found > 0, truth > 0
    dice = 1.0 if not (a.any() or b.any()) else 2.0 * int((a & b).sum()) / int(a.sum() + b.sum())
    lesions, touched = np.unique(truth[b]), np.unique(truth[a & b])
    hits = np.unique(found[a & b])
    return dice, len(lesions), len(touched), len(np.unique(found[a])) - len(hits)


if __name__ == "__main__":
    main()
