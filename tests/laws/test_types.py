"""Pyright finds no error: basic over the package, strict over the public names ([tool.pyright] in pyproject.toml)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.ci
def test_pyright_finds_no_error():
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--outputjson"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr  # 2 and 3: it could not run
    report = json.loads(done.stdout)
    found = [f"{x['file']}:{x['range']['start']['line'] + 1}: {x['message']}" for x in report["generalDiagnostics"]]
    assert report["summary"]["filesAnalyzed"] > 200
    assert found == []
