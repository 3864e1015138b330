"""A copy of the checkout without what was built, made or downloaded in it, as a fresh clone would be."""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TRACKED = (
    "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "MANIFEST.in", "README.md", "configs", "docs",
    "infer.py", "netlesion", "pyproject.toml", "setup.py", "train.py",
)  # fmt: skip


def copy_checkout(folder: Path) -> Path:
    """The files that a wheel or the README's commands need, in a new folder."""
    folder.mkdir(parents=True)
    for name in TRACKED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / name)
    return folder
