"""Where a result comes from: versions, configuration, hashes, seed, seconds and memory, beside every output.

Knows nothing about what was computed. No patient identity: files are named below the folder they came from.
"""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from netlesion.output.version import __version__

#: Packages whose version can change a number.
PACKAGES = ("torch", "monai", "pytorch-lightning", "numpy", "scipy", "nibabel", "pydicom", "connected-components-3d")


class Stopwatch:
    """Seconds by stage; a stage entered twice adds up."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def add(self, other: Stopwatch) -> None:
        """Adds the stages of another one."""
        for name, seconds in other.seconds.items():
            self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started


def provenance(
    *,
    config: Mapping[str, Any],
    seed: int | None = None,
    checkpoint_sha256: str | None = None,
    inputs: Mapping[str, str] | None = None,
    stopwatch: Stopwatch | None = None,
    **facts: Any,
) -> dict[str, Any]:
    """One JSON-able record; inputs are sha256 by file name, further facts are added as they are."""
    return {
        "generated_by": {"name": "netlesion", "version": __version__, "git_commit": git_commit()},
        "notice": "Research software, not a medical device.",
        **facts,
        "checkpoint_sha256": checkpoint_sha256,
        "inputs_sha256": dict(inputs or {}),
        "seed": seed,
        "seconds": {k: round(v, 4) for k, v in (stopwatch.seconds if stopwatch else {}).items()},
        "peak_memory_mb": peak_memory_mb(),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "packages": _versions(),
        "config": dict(config),
    }


def hash_file(path: str | Path) -> str:
    """sha256 of a file, in hex."""
    with open(path, "rb") as payload:
        return hashlib.file_digest(payload, "sha256").hexdigest()


def without_folders(text: str, paths: Iterable[Path]) -> str:
    """A message about files without the folders that they lie in: a folder may be named after a patient."""
    folders = {str(folder) for path in paths for folder in path.parents if folder.name}
    for folder in sorted(folders, key=len, reverse=True):
        text = text.replace(f"{folder}/", "")
    return text


@lru_cache(maxsize=1)
def git_commit() -> str | None:
    """The commit of the checkout this package runs from, with `+dirty` when it was changed; None outside of one."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        commit = _git(root, "rev-parse", "HEAD")
        return commit + ("+dirty" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def peak_memory_mb() -> float | None:
    """Largest resident size of this process so far, in MB; None where the system does not tell."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1e6 if sys.platform == "darwin" else 1e3), 1)


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()


@lru_cache(maxsize=1)
def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
