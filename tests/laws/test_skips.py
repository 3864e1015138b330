"""Where CI=true, a test that is skipped for want of an oracle fails, and one that lacks a GPU is skipped."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SKIPPING = """
import pytest

def test_of_an_oracle():
    pytest.importorskip("a_package_that_is_not_there")

@pytest.mark.skipif(True, reason="no GPU")
def test_of_a_gpu():
    pass
"""


@pytest.mark.parametrize(("ci", "said"), [("true", "1 failed, 1 skipped"), ("", "2 skipped")])
def test_a_missing_oracle_fails_in_ci_alone(tmp_path, ci, said):
    (tmp_path / "test_it.py").write_text(SKIPPING)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider", "test_it.py"]
    env = {**os.environ, "CI": ci, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert said in done.stdout, done.stdout + done.stderr
