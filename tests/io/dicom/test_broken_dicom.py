"""A broken file costs one clear line that names it; the good series beside it still comes through.

Every variant lies in one export beside one good PET. No line and no output may hold an identity, nothing may be
half-written, and no header that lies may cost memory.
"""

import re
import resource
from pathlib import Path

import numpy as np
import pytest

from netlesion.datasets.dicom.importer import import_dicom
from tests.io.dicom.broken import files, headers, objects, pixels  # noqa: F401 - each adds its variants to the list
from tests.io.dicom.broken.variants import SECRETS, VARIANTS, series

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*VR (DA|DS|TM|LO):UserWarning", "ignore:.*exceeds the size of 64 kByte"
)


def lines_of(result):
    return [*result.failures, *result.skipped, *result.warnings, *result.present]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """One import of every variant and one good series, with at most 2 GiB of address space more than in use."""
    root = tmp_path_factory.mktemp("broken")
    expected = {}
    for number, (name, build) in enumerate(VARIANTS.items()):
        expected[name] = (f"v{number:03d}", build(root / "export" / f"v{number:03d}"))
    series(root / "export" / "good", PatientID="Doe-4711-good")
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + 2 * 2**30, before[1]))
    try:
        result = import_dicom(root / "export", root / "cohort", workers=1)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    return root, result, expected


def test_there_are_enough_variants():
    assert len(VARIANTS) >= 60


@pytest.mark.parametrize("name", VARIANTS)
def test_a_broken_export_costs_one_line_that_names_it(outcome, name):
    _, result, expected = outcome
    folder, needle = expected[name]
    lines = [line for line in lines_of(result) if line.startswith(folder)]
    assert any(needle in line for line in lines), lines
    assert all("\n" not in line and len(line) < 400 for line in lines)


def test_no_line_and_no_file_holds_an_identity(outcome):
    root, result, _ = outcome
    for line in lines_of(result):
        assert not [secret for secret in SECRETS if secret in line], line
    for path in (root / "cohort").rglob("*"):
        if path.suffix != ".gz" and path.is_file():
            text = re.sub(r"\b[0-9a-f]{64}\b", "", path.read_text(encoding="utf-8"))  # a hash may hold 1950
            assert not [s for s in SECRETS if s in text], path


def test_the_good_series_comes_through_and_nothing_is_half_written(outcome):
    root, result, expected = outcome
    assert any("trc-dotatate" in str(path) for path in result.written)
    images = [p for p in (root / "cohort").rglob("*.nii.gz") if "desc-suvbw" not in p.name]
    assert sorted(images) == sorted(result.written)
    assert not list(root.rglob(".part-*"))
    assert sorted(p.name for p in root.iterdir() if p.name[0] != ".") == ["cohort", "cohort.key.tsv", "export"]
    assert not (root.parent / "escape.dcm").exists()
    key = (root / "cohort.key.tsv").read_text()
    assert "Doe-4711-good" in key


def test_random_bytes_in_a_file_never_stop_an_import(tmp_path):
    """Bytes of one slice overwritten at random places, 60 times: a line or a whole image, never a crash."""
    random = np.random.default_rng(5)
    for n in range(60):
        path = series(tmp_path / "export" / f"f{n:02d}")[1]
        content = bytearray(path.read_bytes())
        for at in random.integers(132, len(content) - 30, size=8):
            content[at] = int(random.integers(256))
        path.write_bytes(bytes(content))
    result = import_dicom(tmp_path / "export", tmp_path / "cohort", workers=1)
    images = [p for p in result.written if p.name.endswith("_pet.nii.gz")]
    assert len(images) + len({line[:3] for line in result.failures}) >= 60
