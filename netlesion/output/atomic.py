"""Write a file whole or not at all.

A result is written to a hidden neighbour and moved into place, so that a reader, a crash or a full disk
never leaves half a file under a real name. Knows nothing about what is written.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netlesion.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: How names of what is being written begin, and what mkstemp and mkdtemp make of it.
PART = ".part-"
LEFTOVER = re.compile(r"\.part-[a-z0-9_]{8}-.")


@contextmanager
def atomic_path(path: str | Path, private: bool = False) -> Iterator[Path]:
    """Yields a temporary path in the same folder; on success it becomes `path`, on failure it is removed.

    private: nobody but the owner can read it at any moment (mkstemp makes it so); else by the umask.
    Raises OutputError with one line when the system refuses (disk full, no permission, no such device).
    """
    path = Path(path)
    part: Path | None = None
    handle: int | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=PART, suffix="-" + path.name, dir=path.parent)
        part = Path(name)
        _try_lock(handle)
        yield part
        with open(part, "rb") as written:
            os.fsync(written.fileno())
        if not private:
            os.chmod(part, 0o666 & ~_umask())
        os.replace(part, path)
        part = None
    except OSError as error:
        if error.filename is not None and part is not None and Path(str(error.filename)) != part:
            raise
        reason = error.strerror or str(error)
        raise OutputError(
            f"{path}: could not be written ({reason}); nothing half-written was left, "
            "free space or choose another output folder and start again"
        ) from error
    finally:
        if part is not None:
            with suppress(OSError):
                part.unlink()
        if handle is not None:
            os.close(handle)


@contextmanager
def atomic_folder(folder: str | Path) -> Iterator[Path]:
    """Yields a hidden neighbouring folder; on success it becomes `folder`, on failure it is removed.

    Raises OutputError when `folder` exists already, or with one line when the system refuses.
    """
    folder = Path(folder)
    if folder.exists():
        raise OutputError(f"{folder}: exists already; choose another folder or remove it first")
    part: Path | None = None
    handle: int | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=PART, suffix="-" + folder.name, dir=folder.parent))
        handle = os.open(part, os.O_RDONLY)
        _try_lock(handle)
        yield part
        os.chmod(part, 0o777 & ~_umask())
        os.replace(part, folder)
        part = None
    except OSError as error:
        if (
            error.filename is not None
            and part is not None
            and part not in (Path(str(error.filename)), *Path(str(error.filename)).parents)
        ):
            raise
        reason = error.strerror or str(error)
        raise OutputError(
            f"{folder}: could not be written ({reason}); nothing half-written was left, "
            "free space or choose another output folder and start again"
        ) from error
    finally:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)
        if handle is not None:
            os.close(handle)


def write_text(path: str | Path, text: str, private: bool = False) -> None:
    """Writes UTF-8 text atomically; private: readable by its owner only.

    What UTF-8 cannot hold, a byte of a file name in another encoding, is written as an escape.
    """
    with atomic_path(path, private) as part:
        part.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path: str | Path, value: Any) -> None:
    """Writes JSON atomically, keys in the order given, NaN refused (use None)."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def remove_leftovers(folder: str | Path, depth: int = 6) -> None:
    """Removes what killed runs were writing, in a folder and `depth` levels below it.

    What a process is writing now is left alone: it holds a lock on it, which ends with the process.
    """
    with suppress(OSError), os.scandir(folder) as listing:
        for entry in list(listing):
            if LEFTOVER.match(entry.name):
                _remove_if_nobodys(Path(entry.path))
            elif depth > 0 and entry.is_dir(follow_symlinks=False):
                remove_leftovers(entry.path, depth - 1)


def _remove_if_nobodys(part: Path) -> None:
    with suppress(OSError):
        handle = os.open(part, os.O_RDONLY)
        try:
            if _try_lock(handle):
                shutil.rmtree(part) if part.is_dir() else part.unlink()
        finally:
            os.close(handle)


def _try_lock(handle: int) -> bool:
    """Takes the lock of an open file or folder; False where another process has it, or nobody can tell."""
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):
        return False
    return True


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
