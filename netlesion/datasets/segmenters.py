"""Programs that map organs on CT or MR: how TotalSegmentator and MOOSE are called, and what they leave.

They are not part of this package: each is called as a command where it is installed with its weights. Organs come back
as label maps whose names are the program's own. Knows nothing about cohorts.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from netlesion.errors import CohortError, ConfigError
from netlesion.image.volume import Quantity, Volume
from netlesion.io.bids.label_maps import LabelMap, read_label_map
from netlesion.io.files import visible
from netlesion.io.nifti import read_volume

Modality = Literal["ct", "mr"]
#: MOOSE's models for CT whose labels `quantify.region_map` knows; the later ones are written over the earlier.
MOOSE_MODELS = (
    "clin_ct_muscles", "clin_ct_organs", "clin_ct_digestive", "clin_ct_cardiac", "clin_ct_ribs", "clin_ct_vertebrae",
    "clin_ct_peripheral_bones",
)  # fmt: skip


@dataclass(frozen=True)
class Segmenter:
    """name: as `region_map` has it. command: what must be on the PATH."""

    name: Literal["totalsegmentator", "moose"]
    command: str

    def require(self) -> None:
        """Raises ConfigError where the program is not installed."""
        if shutil.which(self.command) is None:
            raise ConfigError(
                f"{self.command} is not installed (no such command); install it with its weights, or give maps that "
                "were made elsewhere with --maps"
            )

    def run(self, image: Path, modality: Modality, work: Path, known: Collection[str]) -> LabelMap:
        """Maps the organs of one image; work: an empty folder. Raises CohortError where the program fails.

        known: labels that mean something.
        """
        if self.name == "totalsegmentator":
            task = "total" if modality == "ct" else "total_mr"
            _call([self.command, "-i", str(image), "-o", str(work / "organs"), "--task", task, "--quiet"], image)
            return read_label_map(work / "organs", known, {})
        if modality != "ct":
            raise CohortError(f"{image}: MOOSE maps organs on CT alone; use totalsegmentator for an MR")
        subject = work / "moose" / "subject"
        subject.mkdir(parents=True)
        shutil.copyfile(image, subject / f"CT_{image.name}")
        _call([self.command, "-d", str(work / "moose"), "-m", *MOOSE_MODELS], image)
        return _merged(subject, image, known)


SEGMENTERS = {
    "totalsegmentator": Segmenter("totalsegmentator", "TotalSegmentator"),
    "moose": Segmenter("moose", "moosez"),
}


def _call(command: Sequence[str], image: Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        reason = said[-1].strip() if said else "it said nothing"
        raise CohortError(f"{image}: {command[0]} failed with status {done.returncode} ({reason})")


def _merged(subject: Path, image: Path, known: Collection[str]) -> LabelMap:
    """MOOSE's maps, one for each model with a JSON of its labels beside it, as one."""
    folders = sorted(subject.glob("moosez-*/segmentations"))
    maps = {p.name.split("segmentation_")[0]: p for p in visible(folders[-1], "*.nii.gz")} if folders else {}
    merged: np.ndarray | None = None
    names: dict[int, str] = {}
    first: Volume | None = None
    for prefix, path in sorted(maps.items(), key=lambda item: _order(item[0])):
        table = json.loads((path.parent / f"{prefix}organ_indices.json").read_text(encoding="utf-8"))["organ_indices"]
        volume = read_volume(path, Quantity.LABEL)
        if first is None or merged is None:
            first, merged = volume, np.zeros(volume.array.shape, dtype=np.uint16)
        first.geometry.require_same_grid(volume.geometry, "MOOSE's first map", path.name)
        for value, organ in table.items():
            inside = volume.array == int(value)
            if int(value) > 0 and organ["name"] in known and inside.any():
                label = len(names) + 1
                merged[inside], names[label] = label, organ["name"]
    if merged is None or first is None or not names:
        raise CohortError(f"{image}: moosez left no label map with an organ that is known")
    there = set(np.unique(merged).tolist())
    kept = {label: name for label, name in names.items() if label in there}
    return LabelMap(image.name, first.with_array(merged), kept, ())


def _order(prefix: str) -> int:
    """Where a map of MOOSE stands in the order of `MOOSE_MODELS`, by its prefix (clin_CT_ribs_)."""
    name = prefix.strip("_").lower()
    return next((n for n, model in enumerate(MOOSE_MODELS) if model == name), -1)
