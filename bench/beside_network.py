"""What a whole-body visit costs beside its network: reading, resampling, back to the PET's grid, lesions, writing.

    python -m bench.beside_network [--shape 400 400 350] [--visits 3]

A PET of 56 million voxels and a CT of 512 x 512 in-plane, both resampled to 2.45 x 2.45 x 4 mm, a "network" that costs
nothing. Prints the table that infer.py prints, the sum beside the network for one visit alone (nothing overlaps), the
first of the process, which pays for imports and fresh memory, and one after it, and the seconds per visit when a
cohort's reading and writing overlap; last, one JSON line.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.inference.malloc import reuse_freed_memory
from netlesion.io.bids.cohort import open_cohort
from netlesion.io.nifti import write_volume
from netlesion.models.card import ModelCard
from netlesion.predict.batch import run_batch
from netlesion.predict.model import Model
from netlesion.predict.settings import InferenceSettings

PET_MM, WORKING_MM = (2.0, 2.0, 3.0), (2.45, 2.45, 4.0)
CARD = ModelCard(("fdg", "ct"), ("fdg", "ct"), {"fdg": ("background", "lesion")}, WORKING_MM, (96, 96, 96), {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", type=int, nargs=3, default=(400, 400, 350))
    parser.add_argument("--visits", type=int, default=3)
    arguments = parser.parse_args()
    reuse_freed_memory()
    with tempfile.TemporaryDirectory() as folder:
        cohort = Path(folder) / "cohort"
        make_visit(cohort / "P0", tuple(arguments.shape))
        for n in range(1, arguments.visits):
            (cohort / f"P{n}").symlink_to(cohort / "P0")
        first, later = (measure(cohort, Path(folder) / name, 1)["stages"] for name in ("first", "later"))
        together = measure(cohort, Path(folder) / "together", arguments.visits)
    print(
        json.dumps(
            {
                "megavoxels": round(float(np.prod(arguments.shape)) / 1e6, 1),
                "beside_network_seconds_first_visit": beside_network(first),
                "beside_network_seconds": beside_network(later),
                "stages_first_visit": {name: round(seconds, 2) for name, seconds in first.items()},
                "stages": {name: round(seconds, 2) for name, seconds in later.items()},
                "seconds_per_visit_overlapped": round(together["wall"] / arguments.visits, 2),
            }
        )
    )


def beside_network(stages: dict[str, float]) -> float:
    return round(sum(seconds for name, seconds in stages.items() if name != "network"), 2)


def make_visit(folder: Path, shape: tuple[int, int, int]) -> None:
    """A rounded body of noise with 25 lesions; PET in float32, CT in whole HU."""
    rng = np.random.default_rng(0)
    for name, plane, quantity in (("PET", shape[:2], Quantity.SUVBW), ("CT", (512, 512), Quantity.HU)):
        grid = (*plane, shape[2])
        affine = np.diag([*(mm * n / m for mm, n, m in zip(PET_MM[:2], shape, plane, strict=False)), PET_MM[2], 1.0])
        x, y, _ = np.ogrid[tuple(slice(0, n) for n in grid)]
        inside = ((x / grid[0] - 0.5) / 0.32) ** 2 + ((y / grid[1] - 0.5) / 0.22) ** 2 < 1
        noise = rng.standard_normal(grid, dtype=np.float32)
        if quantity is Quantity.HU:
            array = np.where(inside, np.float32(40), np.float32(-1000)) + np.round(20 * noise * inside)
        else:
            array = np.maximum(inside * (1 + 0.2 * noise), 0)
            for _ in range(25):
                corner = [int(n * rng.uniform(0.35, 0.6)) for n in grid]
                array[tuple(slice(c, c + int(rng.integers(3, 9))) for c in corner)] = rng.uniform(8, 20)
        write_volume(folder / f"{name}_image.nii.gz", Volume(array, Geometry(affine, grid), quantity))


def measure(cohort: Path, output: Path, visits: int) -> dict:
    settings = InferenceSettings(mode="crop")
    started = time.perf_counter()
    run_batch(open_cohort(cohort).visits[:visits], output, Model(CARD, (hot,), "0" * 64), settings, {}, seed=0)
    wall = time.perf_counter() - started
    record = json.loads((output / "P0" / "provenance.json").read_text())
    return {"wall": wall, "stages": record["seconds"]}


def hot(windows: torch.Tensor) -> torch.Tensor:
    """Logits of lesion for SUV above 5, at the price of one subtraction."""
    signal = 40.0 * (windows[:, :1] - float(np.log1p(5.0) / np.log1p(10.0)))
    return torch.cat([-signal, signal], dim=1)


if __name__ == "__main__":
    main()
