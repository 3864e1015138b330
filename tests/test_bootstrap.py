"""bootstrap.py decides before it acts: these are the decisions, without a network, an installer or a `.venv`."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parent.parent / "bootstrap.py"
SPEC = importlib.util.spec_from_file_location("bootstrap", SCRIPT)
assert SPEC is not None
assert SPEC.loader is not None
bootstrap = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(bootstrap)

# --- Which torch wheel ---

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux: the names of its wheels")
TAG = f"cp{sys.version_info[0]}{sys.version_info[1]}"
PLATFORM = f"manylinux_2_28_{platform.machine()}"


def wheel_folder(folder: Path, *names: str) -> list[str]:
    for name in names:
        (folder / name).touch()
    return [str(folder)]


@LINUX
def test_the_newest_cpu_wheel_for_this_python_is_taken(tmp_path: Path) -> None:
    names = [f"torch-{version}+cpu-{TAG}-{TAG}-{PLATFORM}.whl" for version in ("2.9.1", "2.13.0", "2.10.0")]
    assert bootstrap.cpu_wheel_version(wheel_folder(tmp_path, *names)) == "2.13.0+cpu"


@LINUX
@pytest.mark.parametrize(
    "name",
    [
        f"torch-2.13.0+cpu-cp27-cp27-{PLATFORM}.whl",  # another Python
        f"torch-2.13.0+cpu-{TAG}-{TAG}x-{PLATFORM}.whl",  # another ABI
        f"torch-2.13.0+cu130-{TAG}-{TAG}-{PLATFORM}.whl",  # a CUDA build
        f"torch-2.13.0-{TAG}-{TAG}-{PLATFORM}.whl",  # unnamed: on Linux also a CUDA build
        f"torch-2.13.0+cpu-{TAG}-{TAG}-win_amd64.whl",  # another system
        f"torch-2.13.0+cpu-{TAG}-{TAG}-manylinux_2_28_s390x.whl",  # another machine
        f"torch-2.7.1+cpu-{TAG}-{TAG}-{PLATFORM}.whl",  # below the range
        f"torch-3.0.0+cpu-{TAG}-{TAG}-{PLATFORM}.whl",  # above the range
        f"torchvision-2.13.0+cpu-{TAG}-{TAG}-{PLATFORM}.whl",  # another package
    ],
)
def test_a_wheel_that_does_not_fit_is_passed_over(tmp_path: Path, name: str) -> None:
    folders = wheel_folder(tmp_path, name)
    assert bootstrap.cpu_wheel_version(folders) is None
    wanted = ["--index", bootstrap.TORCH_CPU_INDEX, bootstrap.TORCH_RANGE]
    assert bootstrap.torch_arguments("cpu", folders, "--index") == wanted


@LINUX
def test_a_cpu_wheel_at_hand_needs_no_index_and_cuda_ignores_it(tmp_path: Path) -> None:
    folders = wheel_folder(tmp_path, f"torch-2.13.0+cpu-{TAG}-{TAG}-{PLATFORM}.whl")
    assert bootstrap.torch_arguments("cpu", folders, "--index") == ["torch==2.13.0+cpu"]
    assert bootstrap.torch_arguments("cuda", folders, "--index") == [bootstrap.TORCH_RANGE]


# --- Which torch build ---


def put_nvidia_smi_on_path(monkeypatch: pytest.MonkeyPatch, folder: Path, status: int | None) -> None:
    if status is not None:
        command = folder / "nvidia-smi"
        command.write_text(f"#!/bin/sh\nexit {status}\n")
        command.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell: the fake is a script")
@pytest.mark.parametrize(("status", "build"), [(0, "cuda"), (9, "cpu"), (None, "cpu")])
def test_auto_asks_nvidia_smi(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, status: int | None, build: str) -> None:
    put_nvidia_smi_on_path(monkeypatch, tmp_path, status)
    assert bootstrap.resolve_torch("auto", None) == build


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell: the fake is a script")
def test_a_gpu_does_not_overrule_a_choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put_nvidia_smi_on_path(monkeypatch, tmp_path, 0)
    assert bootstrap.resolve_torch("cpu", None) == "cpu"
    assert bootstrap.resolve_torch("auto", {"torch": "cpu", "asked": "cpu"}) == "cpu"
    assert bootstrap.resolve_torch("auto", {"torch": "cpu", "asked": "auto"}) == "cuda"


def test_a_cuda_environment_stays_on_a_node_without_a_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put_nvidia_smi_on_path(monkeypatch, tmp_path, None)
    assert bootstrap.resolve_torch("auto", {"torch": "cuda", "asked": "auto"}) == "cuda"
    assert bootstrap.resolve_torch("cpu", {"torch": "cuda", "asked": "auto"}) == "cpu"


# --- pip's settings, for uv ---


def test_pip_settings_rank_environment_over_install_over_global() -> None:
    listing = ":env:.find-links='/c'\nglobal.find-links='/a'\nglobal.timeout='5'\ninstall.timeout='7'\nno equals sign\n"
    assert bootstrap.parse_pip_config(listing) == {"find-links": ["/c"], "timeout": ["7"]}
    assert bootstrap.parse_pip_config("") == {}


def test_uv_is_spared_what_does_not_exist(tmp_path: Path) -> None:
    constraint = tmp_path / "constraints.txt"
    constraint.touch()
    settings = {
        "find-links": [str(tmp_path), str(tmp_path / "missing"), "https://wheels.example/"],
        "extra-index-url": ["file:///somewhere/simple", "https://index.example/simple"],
        "constraint": [str(constraint), str(tmp_path / "missing.txt")],
    }
    links = ["--find-links", str(tmp_path), "--find-links", "https://wheels.example/"]
    rest = ["--extra-index-url", "https://index.example/simple", "--constraint", str(constraint)]
    assert bootstrap.uv_flags(settings) == links + rest
    assert bootstrap.uv_flags({}) == []


# --- The stamp ---

PYPROJECT = b'[project]\nname = "netlesion"\n'


def is_current(stamp: dict, wanted: dict) -> bool:
    return bootstrap.same(stamp, wanted, bootstrap.MADE_FOR + bootstrap.MADE_FROM)


def test_a_stamp_survives_the_disk_and_fits(tmp_path: Path) -> None:
    stamp = bootstrap.make_stamp(PYPROJECT, {"test", "docs"}, "cpu", "auto")
    path = tmp_path / "stamp.json"
    path.write_text(json.dumps(stamp))
    assert bootstrap.read_stamp(path) == stamp
    assert is_current(bootstrap.read_stamp(path), bootstrap.make_stamp(PYPROJECT, {"docs", "test"}, "cpu", "cpu"))


def test_a_changed_pyproject_or_new_extra_only_installs_again() -> None:
    stamp = bootstrap.make_stamp(PYPROJECT, {"test"}, "cpu", "auto")
    for wanted in (
        bootstrap.make_stamp(PYPROJECT + b"\n", {"test"}, "cpu", "auto"),
        bootstrap.make_stamp(PYPROJECT, {"test", "docs"}, "cpu", "auto"),
    ):
        assert not is_current(stamp, wanted)
        assert bootstrap.same(stamp, wanted, bootstrap.MADE_FOR)


def test_another_python_torch_or_place_remakes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stamp = bootstrap.make_stamp(PYPROJECT, set(), "cpu", "auto")
    assert not bootstrap.same(stamp, bootstrap.make_stamp(PYPROJECT, set(), "cuda", "auto"), bootstrap.MADE_FOR)
    with monkeypatch.context() as patch:
        patch.setattr(platform, "python_version", lambda: "3.99.0")
        assert not bootstrap.same(stamp, bootstrap.make_stamp(PYPROJECT, set(), "cpu", "auto"), bootstrap.MADE_FOR)
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    assert not bootstrap.same(stamp, bootstrap.make_stamp(PYPROJECT, set(), "cpu", "auto"), bootstrap.MADE_FOR)


@pytest.mark.parametrize("text", [None, "", "{", "[]", "3", '{"torch": "cpu"}'])
def test_a_missing_or_broken_stamp_is_no_stamp(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "stamp.json"
    if text is not None:
        path.write_text(text)
    assert bootstrap.read_stamp(path) is None
    assert not is_current(None, bootstrap.make_stamp(PYPROJECT, set(), "cpu", "auto"))


def test_demo_after_test_wants_nothing_new(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(PYPROJECT)
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "STAMP", tmp_path / "stamp.json")
    monkeypatch.setattr(bootstrap, "tool", lambda _: sys.executable)
    made = bootstrap.make_stamp(PYPROJECT, {"test"}, "cpu", "cpu")
    bootstrap.STAMP.write_text(json.dumps(made))
    assert is_current(*bootstrap.compare(set(), "auto"))
    assert not is_current(*bootstrap.compare({"docs"}, "auto"))


# --- The one line after a failure ---

UV_MISSING = """error: No solution found when resolving dependencies
  cause: Because nosuchpkg was not found in the package registry and netlesion==0.1 depends on nosuchpkg, we can
         conclude that netlesion==0.1 cannot be used.
