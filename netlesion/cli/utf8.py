"""Names in any language, whatever the locale: a program that was started in an ASCII or Latin-1 locale reads and writes
file names as UTF-8, and what a terminal cannot show is printed as an escape.
"""

from __future__ import annotations

import io
import os
import sys


def use_utf8() -> None:
    """Starts the program again in Python's UTF-8 mode where its locale is not UTF-8; to be called before anything else.

    A file name of another encoding than its locale's would be text that no table or JSON can hold.
    """
    if os.name == "posix" and not sys.flags.utf8_mode and sys.getfilesystemencoding().lower() != "utf-8":
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
