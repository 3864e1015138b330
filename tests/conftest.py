"""Shared by every test: where the real patients lie, and what may be skipped where a test run is to be believed.

With CI=true in the environment a skip is a failure, unless its reason is one of `ALLOWED_SKIPS`: an oracle that is not
installed would otherwise make the tests that need it disappear.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
IN_CI = os.environ.get("CI", "").lower() in ("true", "1")
#: How the reason of a skip begins that a machine may have: hardware, a system, data that are not ours to give, or a
#: large oracle of what others check as well.
ALLOWED_SKIPS = (
    "no GPU",
    "an optional oracle",
    "the real patients are absent",
    "needs root",
    "needs Linux",
    "needs a POSIX shell",
)

# programs that packages of the test extra install, such as dciodvfy, lie beside the interpreter
os.environ["PATH"] = str(Path(sys.executable).parent) + os.pathsep + os.environ.get("PATH", "")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real patients; a test that asks for it is skipped, with a reason, where it is absent."""
    if not (SHARED / "README.md").is_file():
        pytest.skip(f"the real patients are absent: {SHARED} is not part of the repository")
    return SHARED


def may_skip(reason: str) -> bool:
    """Whether a test may be skipped for this reason where CI=true."""
    return reason.removeprefix("Skipped: ").startswith(ALLOWED_SKIPS)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Makes a failure of a skip that CI must not have."""
    report = yield
    return _judged(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """The same for a whole file that skips itself."""
    report = yield
    return _judged(report)


def _judged(report):
    if IN_CI and report.skipped and isinstance(report.longrepr, tuple) and not may_skip(str(report.longrepr[2])):
        report.outcome, report.longrepr = "failed", f"skipped where CI=true: {report.longrepr[2]}"
    return report