"""
UV_MISSING_AS_A_TREE = """  × No solution found when resolving dependencies:
  ╰─▶ Because only nibabel<=5.4.2 is
      available and you require nibabel>=99, we can conclude that your requirements are unsatisfiable.
"""
UV_CLASH = """error: No solution found when resolving dependencies
  cause: Because netlesion==0.1 depends on torch==2.12.0 and torch==2.13.0+cpu, we can conclude that netlesion==0.1
         cannot be used.
"""
UV_OFFLINE = """error: Request failed after 3 retries in 6.3s
  cause: Failed to fetch: https://index.example/simple/nibabel/
  cause: client error (Connect)
"""
UV_BROKEN_DOWNLOAD = """  × Failed to download `monai==1.6.1`
  ├─▶ Failed to fetch: `https://files.example/ab/cd/monai-1.6.1-py3-none-any.whl`
  ╰─▶ operation timed out
"""
UV_BUILD = "  × Failed to build `netlesion @ file:///work`\n  ╰─▶ The build backend returned an error\n"
PIP_MISSING = """ERROR: Could not find a version that satisfies the requirement nosuchpkg>=1 (from versions: none)
ERROR: No matching distribution found for nosuchpkg>=1
"""
PIP_OFFLINE = "WARNING: Retrying after connection broken by 'NewConnectionError('[Errno 111]')': /simple/scipy/\n"


@pytest.mark.parametrize(
    ("output", "package", "cause"),
    [
        (UV_MISSING, "nosuchpkg", "no fitting version"),
        (UV_MISSING_AS_A_TREE, "nibabel", "no fitting version"),
        (UV_CLASH, "torch", "clash"),
        (UV_OFFLINE, "nibabel", "download failed"),
        (UV_BROKEN_DOWNLOAD, "monai", "download failed"),
        (UV_BUILD, "netlesion", "did not build"),
        (PIP_MISSING, "nosuchpkg", "no fitting version"),
        (PIP_OFFLINE, "scipy", "download failed"),
        (UV_BROKEN_DOWNLOAD + "No space left on device (os error 28)", "monai", "disk is full"),
        ("", "a package", "no fitting version"),
    ],
)
def test_a_failure_is_one_line_with_package_cause_remedy_and_log(output: str, package: str, cause: str) -> None:
    line = bootstrap.failure_line("installing", output, "cpu")
    assert "\n" not in line
    assert re.search(rf"failed: {package}: .*{cause}", line)
    for remedy in ("HTTPS_PROXY", "PIP_FIND_LINKS", str(bootstrap.LOG)):
        assert remedy in line
    assert "--torch cpu" not in line
    assert "--torch cpu" in bootstrap.failure_line("installing", output, "cuda")


# --- The command line ---


def run_script(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


def test_help_explains_itself() -> None:
    done = run_script("--help")
    assert done.returncode == 0
    assert all(word in done.stdout for word in ("demo", "test", "install", "--torch", "NETLESION_TORCH"))


@pytest.mark.parametrize("arguments", [(), ("bogus",), ("test", "--torch", "rocm"), ("install", "extra")])
def test_what_is_not_a_command_exits_2(arguments: tuple[str, ...]) -> None:
    assert run_script(*arguments).returncode == 2


def test_a_wrong_choice_in_the_environment_is_named() -> None:
    done = run_script("install", NETLESION_TORCH="rocm")
    assert done.returncode == 2
    assert "NETLESION_TORCH='rocm'" in done.stderr


def test_what_follows_the_command_passes_through_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NETLESION_TORCH", raising=False)
    args, rest = bootstrap.parse(["test", "-k", "suv", "tests/laws", "--torch", "cpu", "--tb=short", "-x"])
    assert (args.command, args.torch) == ("test", "cpu")
    assert rest == ["-k", "suv", "tests/laws", "--tb=short", "-x"]


def test_an_old_python_is_told_so_in_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(bootstrap, "MINIMUM_PYTHON", (99, 0))
    assert bootstrap.main(["test"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_programs_are_found_on_both_kinds_of_system() -> None:
    assert bootstrap.tool("ruff", windows=False) == str(bootstrap.VENV / "bin" / "ruff")
    assert bootstrap.tool("ruff", windows=True) == str(bootstrap.VENV / "Scripts" / "ruff.exe")


def test_an_oracle_without_its_pins_is_a_requirement_of_no_extra() -> None:
    import tomllib

    extras = tomllib.loads((SCRIPT.parent / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    names = [re.split(r"[<>=]", line)[0] for line in bootstrap.unpinned_oracles()]
    assert names
    assert not [line for lines in extras.values() for line in lines for name in names if line.startswith(name)]
