"""Time and memory of one PET and one CT of a digital patient, by grid.

    OMP_NUM_THREADS=1 python -m bench.phantom_speed

A trunk of 36 x 23 cm on each grid, 68Ga with lung and breathing. CPU seconds of the second of two runs; memory is
what numpy holds at its peak beyond the inputs (tracemalloc, in a run of its own). The last line is JSON.
"""

from __future__ import annotations

import json
import platform
import time
import tracemalloc
from collections.abc import Callable

import numpy as np

from netlesion.image.geometry import Geometry
from netlesion.phantom.ct_physics import ct_image
from netlesion.phantom.pet_physics import Breathing, Counts, pet_image
from netlesion.phantom.scanners import SCANNERS

GRIDS = {"4x4x5 mm": ((4.0, 4.0, 5.0), (110, 70, 180)), "2x2x3 mm": ((2.0, 2.0, 3.0), (400, 400, 350))}
CT_GRID = ((1.0, 1.0, 3.0), (512, 512, 350))


def trunk(spacing: tuple[float, ...], shape: tuple[int, ...]) -> tuple[Geometry, np.ndarray, np.ndarray]:
    """Where the body is, and where the lung is."""
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -np.array(spacing) * (np.array(shape) - 1) / 2
    x, y, z = (np.arange(n) * h - (n - 1) * h / 2 for n, h in zip(shape, spacing, strict=True))
    x, y, z = x[:, None, None], y[None, :, None], z[None, None]
    body = ((x / 180) ** 2 + (y / 115) ** 2 < 1) & (np.abs(z) < 0.48 * shape[2] * spacing[2])
    lung = ((np.abs(x) - 85) / 60) ** 2 + ((y - 10) / 75) ** 2 + ((z - 120) / 110) ** 2 < 1
    return Geometry(affine, shape), body.astype(np.float32), lung.astype(np.float32)


def measured(run: Callable[[], np.ndarray]) -> tuple[float, float]:
    """CPU seconds and peak MB."""
    run()
    start = time.process_time()
    run()
    seconds = time.process_time() - start
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    return round(seconds, 2), round(peak)


def main() -> None:
    counts = Counts.of_injection("68Ga", dose_mbq=185.0, weight_kg=75.0, uptake_min=60.0, seconds_per_bed=165.0)
    rows = {}
    for name, (spacing, shape) in GRIDS.items():
        grid, body, lung = trunk(spacing, shape)
        suv, mu = body * (1 - lung) + 0.45 * lung, body * (0.096 - 0.068 * lung)
        facts = {"scanner": SCANNERS["discovery_mi"], "counts": counts, "breathing": Breathing(20.0, 12.0), "seed": 1}
        rows[f"PET {name}"] = measured(
            lambda suv=suv, mu=mu, grid=grid, lung=lung, facts=facts: pet_image(
                suv, mu, grid, lung_share_IJK=lung, **facts
            )
        )
    grid, body, lung = trunk(*CT_GRID)
    hu = -1000 + 1040 * body - 820 * body * lung
    rows["CT 1x1x3 mm"] = measured(lambda: ct_image(hu, grid, noise_hu=12.0, kernel_fwhm_mm=1.6, seed=1))
    for name, (seconds, megabytes) in rows.items():
        print(f"{name:14s} {seconds:6.2f} s {megabytes:6.0f} MB")
    machine = platform.processor() or platform.machine()
    print(json.dumps({"bench": "phantom_speed", "machine": machine, "seconds_and_mb": rows}))


if __name__ == "__main__":
    main()
