"""Contrast recovery of every scanner on the NEMA body phantom, beside what clinical.md 7.5 says of the real one.

    python -m bench.phantom_recovery

Spheres of 10 to 37 mm at 4:1, 18F, on each scanner's own grid; without noise, and once with it (4 MBq/kg FDG, 60 min,
3 min per bed). The published values of 28 and 37 mm are of cold spheres where NU 2-2007 or -2012 was used. Prints a
table; the last line is JSON.
"""

from __future__ import annotations

import json
import platform

import numpy as np

from netlesion.phantom.nema import SPHERE_MM, contrast_recovery, nema_phantom
from netlesion.phantom.pet_physics import Counts, expected_image, pet_image
from netlesion.phantom.scanners import SCANNERS

#: clinical.md 7.5, percent; NaN where it says nothing.
PUBLISHED = {
    "discovery_mi": (53.7, 64.0, 73.1, 82.7, 86.8, 90.7),
    "signa_petmr": (36.5, 50.6, 60.0, 68.6, 80.7, 88.6),
    "biograph_mct_flow": (28.5, 42.3, 58.4, 71.7, 70.1, 78.3),
    "biograph_mmr": (32.5, 50.0, 62.9, 70.8, 65.1, 72.3),
    "vereos": (62.0, np.nan, np.nan, 88.0, 86.0, 89.0),
}


def main() -> None:
    worst = {}
    counts = Counts.of_injection("18F", dose_mbq=300.0, weight_kg=75.0, uptake_min=60.0, seconds_per_bed=180.0)
    print(f"{'':24s}" + "".join(f"{d:8.0f}" for d in SPHERE_MM) + "  mm")
    for name, scanner in SCANNERS.items():
        phantom = nema_phantom(scanner.spacing_mm)
        clean = expected_image(phantom.activity, phantom.geometry, scanner=scanner, nuclide="18F")
        noisy = pet_image(phantom.activity, phantom.mu, phantom.geometry, scanner=scanner, counts=counts, seed=1)
        rows = {"without noise": contrast_recovery(clean, phantom), "with noise": contrast_recovery(noisy, phantom)}
        if name in PUBLISHED:
            rows["published"] = np.array(PUBLISHED[name])
            worst[name] = round(float(np.nanmax(np.abs(rows["without noise"] - rows["published"]))), 1)
        print(name)
        for what, values in rows.items():
            print(f"    {what:20s}" + "".join(f"{v:8.1f}" for v in values))
    machine = platform.processor() or platform.machine()
    print(json.dumps({"bench": "phantom_recovery", "machine": machine, "worst_difference_points": worst}))


if __name__ == "__main__":
    main()
