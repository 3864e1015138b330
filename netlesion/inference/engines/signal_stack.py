"""The alternate stack on which a thread's signal handlers run, taken away after a library has set one.

OpenVINO gives the calling thread such a stack for every compiled model and puts back the one before when the model
goes. Where models go in the order in which they came, the stack of one that is gone is put back, and the next signal
(Ctrl-C, SIGTERM) ends the process with a segmentation fault. Without one, handlers run on the thread's own stack.
"""

from __future__ import annotations

import ctypes
import sys

SS_DISABLE = 2


class _SignalStack(ctypes.Structure):
    """stack_t of sigaltstack(2) on Linux."""

    _fields_ = [("address", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t)]


def without_signal_stack() -> None:
    """Takes this thread's alternate signal stack away; does nothing where there is none, or beyond Linux."""
    if sys.platform.startswith("linux"):
        none = _SignalStack(None, SS_DISABLE, 0)
        ctypes.CDLL(None).sigaltstack(ctypes.byref(none), None)


def signal_stack_size() -> int:
    """The size in bytes of this thread's alternate signal stack, 0 without one."""
    found = _SignalStack()
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).sigaltstack(None, ctypes.byref(found))
    return 0 if found.flags & SS_DISABLE else int(found.size)
