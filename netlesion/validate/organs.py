"""An organ of an organ map by its name: `desc-organs_dseg.nii.gz` with the `dseg.tsv` of BIDS (index, name) beside it.

Names are TotalSegmentator's (clinical.md 5.4). Without the table no value has a meaning, and none is guessed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from netlesion.image.volume import Volume
from netlesion.io.table_file import read_table


def organ_mask(path: Path, labels: Volume, name: str) -> np.ndarray | None:
    """(I, J, K) bool where the organ is; None where the table or the name is absent, or the organ has no voxel."""
    table = path.with_name(path.name.removesuffix(".nii.gz") + ".tsv")
    if not table.is_file():
        return None
    rows = read_table(table, ("index", "name")).rows
    values = [index for row in rows if row.cells["name"] == name and (index := row.whole("index")) is not None]
    mask = np.isin(labels.array, values)
    return mask if mask.any() else None
