"""The import laws: which room may know which (contracts in pyproject.toml), and what an import may cost."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_the_contracts_hold():
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c(['--no-cache'])"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("module", ["netlesion", "netlesion.cli.main", "netlesion.errors"])
def test_an_import_loads_nothing_heavy(module):
    heavy = ("torch", "monai", "numpy", "scipy", "nibabel", "pydicom", "hydra", "wandb", "pytorch_lightning")
    code = f"import sys, {module}; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
