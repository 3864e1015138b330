"""One writer at a time in a cohort, a key, a training run or a folder of results.

The lock is the system's (flock) on an empty hidden file, so that it ends with the process, however that ends. The file
stays: if it were deleted, a process that still has it open and one that makes it anew would both hold a lock. Only
where a run has left nothing to be locked does its holder take the file away; whoever gets the lock of a file that is
no longer there tries again with the new one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from netlesion.errors import OutputError
from netlesion.output.atomic import remove_leftovers

NAME = ".lock"


@contextmanager
def alone(path: str | Path, remedy: str = "give another output", depth: int = 6) -> Iterator[None]:
    """Holds a file or folder, which need not exist yet, by PARENT/.NAME.lock, and clears what killed runs left in it.

    remedy: what to do instead of waiting. depth: of the folders that are cleared.

    Raises OutputError, one line, when another process holds it.

    Two paths to one place (a link, a relative path) are one lock. Where the parent cannot be written to, as with a
    mounted folder, the lock lies inside.
    """
    place = Path(path).resolve()
    file = place.with_name(f".{place.name}{NAME}")
    made: list[Path] = []
    if not file.exists():
        made = [folder for folder in place.parents if not folder.exists()]
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.is_dir() and not os.access(place.parent, os.W_OK):
            file = place / NAME
    with _held(file, Path(path), remedy):
        if place.is_dir():
            remove_leftovers(place, depth)
        try:
            yield
        finally:
            if not place.exists():
                file.unlink(missing_ok=True)
                for folder in made:
                    with suppress(OSError):  # not empty
                        folder.rmdir()


@contextmanager
def _held(file: Path, place: Path, remedy: str) -> Iterator[None]:
    """Holds the lock of one file. Advisory: where the system or the file system has no flock, nothing is held."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    while True:
        handle = _opened(file)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(handle)
            raise OutputError(f"{place}: another run is writing here; wait until it has ended, or {remedy}") from error
        except OSError:  # a file system without locks
            break
        if _is_at(handle, file):
            break
        os.close(handle)
    try:
        yield
    finally:
        os.close(handle)


def _is_at(handle: int, file: Path) -> bool:
    """Whether an open file is the one that now has this name."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(file))
    except FileNotFoundError:
        return False


def _opened(file: Path) -> int:
    """A handle of the lock's file, made where it is absent; a file of another user is opened to be read."""
    try:
        return os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:
        return os.open(file, os.O_RDONLY)
