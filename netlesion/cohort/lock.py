"""One run at a time in an output folder: a lock that the system takes back when a process ends, however it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from netlesion.errors import OutputError

NAME = ".lock"


@contextmanager
def alone_in(output: Path) -> Iterator[None]:
    """Holds `output` for one run; raises OutputError when another process holds it.

    Advisory (flock): on a system or file system without it nothing is held.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    output.mkdir(parents=True, exist_ok=True)
    file = output / NAME
    with open(file, "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(
                f"{output}: another run is writing here; wait until it has ended, or give another output folder"
            ) from error
        except OSError:  # a file system without locks
            yield
            return
        try:
            yield
        finally:
            file.unlink(missing_ok=True)
