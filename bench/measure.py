"""Seconds and memory of measuring 150 lesions on a PET of 400x400x700 voxels, beside plain scipy and mirp.

    OMP_NUM_THREADS=1 python -m bench.measure [--scipy] [--mirp] [--lesions 150] [--shape 400 400 700]

A process of its own measures everything of `quantify.measure` on one core: time of the call alone (wall and CPU), and
the peak memory of the process, PET and label map included. `--scipy` adds a plain implementation of volume, SUVmax,
mean and peak over the whole scan (label statistics, correlate); `--mirp` the features that mirp computes of the first
three lesions, where it is installed. Half the scan shows that the cost follows the lesions. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from dataclasses import fields

import numpy as np

from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume

SPACING = (1.65, 1.65, 1.65)


def scan(shape: tuple[int, int, int], lesions: int) -> tuple[Volume, Volume]:
    """A cylinder of uptake 1 with balls of 4 to 14 mm radius, hotter than it, none of which touch."""
    rng = np.random.default_rng(0)
    suv = np.zeros(shape, np.float32)
    i, j = np.ogrid[: shape[0], : shape[1]]
    inside = ((i / shape[0] - 0.5) / 0.35) ** 2 + ((j / shape[1] - 0.5) / 0.25) ** 2 <= 1
    suv[inside] = 1.0
    for k in range(0, shape[2], 50):
        part = suv[:, :, k : k + 50]
        part *= rng.uniform(0.8, 1.2, part.shape).astype(np.float32)
    labels = np.zeros(shape, np.uint8)
    reach = 10
    offsets = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 3, indexing="ij"), -1).reshape(-1, 3)
    distance = np.linalg.norm(offsets * SPACING, axis=1)
    label = 0
    while label < lesions:
        centre = np.array([rng.integers(reach + 1, n - reach - 1) for n in shape])
        voxels = centre + offsets[distance <= rng.uniform(4, 14)]
        box = tuple(slice(c - 2 * reach, c + 2 * reach) for c in centre)
        if not inside[centre[0], centre[1]] or labels[box].any():
            continue
        label += 1
        at = tuple(voxels.T)
        labels[at] = label
        suv[at] += rng.uniform(3, 20) * np.exp(-((np.linalg.norm((voxels - centre) * SPACING, axis=1) / 12) ** 2))
    grid = Geometry(np.diag([-SPACING[0], SPACING[1], SPACING[2], 1.0]), shape)
    return Volume(suv, grid, Quantity.SUVBW), Volume(labels, grid, Quantity.LABEL)


def by_netlesion(suv: Volume, labels: Volume) -> dict:
    from netlesion.quantify.measure import measure
    from netlesion.quantify.row import LesionRow

    start, cpu = time.perf_counter(), time.process_time()
    rows = measure(suv, labels)
    return {
        "seconds": time.perf_counter() - start,
        "cpu_seconds": time.process_time() - cpu,
        "rows": len(rows),
        "columns": len(fields(LesionRow)),
        "volume_ml": sum(row.volume_ml for row in rows),
    }


def by_scipy(suv: Volume, labels: Volume) -> dict:
    """Volume, SUVmax, mean and peak of every lesion, as one writes it without thinking of the scan's size."""
    from scipy import ndimage

    from netlesion.quantify.peak import sphere_kernel

    start, cpu = time.perf_counter(), time.process_time()
    index = np.arange(1, int(labels.array.max()) + 1)
    np.bincount(labels.array.ravel(), minlength=len(index) + 1)
    ndimage.maximum(suv.array, labels.array, index)
    ndimage.mean(suv.array, labels.array, index)
    means = ndimage.correlate(suv.array, sphere_kernel(suv.geometry.spacing_mm).astype(np.float32), mode="nearest")
    ndimage.maximum(means, labels.array, index)
    return {"seconds": time.perf_counter() - start, "cpu_seconds": time.process_time() - cpu, "rows": len(index)}


def by_mirp(suv: Volume, labels: Volume) -> dict:
    """mirp's features of three lesions, each on a crop around it (it works on whole images otherwise)."""
    from mirp import extract_features  # not a dependency: pip install mirp

    start, cpu, done = time.perf_counter(), time.process_time(), 0
    for label in (1, 2, 3):
        voxels = np.argwhere(labels.array == label)
        part = tuple(slice(a - 12, b + 13) for a, b in zip(voxels.min(0), voxels.max(0), strict=True))
        extract_features(
            image=suv.array[part],
            mask=(labels.array[part] == label),
            image_modality="pet",
            by_slice=False,
            base_discretisation_method="none",
            base_feature_families=["morphology", "local_intensity", "statistics"],
        )
        done += 1
    return {"seconds": time.perf_counter() - start, "cpu_seconds": time.process_time() - cpu, "rows": done}


WAYS = {"netlesion": by_netlesion, "scipy": by_scipy, "mirp": by_mirp}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scipy", action="store_true")
    parser.add_argument("--mirp", action="store_true")
    parser.add_argument("--lesions", type=int, default=150)
    parser.add_argument("--shape", type=int, nargs=3, default=(400, 400, 700))
    parser.add_argument("--one", choices=WAYS, help="Run one way in this process and print its JSON.")
    chosen = parser.parse_args()
    shape = tuple(chosen.shape)
    if chosen.one:
        figures = WAYS[chosen.one](*scan(shape, chosen.lesions))
        figures["peak_gib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(json.dumps(figures))
        return
    half = (shape[0], shape[1], shape[2] // 2)
    runs = [("netlesion", shape), ("netlesion", half)]
    runs += [(way, shape) for way, asked in (("scipy", chosen.scipy), ("mirp", chosen.mirp)) if asked]
    found = []
    for way, size in runs:
        command = [sys.executable, "-m", "bench.measure", "--one", way, "--lesions", str(chosen.lesions), "--shape"]
        done = subprocess.run([*command, *map(str, size)], capture_output=True, text=True, check=True)
        figures = json.loads(done.stdout.splitlines()[-1])
        found.append({"way": way, "shape": size, **figures})
        print(
            f"{way:10s} {'x'.join(map(str, size)):12s} {figures['rows']:4d} lesions {figures['seconds']:8.2f} s "
            f"{figures['cpu_seconds']:8.2f} s CPU {figures['peak_gib']:6.2f} GiB"
        )
    print(json.dumps(found))


if __name__ == "__main__":
    main()
