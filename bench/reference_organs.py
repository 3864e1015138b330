"""How far reference organs lie from the truth of a digital cohort, with its organ maps and without.

    netlesion phantom COHORT --patients 24 --spacing 4 --seed 77 --noise-free
    python -m bench.reference_organs COHORT [--without-map]

For every PET the region of interest is laid by `quantify.reference_map` (the true organ map) or, without a map, by
`quantify.reference_estimate` (PET and CT alone). Its mean is compared with that over the same voxels of the image of
true activity, without blur and noise, as far as they lie in the organ: a region that strays beyond it is judged by the
organ's uptake, and one that lies mostly elsewhere counts as wrong. Prints, organ by organ and tracer by tracer, how
many lie within 5 % and 10 %, how many of the others are flagged, and how many organs are missing; then one line of
JSON.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np

from netlesion.image.visit import Scan
from netlesion.image.volume import Quantity, Volume
from netlesion.io.bids.cohort import open_cohort
from netlesion.io.bids.pet import sidecar_of, suv_by_sidecar
from netlesion.io.bids.visit_files import VisitFiles, load_visit
from netlesion.io.nifti import read_volume
from netlesion.phantom.body.labels import LABELS
from netlesion.quantify import reference_estimate, reference_map
from netlesion.quantify.case import images_of
from netlesion.quantify.organ_map import OrganMap
from netlesion.quantify.references import ReferenceOrgan, ReferenceOrgans

NAMES = {label: name for name, label in LABELS.items()}
#: Where a region of interest must lie; the heart's blood is the aorta's.
ORGAN = {"liver": ("liver",), "spleen": ("spleen", "accessory_spleen"), "blood_pool": ("aorta",)}
INSIDE = 0.5


@dataclass(frozen=True)
class Found:
    """error: mean over true mean, less 1; None where the organ is missing. inside: share of the region in its organ."""

    tracer: str
    organ: str
    error: float | None
    inside: float = 1.0
    flagged: bool = False

    def within(self, share: float) -> bool:
        return self.error is not None and abs(self.error) <= share and self.inside >= INSIDE


def references(files: VisitFiles, channel: str, without_map: bool) -> Iterator[Found]:
    """The reference organs of one PET beside the truth."""
    path, masks = files.image(channel).path, files.masks[channel]
    visit = load_visit(files, [channel, *(("ct",) if without_map and "ct" in files.images else ())])
    suv, labels = visit.scans[channel].volume, read_volume(masks["organs"], Quantity.LABEL)
    lesions = read_volume(masks["lesions"], Quantity.LABEL)
    noise_free = masks["organs"].with_name(masks["organs"].name.replace("organs_dseg", "noisefree_pet"))
    true = suv_by_sidecar(path, read_volume(noise_free, Quantity.BQML), sidecar_of(path) or {})[0].array
    module = reference_estimate if without_map else reference_map
    regions: dict[int, np.ndarray] = {}

    def spy(image: Volume, voxels_N3: np.ndarray, *rest) -> ReferenceOrgan:
        made = original(image, voxels_N3, *rest)
        regions[round(made.mean * 1e9)] = voxels_N3
        return made

    original = module.reference_of
    with patch.object(module, "reference_of", spy):
        found = _references(suv, lesions, labels, visit.scans[channel], visit.scans, without_map)
    for organ, names in ORGAN.items():
        made = found.found.get(organ)
        if made is None:
            yield Found(channel, organ, None)
            continue
        at = tuple(regions[round(made.mean * 1e9)].T)
        inside = np.isin(labels.array[at], [LABELS[n] for n in names])
        expected = float(true[at][inside].mean()) if inside.any() else np.inf
        yield Found(channel, organ, made.mean / expected - 1, float(inside.mean()), bool(made.flags))


def _references(suv, lesions, labels, pet: Scan, scans, without_map: bool) -> ReferenceOrgans:
    if without_map:
        return reference_estimate.references_by_estimate(suv, lesions, pet.tracer, images_of(scans, pet).get("ct"))
    return reference_map.references_by_map(suv, lesions, OrganMap(labels.array, labels.geometry, NAMES))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cohort", type=Path)
    parser.add_argument("--without-map", action="store_true")
    chosen = parser.parse_args()
    every = [
        found
        for files in open_cohort(chosen.cohort)
        for channel in ("sstr", "fdg")
        if channel in files.images
        for found in references(files, channel, chosen.without_map)
    ]
    groups: dict[tuple[str, str], list[Found]] = defaultdict(list)
    for found in every:
        groups[found.tracer, found.organ].append(found)
    print(
        f"{'':18s} {'n':>4s} {'missing':>8s} {'in 5 %':>7s} {'in 10 %':>7s} {'else flagged':>12s} {'mean error':>10s}"
    )
    summary = {}
    for (tracer, organ), group in sorted(groups.items()):
        there = [f for f in group if f.error is not None]
        counts = {
            "n": len(group),
            "missing": len(group) - len(there),
            "within_5": sum(f.within(0.05) for f in there),
            "within_10": sum(f.within(0.10) for f in there),
            "else_flagged": sum(f.flagged for f in there if not f.within(0.10)),
            "mean_error": float(np.mean([f.error for f in there])) if there else None,
        }
        summary[f"{tracer} {organ}"] = counts
        mean = "n/a" if counts["mean_error"] is None else f"{counts['mean_error']:+.3f}"
        print(
            f"{tracer + ' ' + organ:18s} {counts['n']:4d} {counts['missing']:8d} {counts['within_5']:7d} "
            f"{counts['within_10']:7d} {counts['else_flagged']:12d} {mean:>10s}"
        )
    print(json.dumps({"without_map": chosen.without_map, **summary}))


if __name__ == "__main__":
    main()
