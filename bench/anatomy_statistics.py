"""Organs of real people against those of as many built-in bodies: volumes, places, distances, and how they go together.

    python -m bench.anatomy_statistics MAPS [--bodies 240] [--out TABLE.md]

MAPS: a folder of organ label maps (liver, lungs, ... as `netlesion phantom --anatomy` reads them). A built-in body is
drawn with the cohort's settings and rasterised with the same labels, and both are measured by the same code. Prints a
Markdown table: mean (SD) of each and the difference in SDs of the real people; then correlations.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.io.bids.label_maps import find_label_maps, read_label_map
from netlesion.phantom.body.build import draw_body
from netlesion.phantom.body.fit import is_cut_above
from netlesion.phantom.body.label_anatomy import Seen, see
from netlesion.phantom.body.label_tissues import KNOWN_NAMES
from netlesion.phantom.body.labels import LABELS
from netlesion.phantom.body.shape import BodySettings
from netlesion.phantom.paint import paint
from netlesion.phantom.pose import Pose
from netlesion.phantom.stage import Stage

#: What is measured -> the organs of ours that it is.
ORGANS: Mapping[str, tuple[str, ...]] = {
    "liver": ("liver",), "spleen": ("spleen",), "kidneys": ("kidney_right", "kidney_left"),
    "lungs": tuple(n for n in LABELS if n.startswith("lung_")), "heart": ("heart",), "stomach": ("stomach",),
    "brain": ("brain", "cerebellum"), "bladder": ("urinary_bladder",), "prostate": ("prostate",),
    "head glands": tuple(f"{g}_gland_{s}" for g in ("parotid", "submandibular") for s in ("left", "right")),
}  # fmt: skip
PAINTED = frozenset(n for group in ORGANS.values() for n in group)
SPACING_MM, SEED = 5.0, 11
PAIRS = (
    ("liver ml", "spleen ml"), ("liver ml", "kidneys ml"), ("lungs ml", "torso mm"), ("heart ml", "chest width mm"),
    ("chest width mm", "chest depth mm"), ("kidneys ml", "torso mm"),
    ("lung height mm", "liver top to lung top mm"),
)  # fmt: skip


def measured(seen: Seen) -> dict[str, float]:
    """Volumes in ml and lengths in mm of one map; what it does not show is absent."""
    found: dict[str, float] = {}
    points: dict[str, np.ndarray] = {}
    voxel_ml = abs(float(np.linalg.det(seen.affine[:3, :3]))) / 1000.0
    for name, organs in ORGANS.items():
        index = np.argwhere(np.isin(seen.organ, [LABELS[n] for n in organs]))
        if not len(index):
            continue
        points[name] = index @ seen.affine[:3, :3].T + seen.affine[:3, 3]
        if name != "brain" or not is_cut_above(points[name], float(seen.high[2])):
            found[f"{name} ml"] = len(index) * voxel_ml
    lungs, liver = points["lungs"], points["liver"]
    apex = float(np.percentile(lungs[:, 2], 99.9))
    found["lung height mm"] = apex - float(np.percentile(lungs[:, 2], 0.1))
    found["liver top to lung top mm"] = apex - float(np.percentile(liver[:, 2], 99.9))
    band = lungs[np.abs(lungs[:, 2] - (apex - 0.5 * found["lung height mm"])) < 10.0]
    found["chest width mm"], found["chest depth mm"] = (
        float(np.ptp(np.percentile(band[:, a], (0.5, 99.5)))) for a in (0, 1)
    )
    if "bladder" in points:
        found["torso mm"] = apex - float(points["bladder"][:, 2].min())
    middle = (band[:, 0].min() + band[:, 0].max()) / 2.0
    for name in ("heart", "spleen", "stomach", "liver"):
        if name in points:
            found[f"{name} right of the middle mm"] = float(points[name][:, 0].mean() - middle)
            found[f"{name} under the lung top mm"] = apex - float(points[name][:, 2].mean())
    sides = [seen.organs[n].points_mm.mean(axis=0) for n in ("kidney_right", "kidney_left") if n in seen.organs]
    if len(sides) == 2:
        found["kidneys apart mm"] = float(sides[0][0] - sides[1][0])
        found["right kidney under the left mm"] = float(sides[1][2] - sides[0][2])
        found["kidneys under the lung top mm"] = apex - float(np.mean([s[2] for s in sides]))
    return found


def of_maps(folder: Path) -> list[dict[str, float]]:
    rows = []
    for path in find_label_maps(folder, KNOWN_NAMES):
        label_map = read_label_map(path, KNOWN_NAMES, {n: name for name, n in LABELS.items()})
        rows.append(measured(see(label_map.volume, label_map.names, path.name)))
    return rows


def of_bodies(count: int) -> list[dict[str, float]]:
    affine = np.diag([SPACING_MM] * 3 + [1.0])
    affine[:3, 3] = -200.0, -150.0, -400.0
    shape, names = (81, 61, 230), {n: name for name, n in LABELS.items()}
    rows = []
    for n in range(count):
        body = draw_body(np.random.default_rng([SEED, n]), BodySettings())
        organ = np.zeros(shape, dtype=np.uint8)
        parts = [p for p in body.parts if p.organ in PAINTED]
        for part, share in paint(Stage(Geometry(affine, shape), Pose(body.joints, {})), parts):
            organ[share.box][share.share >= 0.5] = LABELS[part.organ]
        rows.append(measured(see(Volume(organ, Geometry(affine, shape), Quantity.LABEL), names, f"body {n}")))
    return rows


def table(real: list[dict[str, float]], built: list[dict[str, float]]) -> str:
    """Markdown: mean (SD), n, and the difference of means in SDs of the real people; then correlations."""
    lines = ["| | real people, mean (SD), n | built-in bodies | difference (SD) |", "|---|---|---|---|"]
    for name in dict.fromkeys(n for row in real for n in row):
        own, other = (np.array([row[name] for row in rows if name in row]) for rows in (real, built))
        if len(own) > 2 and len(other) > 2:
            apart = (other.mean() - own.mean()) / own.std(ddof=1)
            lines.append(
                f"| {name} | {own.mean():.0f} ({own.std(ddof=1):.0f}), {len(own)} | {other.mean():.0f} "
                f"({other.std(ddof=1):.0f}), {len(other)} | {apart:+.1f} |"
            )
    lines += ["", "| correlation | real people | built-in bodies |", "|---|---|---|"]
    for a, b in PAIRS:
        both = [np.array([(r[a], r[b]) for r in rows if a in r and b in r]) for rows in (real, built)]
        lines.append(f"| {a}, {b} | " + " | ".join(f"{np.corrcoef(x.T)[0, 1]:.2f}" for x in both) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("maps", type=Path)
    parser.add_argument("--bodies", type=int, default=240)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    text = table(of_maps(options.maps), of_bodies(options.bodies))
    print(text)
    if options.out is not None:
        options.out.write_text(text + "\n", encoding="utf-8")
