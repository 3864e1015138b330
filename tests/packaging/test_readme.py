"""Every line of the README's road is typed, in a copy of the checkout, and prints what the README shows.

Numbers depend on the processor: where the README shows one, another may come. A line `...` stands for any lines.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.checkout import ROOT, copy_checkout

NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e-?\d+)?")
NUMBER_OR_INTERVAL = rf"{NUMBER.pattern}(?: \[[^\]]*\])?"


def road() -> list[tuple[str, list[str]]]:
    """(command, shown lines) of the README's console block."""
    (block,) = re.findall(r"^```console\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)
    steps: list[tuple[str, list[str]]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            steps.append((line[2:], []))
        else:
            steps[-1][1].append(line)
    return steps


def pattern_of(shown: list[str]) -> re.Pattern:
    """A pattern of the whole output: a number is any, with an interval or without, a space any, `...` any lines."""
    lines = []
    for line in (re.sub(r" \[.*?\]", "", line) for line in shown):
        words = [r"\s+".join(map(re.escape, re.split(r"\s+", part))) for part in NUMBER.split(line)]
        lines.append(r"(?:.*\n)*?" if line == "..." else NUMBER_OR_INTERVAL.join(words) + r"[ \t]*\n")
    return re.compile("".join(lines))


def test_a_shown_line_is_met_by_other_numbers_only():
    shown = pattern_of(["Dice (mean)  0.1 [0.0, 0.2], n 2", "...", "page.html"])
    assert shown.fullmatch("Dice (mean) 0.77 [0.5, 1.0], n 2\nnote: one\npage.html\n")
    assert not shown.fullmatch("Dice (mean) nan [0.5, 1.0], n 2\npage.html\n")
    assert not shown.fullmatch("Dice (mean) 0.77 [0.5, 1.0], n 2\npage.html\nerror\n")


def test_the_road_fits_a_screen():
    lines = [line for command, shown in road() for line in (f"$ {command}", *shown)]
    assert len(lines) <= 48
    assert max(map(len, lines)) <= 100


def test_no_command_needs_a_folder_outside_the_repository():
    texts = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "configs").rglob("*.yaml")]
    texts += [*(ROOT / "notebooks").glob("*.ipynb"), ROOT / "data" / "README.md"]
    assert [str(p) for p in texts if "../shared" in p.read_text(encoding="utf-8")] == []


@pytest.mark.ci
def test_the_road_runs_as_shown(tmp_path):
    clone = copy_checkout(tmp_path / "clone")
    (clone / ".venv").symlink_to(Path(sys.prefix), target_is_directory=True)
    env = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "CI")} | {"PYTHONPATH": str(clone)}
    folder = clone
    for command, shown in road():
        setting = re.fullmatch(r"(\w+)=(\S+)", command)
        if setting is not None:  # each line has a shell of its own
            env[setting[1]] = setting[2]
            continue
        script = f'set -e; cd "{folder}"; source "{clone}/.venv/bin/activate"; {command}; pwd >"{tmp_path}/pwd"'
        done = subprocess.run(["bash", "-c", script], env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        assert pattern_of(shown).fullmatch(done.stdout), f"{command}\nshown:\n{shown}\nprinted:\n{done.stdout}"
        folder = Path((tmp_path / "pwd").read_text().strip())
