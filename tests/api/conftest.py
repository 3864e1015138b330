"""The files that the examples of the public interface name: a cohort, a PET, a mask and a DICOM series."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from netlesion.models.card import ModelCard
from netlesion.models.checkpoint import save_checkpoint
from netlesion.predict.model import build_network
from tests.small_images import PET_GRID, write_mask, write_suv
from tests.synthetic_dicom import write_series

#: A network of random weights that calls some voxels lesions and others not.
CARD = ModelCard(
    channels=("fdg", "ct"),
    required_channels=("fdg",),
    classes={"fdg": ("background", "lesion")},
    spacing_mm=(4.0, 4.0, 4.0),
    window=(8, 8, 8),
    network={"filters": [4, 8, 8], "residual": False, "norm": "instance", "dropout": 0.0},
    trained_on=("secret-patient",),
    tested_tracers=("fdg",),
    about={"data": "none <made up>"},
)


def write_model(path: Path) -> None:
    """Weights drawn from one seed."""
    with torch.random.fork_rng():
        torch.manual_seed(5)
        network = build_network(CARD)
    save_checkpoint(path, network.state_dict(), CARD)


@pytest.fixture
def examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of an example."""
    for n in range(2):
        write_suv(tmp_path / "cohort" / f"P{n}" / "PET_image.nii.gz", seed=n)
    write_mask(tmp_path / "cohort" / "P0" / "PET_mask.nii.gz")
    write_suv(tmp_path / "pet_suv.nii.gz")
    write_mask(tmp_path / "mask.nii.gz")
    stored = np.random.default_rng(3).integers(0, 2000, PET_GRID.shape).astype(np.int16)
    write_series(tmp_path / "dicom_pet", stored)
    write_model(tmp_path / "model.safetensors")
    monkeypatch.chdir(tmp_path)
    return tmp_path
