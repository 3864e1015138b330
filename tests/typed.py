"""The command line, run in this process as if it had been typed: most of a fresh process's time is spent on imports."""

import io
import subprocess
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout
from unittest.mock import patch

from netlesion.cli.main import main


def netlesion(*arguments) -> subprocess.CompletedProcess:
    """What `netlesion ARGUMENTS` prints, and its exit status."""
    argv, out, err = ["netlesion", *map(str, arguments)], io.StringIO(), io.StringIO()
    usual = warnings.formatwarning
    with patch.object(sys, "argv", argv), redirect_stdout(out), redirect_stderr(err), warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.showwarning = lambda *w: print(warnings.formatwarning(*w[:4]), end="", file=sys.stderr)
        try:
            main()
            status = 0
        except SystemExit as end:
            status = end.code or 0
        finally:
            warnings.formatwarning = usual
    return subprocess.CompletedProcess(argv, status, out.getvalue(), err.getvalue())
