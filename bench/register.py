"""Target registration error of `netlesion register` on a digital cohort, whose bodies are known in every image.

    netlesion phantom /tmp/cohort --patients 4 --seed 12 --preset net-petct --spacing 4
    OMP_NUM_THREADS=1 python -m bench.register /tmp/cohort [--visits] [--deform] [--workers 2]

Patients are drawn again from the cohort's seed; every lesion centre, and up to 40 voxels of each organ on the
reference PET's desc-organs, is followed through both postures (exact, also for a CT that breathes otherwise). Medians
and 90th percentiles in mm: `headers` without, `registered` with the stored transform (the headers where none is
stored). The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np

from netlesion.io.cohort import DERIVATIVES
from netlesion.io.nifti import read_volume
from netlesion.io.transforms import frame_name, read_transform, transform_path
from netlesion.phantom.body.labels import LABELS
from netlesion.phantom.focus import LESION_KINDS
from netlesion.phantom.patient import Exam, PatientDraw, draw_patient
from netlesion.phantom.posture import pose_of
from netlesion.phantom.settings import settings_of
from netlesion.register_cohort import Settings, register_cohort
from netlesion.transform import grid_points
from netlesion.volume import Quantity

ORGANS = (
    "liver", "spleen", "pancreas", "stomach", "kidney_right", "kidney_left", "duodenum", "small_bowel", "colon",
    "urinary_bladder", "heart", "lung_lower_lobe_right", "lung_upper_lobe_left", "mediastinum", "vertebrae_T10",
    "vertebrae_L3", "sacrum", "hip_left", "femur_right", "humerus_left", "brain",
)  # fmt: skip
NUM_POINTS = 40


def followed(patient: PatientDraw, fixed: Exam, organs_path: Path) -> list[tuple[str, str, np.ndarray]]:
    """(`lesion` or organ, segment, body points) of everything looked at; organs are those seen on the fixed PET."""
    found = [("lesion", f.segment, np.array([f.centre_mm])) for f in fixed.foci if f.kind in LESION_KINDS]
    segment = {p.organ: p.segment for p in reversed(patient.body.parts) if p.organ}
    labels, pose = read_volume(organs_path, Quantity.LABEL), pose_of(fixed.posture, patient.body)
    world, rng = grid_points(labels.geometry), np.random.default_rng(0)
    for name in ORGANS:
        places = np.flatnonzero(labels.array.ravel() == LABELS[name]) if name in segment else np.zeros(0, int)
        if places.size:
            places = rng.permutation(places)[:NUM_POINTS]
            found.append((name, segment[name], pose.to_body(world[places], segment[name])))
    return found


def errors_of(patient, fixed, of_moving, things, transform) -> list[tuple[str, float, float]]:
    """(name, mm by the headers, mm by the transform) of each thing: the median over its points."""
    here, there = pose_of(fixed.posture, patient.body), pose_of(of_moving, patient.body)
    rows = []
    for name, segment, points in things:
        a, b = here.to_scan(points, segment), there.to_scan(points, segment)
        moved = a if transform is None else transform.apply(a)
        rows.append((name, *(float(np.median(np.linalg.norm(p - b, axis=1))) for p in (a, moved))))
    return rows


def pairs_of(patient: PatientDraw, visits: bool):
    """(kind, fixed exam, posture of the moving image, moving frame, fixed frame)."""
    first: dict[tuple[int, str], Exam] = {}
    for exam in patient.exams:
        own = frame_name(exam.session)
        anatomy = "ct" if exam.modality == "PET/CT" else "mr_t1"
        yield f"{anatomy} to PET", exam, exam.anatomical, frame_name(exam.session, anatomy), own
        reference = first.setdefault((exam.visit, exam.modality), exam)
        if reference is not exam:
            yield "tracer to tracer", reference, exam.posture, own, frame_name(reference.session)
        elif visits and exam.visit > 1:
            baseline = first[1, exam.modality]
            yield "follow-up to baseline", baseline, exam.posture, own, frame_name(baseline.session)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("cohort", type=Path)
    parser.add_argument("--visits", action="store_true")
    parser.add_argument("--deform", action="store_true")
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    made = json.loads((args.cohort / "phantom.json").read_text())["config"]
    start = time.perf_counter()
    outcomes = register_cohort(args.cohort, Settings(args.visits, args.deform), args.workers)
    seconds = time.perf_counter() - start
    rows: dict[str, list[tuple[str, float, float]]] = defaultdict(list)
    for index in range(made["patients"]):
        settings = replace(settings_of(made["preset"], index), spacing_mm=tuple(made["spacing_mm"]))
        patient, subject = draw_patient(index, seed=made["seed"], settings=settings), f"{index + 1:03d}"
        for kind, fixed, of_moving, moving_name, fixed_name in pairs_of(patient, args.visits):
            path = transform_path(args.cohort / DERIVATIVES, subject, moving_name, fixed_name)
            transform = read_transform(path) if path.is_file() else None
            folder = args.cohort / DERIVATIVES / f"sub-{subject}" / f"ses-{fixed.session}" / "pet"
            things = followed(patient, fixed, next(folder.glob("*desc-organs_dseg.nii.gz")))
            rows[kind] += errors_of(patient, fixed, of_moving, things, transform)
    counts = {s: sum(o.status == s for o in outcomes) for s in ("stored", "headers", "refused")}
    result = {"bench": "register", "machine": platform.processor() or platform.machine(), "cohort": made["preset"],
              "patients": made["patients"], "spacing_mm": made["spacing_mm"], "deform": args.deform,
              "seconds": round(seconds), "pairs": counts, "median_mm": {}}  # fmt: skip
    for kind, found in rows.items():
        print(f"\n{kind:28s} {'n':>4s} {'headers':>8s} {'p90':>6s} {'registered':>11s} {'p90':>6s}")
        groups = {
            "lesion": [r for r in found if r[0] == "lesion"],
            "all organs": [r for r in found if r[0] != "lesion"],
        }
        groups |= {name: [r for r in found if r[0] == name] for name in ORGANS}
        for name, group in groups.items():
            if group:
                a, b = np.array([r[1:] for r in group]).T
                print(f"  {name:26s} {len(group):4d} {np.median(a):8.2f} {np.percentile(a, 90):6.1f} "
                      f"{np.median(b):11.2f} {np.percentile(b, 90):6.1f}")  # fmt: skip
        result["median_mm"][kind] = {
            name: [len(groups[name]), *(round(float(np.median([r[c] for r in groups[name]])), 2) for c in (1, 2))]
            for name in ("lesion", "all organs") if groups[name]
        }  # fmt: skip
    print("\n" + json.dumps(result))


if __name__ == "__main__":
    main()
