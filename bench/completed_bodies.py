"""How well bodies completed around real organs keep them, and how well the rest fits: one line per map, then a summary.

    python -m bench.completed_bodies MAPS [--every 6] [--out FIGURES.jsonl]

Fat is the mean of the sex. On the map's own grid and posture: Dice of each organ drawn against the map; distance of
ribs 3 to 9 to the lungs over the ribs' voxels; the share of the planned bone that lies in real lungs, which are painted
over it; bowel above the lungs' base (ml); the least determinant of the residual's Jacobian; weight and BMI. A map that
is refused is listed with the reason.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from scipy.ndimage import distance_transform_edt, find_objects

from netlesion.errors import NetlesionError
from netlesion.image.geometry import Geometry
from netlesion.io.bids.label_maps import LabelMap, find_label_maps, read_label_map
from netlesion.phantom.body.completed import complete_body, read_person
from netlesion.phantom.body.label_tissues import KNOWN_NAMES
from netlesion.phantom.body.labels import LABELS
from netlesion.phantom.body.shape import BodySettings
from netlesion.phantom.paint import paint
from netlesion.phantom.patient import weight_of
from netlesion.phantom.pose import Pose
from netlesion.phantom.stage import Stage

PLAIN = BodySettings(female_fat_mm=(24.0, 0.0), male_fat_mm=(17.0, 0.0))
LUNGS = tuple(n for n in LABELS if n.startswith("lung_"))
#: Labels of the map that hold several organs of ours.
HELD = {
    "kidneys": ("kidney_right", "kidney_left"), "lungs": LUNGS, "brain": ("brain", "cerebellum"),
    "head_glands": tuple(f"{g}_gland_{s}" for g in ("parotid", "submandibular") for s in ("left", "right")),
}  # fmt: skip
BONES = tuple(n for n in LABELS if n.startswith(("rib_", "vertebrae", "sternum", "scapula", "clavicula", "hip_")))
BOWEL = ("small_bowel", "colon", "duodenum")
RIBS = tuple(f"rib_{side}_{n}" for side in ("left", "right") for n in range(3, 10))


def codes(names: tuple[str, ...]) -> list[int]:
    return [LABELS[n] for n in names]


def figures_of(found: LabelMap) -> dict:
    """All figures of one map."""
    start = time.perf_counter()
    person = read_person(found.volume, found.names, found.name)
    seconds = time.perf_counter() - start
    body = complete_body(person, np.random.default_rng(0), PLAIN).body
    (box,) = find_objects((found.volume.array > 0).astype(np.uint8))
    array, affine = found.volume.array[box], np.array(found.volume.geometry.affine_ras)
    affine[:3, 3] += affine[:3, :3] @ [s.start for s in box]
    stage = Stage(Geometry(person.fit.to_body @ affine, array.shape), Pose(body.joints, {}))
    organ, planned = (np.zeros(array.shape, dtype=np.uint8) for _ in range(2))
    for part, share in paint(stage, body.parts):
        if part.organ:
            inside = share.share >= 0.5
            organ[share.box][inside] = LABELS[part.organ]
            if part.organ in BONES:
                planned[share.box][inside] = 1
    voxel_ml = abs(float(np.linalg.det(affine[:3, :3]))) / 1000.0
    dice, volume = {}, {}
    for n, name in found.names.items():
        was, now = array == n, np.isin(organ, codes(HELD.get(name, (name,))))
        dice[name] = round(2.0 * float((was & now).sum()) / float(was.sum() + now.sum()), 4)
        volume[name] = round(float(was.sum()) * voxel_ml, 1)
    lungs = np.isin(array, [n for n, name in found.names.items() if name == "lungs" or name in LUNGS])
    away = distance_transform_edt(~lungs, sampling=np.linalg.norm(affine[:3, :3], axis=0))
    ordered = lungs if affine[2, 2] > 0 else lungs[:, :, ::-1]
    above = np.cumsum(ordered, axis=2) > 0
    above = above if affine[2, 2] > 0 else above[:, :, ::-1]
    weight = weight_of(body)
    residual = person.fit.soft.residual
    box_mm = np.array([[-150.0, -120.0, -320.0], [150.0, 120.0, 320.0]])
    return {
        "map": found.name, "fit_s": round(seconds, 1), "sex": body.sex, "cm": body.height_cm, "kg": weight,
        "bmi": round(weight / (body.height_cm / 100.0) ** 2, 1), "dice": dice, "ml": volume,
        "ribs_to_lung_mm": round(float(away[np.isin(organ, codes(RIBS))].mean()), 2),
        "planned_bone_in_lung": round(float((planned.astype(bool) & lungs).sum() / planned.sum()), 4),
        "bowel_above_lung_base_ml": round(float((np.isin(organ, codes(BOWEL)) & above).sum()) * voxel_ml, 2),
        "least_jacobian": None if residual is None else round(residual.least_stretch(*box_mm), 2),
    }  # fmt: skip


def summary(rows: list[dict]) -> str:
    """Least, median and mean of each figure."""
    lines = [f"{len(rows)} bodies"]
    for name in dict.fromkeys(n for row in rows for n in row["dice"]):
        values = [r["dice"][name] for r in rows if r["ml"].get(name, 0.0) >= 20.0]
        if values:
            least, median = min(values), float(np.median(values))
            lines.append(f"Dice {name} (20 ml or more): least {least:.3f}, median {median:.3f}, n {len(values)}")
    for name in (
        "ribs_to_lung_mm", "planned_bone_in_lung", "bowel_above_lung_base_ml", "least_jacobian", "fit_s", "bmi",
    ):  # fmt: skip
        values = [r[name] for r in rows if r[name] is not None]
        lines.append(f"{name}: mean {np.mean(values):.3g}, {min(values):.3g} to {max(values):.3g}")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("maps", type=Path)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    done: list[dict] = []
    for path in find_label_maps(options.maps, KNOWN_NAMES)[:: options.every]:
        try:
            label_map = read_label_map(path, KNOWN_NAMES, {n: name for name, n in LABELS.items()})
            done.append(figures_of(label_map))
        except NetlesionError as error:
            print(f"refused: {error}", flush=True)
            continue
        print(json.dumps(done[-1]), flush=True)
        if options.out is not None:
            options.out.write_text("".join(json.dumps(r) + "\n" for r in done), encoding="utf-8")
    print(summary(done))
