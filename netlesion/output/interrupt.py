"""Ctrl-C and SIGTERM end a program in one line, in bounded time, with exit status 130 or 143.

Before the work starts the program simply ends. During the work `Interrupted` is raised in the main thread, so that what
is half-written is removed on the way out; a part that must not be torn apart (an optimiser step) holds it back with
`held_back` and asks `asked` where it can stop. A call that does not come back in time, and a second signal, end the
process as it stands: results are written whole or not at all. Knows nothing about the work.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from types import FrameType
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM)
#: Signals within so many seconds are one: a terminal, a scheduler and a parent may all send it.
ONE_SIGNAL_S = 1.0
NOTHING_YET = "nothing was done yet; start the same command again"


class Interrupted(BaseException):
    """A signal came; status is that of the process. Not an Exception: no handler of errors takes it for one."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass
class _State:
    """Of this process, as signal handlers are. line: what is finished and how to go on."""

    line: Callable[[], str] = lambda: NOTHING_YET
    seconds: float = 9.0
    at_work: bool = False
    holding_back: bool = False
    asked: int | None = None
    asked_at: float = 0.0


_state = _State()


def end_in_one_line() -> None:
    """Takes over both signals; to be called first, before slow imports."""
    if signal.getsignal(signal.SIGTERM) is _came or threading.current_thread() is not threading.main_thread():
        return
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reading, writing), daemon=True).start()
    os.register_at_fork(after_in_child=_of_a_worker)
    for number in SIGNALS:
        signal.signal(number, _came)


def say_how_to_go_on(line: Callable[[], str]) -> None:
    """What the one line says from now on: what is finished, and how to go on."""
    _state.line = line


def asked() -> int | None:
    """The exit status that a signal which is held back has asked for; None where none came."""
    return _state.asked


@contextmanager
def at_work() -> Iterator[None]:
    """Where a signal is raised as Interrupted, which this turns into the line and the end of the process."""
    _state.at_work = True
    try:
        yield
    except Interrupted as stop:
        _end(stop.status)
    finally:
        _state.at_work = False


@contextmanager
def held_back(seconds: float) -> Iterator[None]:
    """Where a signal is only noted, for `asked`; `seconds` after it the process ends at the latest."""
    before = _state.seconds
    _state.seconds, _state.holding_back = seconds, True
    try:
        yield
    finally:
        _state.seconds, _state.holding_back = before, False


@contextmanager
def worker_processes(number: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that leave Ctrl-C to this one, and end at once when the work is broken off."""
    pool = ProcessPoolExecutor(number, mp_context=get_context("spawn"), initializer=_leave_to_parent)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        _end_workers()
        raise
    pool.shutdown()


def _came(number: int, frame: FrameType | None) -> None:
    status, now = 128 + number, time.monotonic()
    if _state.asked is not None:
        if now - _state.asked_at > ONE_SIGNAL_S:
            _end(status)
        return
    _state.asked, _state.asked_at = status, now
    if not _state.at_work:
        _end(status)
    if not _state.holding_back:
        raise Interrupted(status)


def _watch(reading: socket.socket, writing: socket.socket) -> None:
    """Ends the process in time though the main thread is in a call that does not come back, where no handler runs."""
    while number := reading.recv(1):
        state = _state
        if number[0] in SIGNALS:
            time.sleep(state.seconds)
            if state is _state:
                _end(128 + number[0])


def _of_a_worker() -> None:
    """In a forked process: it leaves Ctrl-C to its parent, ends at once at SIGTERM, and wakes nobody."""
    if threading.current_thread() is threading.main_thread():
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _end(status: int) -> NoReturn:
    """The line, and the end of the process without waiting for threads that are still computing."""
    _end_workers()
    sys.stdout.flush()
    print(f"\rinterrupted: {_state.line()}", file=sys.stderr, flush=True)
    os._exit(status)


def _end_workers() -> None:
    for worker in multiprocessing.active_children():
        worker.terminate()


def _leave_to_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
