"""netlesion evaluate beside a plain script of MONAI and scipy, on whole-body masks of known size.

    python bench/evaluate.py                 # a few cases, both sides
    python bench/evaluate.py --cases 200     # the full size; the plain script still runs on --plain-cases of them

Prints a table and, last, one JSON line. The plain script does what such scripts do: one process, whole arrays,
scipy's labelling, MONAI for Dice, surface Dice and Hausdorff distance, one lesion after the other. Peak memory is that
of evaluate alone: the parent's high-water mark is set back after the masks were made (Linux), and the largest
worker's is read when all have ended, before the plain script begins.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.io.nifti import read_volume, write_volume

SHAPE = (400, 400, 350)
SPACING_MM = (2.04, 2.04, 3.0)


def make_case(folder: Path, number: int) -> int:
    """One reference and one prediction with 5-100 lesions; a tenth is missed, a tenth invented, the rest is moved."""
    rng = np.random.default_rng(number)
    masks = {side: np.zeros(SHAPE, np.uint8) for side in ("reference", "prediction")}
    lesions = int(rng.integers(5, 101))
    for _ in range(lesions):
        radius_mm = float(np.exp(rng.uniform(np.log(4.0), np.log(18.0))))
        centre = rng.uniform(np.array(SHAPE) * (0.28, 0.3, 0.09), np.array(SHAPE) * (0.72, 0.7, 0.91))
        kind = rng.random()
        if kind > 0.1:
            _paint(masks["reference"], centre, radius_mm)
        if kind < 0.9:
            _paint(masks["prediction"], centre + rng.normal(0, 0.8, 3), radius_mm * rng.uniform(0.8, 1.2))
    affine = np.diag([*SPACING_MM, 1.0])
    for side, array in masks.items():
        write_volume(folder / side / f"case{number:03d}.nii.gz", Volume(array, Geometry(affine, SHAPE), Quantity.LABEL))
    return lesions


def _paint(mask: np.ndarray, centre: np.ndarray, radius_mm: float) -> None:
    reach = np.ceil(radius_mm / np.array(SPACING_MM)).astype(int) + 1
    low = np.maximum(0, np.floor(centre).astype(int) - reach)
    high = np.minimum(SHAPE, np.ceil(centre).astype(int) + reach + 1)
    axes = np.ogrid[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    distance = sum(((x - c) * s) ** 2 for x, c, s in zip(axes, centre, SPACING_MM, strict=True))
    mask[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] |= (distance <= radius_mm**2).astype(np.uint8)


def plain_case(folder: Path, case: str) -> dict[str, float]:
    """Dice, NSD at 2 and 4 mm, HD95, autoPET volumes and an IoU matching, as a plain script computes them."""
    import torch
    from monai.metrics import DiceMetric, HausdorffDistanceMetric, SurfaceDiceMetric
    from scipy import ndimage
    from scipy.optimize import linear_sum_assignment

    g, p = (
        read_volume(folder / side / f"{case}.nii.gz", Quantity.LABEL).array != 0 for side in ("reference", "prediction")
    )
    tensors = [torch.from_numpy(np.ascontiguousarray(m))[None, None] for m in (p, g)]
    found = {"dice": float(DiceMetric()(tensors[0].float(), tensors[1].float()))}
    for mm in (2.0, 4.0):
        metric = SurfaceDiceMetric([mm], include_background=True)
        found[f"nsd_{mm:g}mm"] = float(metric(*tensors, spacing=SPACING_MM))
    metric = HausdorffDistanceMetric(include_background=True, percentile=95)
    found["hd95_mm"] = float(metric(*tensors, spacing=SPACING_MM))
    structure = ndimage.generate_binary_structure(3, 2)
    labels_g, count_g = ndimage.label(g, structure)
    labels_p, count_p = ndimage.label(p, structure)
    false_positive = sum((labels_p == n).sum() for n in range(1, count_p + 1) if not (g & (labels_p == n)).any())
    false_negative = sum((labels_g == n).sum() for n in range(1, count_g + 1) if not (p & (labels_g == n)).any())
    voxel_ml = float(np.prod(SPACING_MM) / 1000)
    found["autopet_fpv_ml"], found["autopet_fnv_ml"] = false_positive * voxel_ml, false_negative * voxel_ml
    iou = np.zeros((count_g, count_p))
    for row in range(count_g):
        lesion = labels_g == row + 1
        for column in np.unique(labels_p[lesion]):
            if column > 0:
                other = labels_p == column
                iou[row, column - 1] = (lesion & other).sum() / (lesion | other).sum()
    iou[iou < 0.1] = 0
    rows, columns = linear_sum_assignment(iou, maximize=True)
    found["num_true_positives"] = int((iou[rows, columns] > 0).sum())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=4)
    parser.add_argument("--plain-cases", type=int, default=2, help="cases of the plain script, which is slow")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--folder", type=Path, help="keep the masks here; default: a temporary folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        run(arguments, arguments.folder or Path(temporary))


def run(arguments: argparse.Namespace, folder: Path) -> None:
    from netlesion.evaluate.case.outcome import MatchSettings
    from netlesion.evaluate.cohort.score import EvaluationSettings
    from netlesion.report.evaluation_folder import evaluate_folders

    settings = EvaluationSettings(match=MatchSettings(criterion="iou"), workers=arguments.workers)
    for number in range(arguments.cases):
        if not (folder / "prediction" / f"case{number:03d}.nii.gz").is_file():
            make_case(folder, number)
    extra = len(list((folder / "prediction").glob("*.nii.gz"))) - arguments.cases
    if extra > 0:
        sys.exit(f"{folder}: holds {extra} masks more than --cases {arguments.cases}, and all would be evaluated")
    forget_peak()
    cpu_before = cpu_seconds()
    started = time.perf_counter()
    evaluate_folders(folder / "reference", folder / "prediction", folder / "out", settings=settings)
    ours = time.perf_counter() - started
    cpu = cpu_seconds() - cpu_before
    parent_mb, worker_mb = peak_mb(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    cases = [f"case{n:03d}" for n in range(min(arguments.plain_cases, arguments.cases))]
    started = time.perf_counter()
    plain = {case: plain_case(folder, case) for case in cases}
    plain_each = (time.perf_counter() - started) / max(1, len(cases))
    each = ours / arguments.cases
    print(f"{'':24}{'cases':>8}{'s per case':>12}{'s in all':>10}")
    print(f"{'netlesion evaluate':24}{arguments.cases:>8}{each:>12.2f}{ours:>10.1f}")
    print(f"{'plain MONAI + scipy':24}{len(cases):>8}{plain_each:>12.2f}{plain_each * len(cases):>10.1f}")
    print(f"processor time of evaluate: {cpu:.0f} s, {cpu / arguments.cases:.2f} s per case")
    print(f"peak memory of evaluate: parent {parent_mb:.0f} MB, largest worker {worker_mb:.0f} MB")
    gaps = differences(folder / "out" / "cases.tsv", plain)
    print("largest difference: " + ", ".join(f"{name} {gap:.1e}" for name, gap in gaps.items()))
    facts = {
        "benchmark": "evaluate",
        "cases": arguments.cases,
        "workers": arguments.workers,
        "seconds": round(ours, 2),
        "seconds_per_case": round(each, 3),
        "cpu_seconds": round(cpu, 1),
        "plain_seconds_per_case": round(plain_each, 3),
        "differences": gaps,
        "speedup": round(plain_each / each, 2),
        "peak_parent_mb": round(parent_mb),
        "peak_worker_mb": round(worker_mb),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "shape": SHAPE,
    }
    print(json.dumps(facts))


def cpu_seconds() -> float:
    """Processor seconds of this process and of its children that have ended: what other work cannot lengthen much."""
    times = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(t.ru_utime + t.ru_stime for t in times)


def forget_peak() -> None:
    """Sets this process's peak resident memory back to what it uses now (Linux; elsewhere the peak is a lifetime's)."""
    marker = Path("/proc/self/clear_refs")
    if marker.exists():
        marker.write_text("5")


def peak_mb() -> float:
    """Peak resident memory of this process in MiB since `forget_peak`."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def differences(table: Path, plain: dict[str, dict[str, float]]) -> dict[str, float]:
    """Name -> largest difference between the two sides, of every number that both give."""
    header, *lines = (line.split("\t") for line in table.read_text(encoding="utf-8").splitlines())
    rows = {line[0]: dict(zip(header, line, strict=True)) for line in lines}
    names = next(iter(plain.values()), {})
    return {name: max(abs(float(rows[c][name]) - found[name]) for c, found in plain.items()) for name in names}


if __name__ == "__main__":
    sys.exit(main())
