"""The C library's heap, told to keep what it has: the largest single gain of CPU inference, and bit-identical."""

from __future__ import annotations

import ctypes
import sys


def reuse_freed_memory() -> None:
    """Tells glibc to reuse large blocks instead of returning them to the system; elsewhere does nothing.

    Large activations are otherwise mapped and faulted anew for every layer, which costs eager CPU inference
    and training a factor of 1.6 to 1.7. The process keeps its high-water mark.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        libc = ctypes.CDLL("libc.so.6")
        m_trim_threshold, m_mmap_max = -1, -4
        libc.mallopt(m_mmap_max, 0)
        libc.mallopt(m_trim_threshold, 2**31 - 1)
    except (OSError, AttributeError):  # musl and others have no mallopt
        return
