"""Which files of a folder are anybody's data, and whether a file that may be absent is there.

Hidden files are nobody's data: macOS leaves `._name` beside every file on a foreign disk, a killed run leaves
`.part-name`. A link whose target is missing is a file whose content was not fetched (git-annex, DataLad), and never
the same as no file. Knows nothing about formats.
"""

from __future__ import annotations

from pathlib import Path

from netlesion.errors import CohortError

#: What the first bytes of a file say whose content is kept elsewhere.
POINTERS = {b"/annex/objects/": "git-annex", b"version https://git-lfs": "Git LFS"}


def visible(folder: Path, pattern: str = "*") -> list[Path]:
    """What matches below a folder, by name, without anything hidden or in a hidden folder; none for no folder."""
    return sorted(p for p in folder.glob(pattern) if not is_hidden(p, folder))


def is_hidden(path: Path, root: Path) -> bool:
    """Whether a path below `root` is hidden, or lies in a hidden folder."""
    return any(part.startswith(".") for part in path.relative_to(root).parts)


def is_there(path: Path) -> bool:
    """Whether a file that may be absent is there; raises CohortError for a link whose target is missing."""
    require_fetched(path)
    return path.is_file()


def require_fetched(path: Path) -> None:
    """Raises CohortError for a link whose target is missing, and for a file that only points to its content."""
    if path.is_symlink() and not path.exists():
        raise CohortError(f"{path}: a link whose target is missing; fetch its content (git annex get, datalad get)")


def require_content(path: Path, head: bytes) -> None:
    """Raises CohortError for a file, known by its first bytes, that only points to its content."""
    for start, keeper in POINTERS.items():
        if head.startswith(start):
            raise CohortError(f"{path}: a pointer of {keeper}, not the file itself; fetch its content")
