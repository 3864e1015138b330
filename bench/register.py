"""Target registration error of `netlesion register` on a digital cohort, whose bodies are known in every image.

    netlesion phantom /tmp/cohort --patients 4 --seed 12 --preset net-petct --spacing 4
    OMP_NUM_THREADS=1 python -m bench.register /tmp/cohort [--visits] [--deform] [--no-breathing] [--workers 2]

Patients are drawn again from the cohort's seed; every lesion centre, and up to 40 voxels of each organ on the
reference PET's desc-organs, is followed through both postures (exact, also for a CT that breathes otherwise). Medians
and 90th percentiles in mm: `headers` without, `registered` with the stored transform (the headers where none is
stored), `best rigid` by the motion that fits the patient's trunk best, were it known: what is left is breathing and
other deformation. A lesion within 110 mm of the diaphragm is `near` it, one of
head, arms or legs is of a `limb`. The last line is JSON.
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
from scipy.spatial.transform import Rotation

from netlesion.image.transform import RigidTransform, grid_points
from netlesion.image.volume import Quantity
from netlesion.io.bids.cohort import DERIVATIVES
from netlesion.io.bids.transforms import frame_name, read_transform, transform_path
from netlesion.io.nifti import read_volume
from netlesion.phantom.body.labels import LABELS
from netlesion.phantom.focus import LESION_KINDS
from netlesion.phantom.patient import Exam, PatientDraw, draw_patient
from netlesion.phantom.posture import pose_of
from netlesion.phantom.settings import settings_of
from netlesion.register.cohort import Settings, register_cohort
from netlesion.register.trunk import BREATHING_REACH_MM

ORGANS = (
    "liver", "spleen", "pancreas", "stomach", "kidney_right", "kidney_left", "duodenum", "small_bowel", "colon",
    "urinary_bladder", "heart", "lung_lower_lobe_right", "lung_upper_lobe_left", "mediastinum", "vertebrae_T10",
    "vertebrae_L3", "sacrum", "hip_left", "femur_right", "humerus_left", "brain",
)  # fmt: skip
LESIONS = ("lesion", "lesion near", "lesion far", "lesion limb")
NUM_POINTS = 40


def followed(patient: PatientDraw, fixed: Exam, organs_path: Path) -> list[tuple[str, str, np.ndarray]]:
    """(`lesion near|far|limb <site>` or organ, segment, body points) of all looked at; organs seen on the fixed PET."""
    dome = patient.body.landmarks["diaphragm_dome"][2]
    found = []
    for focus in (f for f in fixed.foci if f.kind in LESION_KINDS):
        where = "near" if abs(focus.centre_mm[2] - dome) <= BREATHING_REACH_MM else "far"
        where = where if focus.segment == "trunk" else "limb"
        found.append((f"lesion {where} {focus.site}", focus.segment, np.array([focus.centre_mm])))
    segment = {p.organ: p.segment for p in reversed(patient.body.parts) if p.organ}
    labels, pose = read_volume(organs_path, Quantity.LABEL), pose_of(fixed.posture, patient.body)
    world, rng = grid_points(labels.geometry), np.random.default_rng(0)
    for name in ORGANS:
        places = np.flatnonzero(labels.array.ravel() == LABELS[name]) if name in segment else np.zeros(0, int)
        if places.size:
            places = rng.permutation(places)[:NUM_POINTS]
            found.append((name, segment[name], pose.to_body(world[places], segment[name])))
    return found


def errors_of(patient, fixed, of_moving, things, transform) -> list[tuple[str, float, float, float]]:
    """(name, mm by the headers, by the transform, by the best rigid) of each thing: the median over its points."""
    here, there = pose_of(fixed.posture, patient.body), pose_of(of_moving, patient.body)
    still = pose_of(replace(of_moving, inspiration_mm=fixed.posture.inspiration_mm), patient.body)
    trunk = np.concatenate([points for _, segment, points in things if segment == "trunk"])
    best = best_rigid(here.to_scan(trunk, "trunk"), still.to_scan(trunk, "trunk"))
    rows = []
    for name, segment, points in things:
        a, b = here.to_scan(points, segment), there.to_scan(points, segment)
        moved = [a, a if transform is None else transform.apply(a), best.apply(a)]
        rows.append((name, *(float(np.median(np.linalg.norm(p - b, axis=1))) for p in moved)))
    return rows


def best_rigid(points: np.ndarray, targets: np.ndarray) -> RigidTransform:
    """The rigid motion of least squares from one list of places to another."""
    middle, goal = points.mean(axis=0), targets.mean(axis=0)
    turn = Rotation.align_vectors(targets - goal, points - middle)[0].as_matrix()
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = turn, goal - turn @ middle
    return RigidTransform(matrix)


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


def groups_of(rows: list[tuple[str, float, float, float]]) -> dict[str, list[tuple[str, float, float, float]]]:
    """Rows by what a line of the table is about, lesions first; none that is empty."""
    names = sorted({r[0] for r in rows if r[0].startswith("lesion")})
    groups = {name: [r for r in rows if r[0].startswith(name)] for name in LESIONS}
    groups |= {name: [r for r in rows if r[0] == name] for name in names}
    groups["all organs"] = [r for r in rows if not r[0].startswith("lesion")]
    groups |= {name: [r for r in rows if r[0] == name] for name in ORGANS}
    return {name: group for name, group in groups.items() if group}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("cohort", type=Path)
    parser.add_argument("--visits", action="store_true")
    parser.add_argument("--deform", action="store_true")
    parser.add_argument("--no-breathing", action="store_true")
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    made = json.loads((args.cohort / "phantom.json").read_text())["config"]
    start = time.perf_counter()
    outcomes = register_cohort(args.cohort, Settings(args.visits, args.deform, not args.no_breathing), args.workers)
    seconds = time.perf_counter() - start
    rows: dict[str, list[tuple[str, float, float, float]]] = defaultdict(list)
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
              "breathing": not args.no_breathing,
              "seconds": round(seconds), "pairs": counts, "median_mm": {}}  # fmt: skip
    for kind, found in rows.items():
        print(f"\n{kind:28s} {'n':>4s} {'headers':>8s} {'p90':>6s} {'registered':>11s} {'p90':>6s} {'best rigid':>11s}")
        groups = groups_of(found)
        for name, group in groups.items():
            a, b, c = np.array([r[1:] for r in group]).T
            print(f"  {name:26s} {len(group):4d} {np.median(a):8.2f} {np.percentile(a, 90):6.1f} "
                  f"{np.median(b):11.2f} {np.percentile(b, 90):6.1f} {np.median(c):11.2f}")  # fmt: skip
        result["median_mm"][kind] = {
            name: [len(group), *(round(float(np.median([r[c] for r in group])), 2) for c in (1, 2, 3))]
            for name, group in groups.items() if name in ("all organs", *LESIONS)
        }  # fmt: skip
    print("\n" + json.dumps(result))


if __name__ == "__main__":
    main()
