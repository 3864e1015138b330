"""NIfTI in, lesion table out: netlesion beside nnU-Net's predictor and a MONAI script, visit by visit.

    python -m bench.pipeline [--visits 20] [--mirrored 0] [--folder DIR]

A digital cohort at 4 mm (SSTR PET and CT), one network (lean filters, batch norm, the same weights for all), mirroring
off on every side; --mirrored N runs nnU-Net's default of eight mirror images on the first N visits as well and tells it
apart. Each candidate is a process that keeps its network ready; they take turns visit by visit, one pass. What was
measured is kept in DIR/seconds.jsonl, so a run that was interrupted goes on. Prints a table and, last, one JSON line.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np

from bench.inference import BODY, WIDTHS, machine, make_body, make_network
from bench.nnunet_environment import cache, nnunet_python

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
ROLES = ("netlesion", "monai", "nnunet")
SPACING_MM = (4.0, 4.0, 4.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visits", type=int, default=20)
    parser.add_argument(
        "--mirrored", type=int, default=0, help="visits that nnU-Net does with its default mirroring too"
    )
    parser.add_argument("--folder", type=Path, default=cache() / "pipeline")
    arguments = parser.parse_args()
    visits = prepare(arguments.folder, arguments.visits)
    roles = ROLES + (("nnunet_mirrored",) if arguments.mirrored else ())
    seconds = contest(arguments.folder, visits, roles, arguments.mirrored)
    report(arguments.folder, visits, seconds)


def prepare(folder: Path, patients: int) -> list[str]:
    """The cohort, the network, and for the baselines its images in network units; kept for the next run."""
    from netlesion.image.volume import Quantity, Volume
    from netlesion.io.bids.cohort import open_cohort
    from netlesion.io.bids.visit_files import load_visit
    from netlesion.io.nifti import write_volume
    from netlesion.phantom.digital_cohort.bids import CohortPlan, make_cohort
    from netlesion.phantom.settings import PRESETS
    from netlesion.preprocess.harmonise import harmonise
    from netlesion.preprocess.normalise import network_input

    folder.mkdir(parents=True, exist_ok=True)
    settings = replace(PRESETS["net-petct"], tracers_apart=False, spacing_mm=SPACING_MM)
    make_cohort(folder / "cohort", CohortPlan(patients, 3, settings=settings))
    make_body(folder, "body", (128, 128, 128), BODY["tight"])
    make_network(folder / "network.pt", folder / "body.npy", WIDTHS["lean"], "batch", False)
    visits = open_cohort(folder / "cohort").visits
    for files in visits:
        last = folder / "units" / f"{files.visit_id}_suv.nii.gz"
        if last.is_file():
            continue
        visit = load_visit(files, ("sstr", "ct"), ("sstr", "ct"))
        grid = harmonise(visit, ("sstr", "ct"), SPACING_MM)
        for channel, array in zip(("sstr", "ct"), network_input(grid, ("sstr", "ct")), strict=True):
            units = Volume(array, grid.geometry, Quantity.MR)
            write_volume(folder / "units" / f"{files.visit_id}_{channel}.nii.gz", units)
        write_volume(last, grid.volumes["sstr"])
    return [files.visit_id for files in visits]


def contest(folder: Path, visits: list[str], roles: tuple[str, ...], mirrored: int) -> dict[tuple[str, str], float]:
    """(role, visit) -> seconds; what the folder holds already is not measured again."""
    store, seconds, processes = folder / "seconds.jsonl", {}, {}
    if store.is_file():
        for record in map(json.loads, store.read_text().splitlines()):
            seconds[record["role"], record["visit"]] = record["seconds"]
    for number, visit in enumerate(visits):
        turn = roles if number % 2 == 0 else roles[::-1]
        for role in turn:
            if (role, visit) in seconds or (role == "nnunet_mirrored" and number >= mirrored):
                continue
            if role not in processes:
                processes[role] = _started(role, folder)
                _answer(processes[role], visits[0])  # warm: what is compiled or cached once is not timed
            seconds[role, visit] = _answer(processes[role], visit)["seconds"]
            with open(store, "a") as lines:
                lines.write(json.dumps({"role": role, "visit": visit, "seconds": seconds[role, visit]}) + "\n")
            print(f"{visit} {role} {seconds[role, visit]:.1f} s", file=sys.stderr, flush=True)
    for process in processes.values():
        process.stdin.close()
        process.wait()
    return seconds


def _started(role: str, folder: Path) -> subprocess.Popen:
    python = nnunet_python() if role.startswith("nnunet") else sys.executable
    command = [str(python), "-m", "bench.pipeline_baseline", role, str(folder)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    _line(process)
    return process


def _answer(process: subprocess.Popen, visit: str) -> dict:
    process.stdin.write(visit + "\n")
    process.stdin.flush()
    return _line(process)


def _line(process: subprocess.Popen) -> dict:
    line = process.stdout.readline()
    if not line:
        sys.exit("a candidate ended early; its message is above")
    return json.loads(line)


def report(folder: Path, visits: list[str], seconds: dict[tuple[str, str], float]) -> None:
    result: dict = {"machine": machine("cpu"), "visits": len(visits)}
    print(f"{'':18s}{'visits':>7s}{'median s':>10s}{'range':>16s}{'ratio':>8s}{'Dice to ours':>14s}")
    for role in dict.fromkeys(role for role, _ in seconds):
        done = [v for v in visits if (role, v) in seconds]
        times = [seconds[role, v] for v in done]
        ratio = median(seconds[role, v] / seconds["netlesion", v] for v in done)
        dice = median(_dice(_mask(folder, role, v), _mask(folder, "netlesion", v)) for v in done)
        print(
            f"{role:18s}{len(done):7d}{median(times):10.2f}{min(times):8.2f}-{max(times):7.2f}{ratio:8.2f}{dice:14.4f}"
        )
        if role != "netlesion":
            result[f"pipeline_vs_{role}"] = round(ratio, 3)
    print(json.dumps(result))


def _mask(folder: Path, role: str, visit: str) -> np.ndarray:
    """What a candidate wrote, in the order of voxels in RAS+."""
    import nibabel

    patterns = {"netlesion": f"{visit}/*_dseg.nii.gz", "monai": "*_seg.nii.gz"}
    path = next((folder / role / visit).glob(patterns.get(role, f"{visit}.nii.gz")))
    return np.asarray(nibabel.as_closest_canonical(nibabel.load(path)).dataobj) > 0


def _dice(a: np.ndarray, b: np.ndarray) -> float:
    total = int(a.sum()) + int(b.sum())
    return 1.0 if total == 0 else 2.0 * int((a & b).sum()) / total


if __name__ == "__main__":
    main()
