"""Noise of every scanner for typical doses: liver in 68Ga-DOTATATE, blood pool in FDG (clinical.md 7.5).

    python -m bench.phantom_dose

A trunk of 36 x 23 cm with lungs on 4 x 4 x 5 mm. DOTATATE: 185 MBq, 60 min, 75 kg, 2.75 min per bed, liver 5 SUV. FDG:
4 MBq/kg, 60 min, blood 1.6 SUV, 4 and 1 min per bed. COV over voxels of a region 10 mm or more inside, no mottle. The
last line is JSON.
"""

from __future__ import annotations

import json
import platform

import numpy as np

from netlesion.image.geometry import Geometry
from netlesion.phantom.pet_physics import Counts, pet_image
from netlesion.phantom.scanners import SCANNERS

SPACING, SHAPE = (4.0, 4.0, 5.0), (97, 65, 121)


def main() -> None:
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = -np.array(SPACING) * (np.array(SHAPE) - 1) / 2
    x, y, z = (np.arange(n) * h - (n - 1) * h / 2 for n, h in zip(SHAPE, SPACING, strict=True))
    x, y, z = x[:, None, None], y[None, :, None], z[None, None]
    body = ((x / 180) ** 2 + (y / 115) ** 2 + 0 * z < 1).astype(np.float32)
    from_liver, from_heart = np.sqrt((x - 70) ** 2 + y**2 + (z + 60) ** 2), np.sqrt(x**2 + y**2 + (z - 90) ** 2)
    lung = ((np.abs(x) - 85) / 60) ** 2 + ((y - 10) / 75) ** 2 + ((z - 110) / 100) ** 2 < 1
    lung &= (from_heart > 40) & (from_liver > 75)
    muscle = np.where(lung, np.float32(0.45), body * np.float32(0.7))
    dotatate = np.where(from_liver < 75, np.float32(5.0), muscle)
    fdg = np.where(from_liver < 75, np.float32(2.2), np.where(from_heart < 40, np.float32(1.6), muscle))
    grid, mu = Geometry(affine, SHAPE), np.where(lung, np.float32(0.028), body * np.float32(0.096))
    rows = {}
    for name, scanner in SCANNERS.items():
        row = []
        for suv, nuclide, dose_mbq, minutes, region in (
            (dotatate, "68Ga", 185.0, 2.75, from_liver < 60),
            (fdg, "18F", 300.0, 4.0, from_heart < 28),
            (fdg, "18F", 300.0, 1.0, from_heart < 28),
        ):
            counts = Counts.of_injection(
                nuclide, dose_mbq=dose_mbq, weight_kg=75.0, uptake_min=60.0, seconds_per_bed=60.0 * minutes
            )
            image = pet_image(suv, mu, grid, scanner=scanner, counts=counts, seed=1)
            row.append(round(float(100 * image[region].std() / image[region].mean()), 1))
        rows[name] = row
        print(
            f"{name:20s} DOTATATE liver {row[0]:5.1f} %   FDG blood pool 4 min {row[1]:5.1f} %   1 min {row[2]:5.1f} %"
        )
    print(json.dumps({"bench": "phantom_dose", "machine": platform.processor() or platform.machine(), "percent": rows}))


if __name__ == "__main__":
    main()
