"""Shared by every test: where the real patients lie, and small synthetic DICOM series."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real patients; a test that asks for it is skipped, with a reason, where it is absent."""
    if not (SHARED / "README.md").is_file():
        pytest.skip(f"{SHARED} is absent: the real patients are not part of the repository")
    return SHARED
