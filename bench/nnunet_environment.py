"""An environment of its own for nnU-Net, built once: its dependencies stay out of ours; torch and MONAI are ours."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

NNUNET = "2.8.1"


def cache() -> Path:
    """$XDG_CACHE_HOME/netlesion/bench: environments and trained weights of the benchmarks."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "netlesion" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def nnunet_python() -> Path:
    """The interpreter that has nnU-Net; builds the environment when it is not there (about 2 GB, minutes)."""
    versions = {"torch": version("torch").split("+")[0], "monai": version("monai"), "nnunetv2": NNUNET}
    folder = cache() / "-".join(["nnunet", *versions.values()])
    python, done = folder / "bin" / "python", folder / "complete"
    if not done.is_file():
        print(f"building {folder}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        wanted = [f"{name}=={number}" for name, number in versions.items()]
        subprocess.run([python, "-I", "-m", "pip", "install", "--quiet", *wanted], check=True, stdout=sys.stderr)
        done.touch()
    return python
