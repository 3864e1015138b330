"""Make the project's environment, then hand over: `python3 bootstrap.py demo`, `test` or `install`.

Takes a checkout and a Python >= 3.11; leaves `.venv` beside this file with the project in it, editable, and a stamp
that lets the next start skip the work. torch goes in first, as the build that fits the machine, and every later step is
held to exactly that build, so no dependency can swap it for another (a stray CUDA build is several GB).

Knows nothing about what the project computes, which packages it needs (pyproject.toml says), or how a package gets
here (pip's own configuration says; uv does not read it, so it is passed on). Sets nothing outside `.venv`. Only the
standard library; the syntax stays old enough for an old Python to reach the line that says it is too old.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import BinaryIO

try:
    import tomllib
except ImportError:  # Python < 3.11, which gets no further than the line that says so
    tomllib = None
try:
    import fcntl
except ImportError:  # Windows: no lock, two runs at once are the user's to avoid
    fcntl = None

MINIMUM_PYTHON = (3, 11)
ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
LOG = VENV / "bootstrap.log"  # also the lock, and the mark that `.venv` is ours to remake: never cleared away
STAMP = VENV / "netlesion-stamp.json"
TORCH_RANGE = "torch>=2.8,<3"
TORCH_FROM, TORCH_BELOW = (2, 8), (3,)
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
TORCH_CHOICES = ("auto", "cpu", "cuda")
EXTRAS = {"demo": (), "test": ("test",), "install": ()}  # what each command needs beyond the core
MADE_FOR = ("python", "root", "torch")  # stamp entries: a change here remakes `.venv`,
MADE_FROM = ("pyproject", "extras")  # one here only installs the project again
GPU_ONLY = re.compile(r"nvidia-|triton|cuda-")  # package names that have no place beside a CPU build


class Failed(Exception):
    """A step that could not be done; its text is the one line the user reads."""


# --- What to install: reads, never changes ---------------------------------------------------------------------------


def gpu_answers() -> bool:
    """Whether `nvidia-smi` is there, runs and exits 0: a driver without a working GPU does not count."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return False
    try:
        return subprocess.run([command], capture_output=True, timeout=30, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def resolve_torch(asked: str, stamp: dict | None) -> str:
    """Return "cpu" or "cuda". `auto` keeps an earlier explicit choice, and a CUDA build on a node without a GPU."""
    if asked != "auto":
        return asked
    if stamp is not None and (stamp["torch"] == "cuda" or stamp["asked"] != "auto"):
        return stamp["torch"]
    return "cuda" if gpu_answers() else "cpu"


def cpu_wheel_version(folders: list[str]) -> str | None:
    """Return the newest torch version in our range with a `+cpu` wheel for this Python and platform, or None."""
    python = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    abi = python + ("t" if sysconfig.get_config_var("Py_GIL_DISABLED") else "")
    system = {"linux": r"(?:many)?linux\w*_", "win32": r"win_"}.get(sys.platform, r"\w+_")
    machine = re.escape(platform.machine().lower())
    name = re.compile(rf"torch-(\d+(?:\.\d+)+)\+cpu-{python}-{abi}-{system}{machine}\.whl")
    found = [name.fullmatch(path.name) for folder in folders for path in Path(folder).glob("torch-*.whl")]
    releases = [tuple(map(int, match[1].split("."))) for match in found if match is not None]
    fitting = [release for release in releases if TORCH_FROM <= release < TORCH_BELOW]
    return ".".join(map(str, max(fitting))) + "+cpu" if fitting else None


def torch_arguments(torch: str, folders: list[str], index_flag: str) -> list[str]:
    """Return what the installer is asked for: a wheel at hand, the CPU index, or the usual index (CUDA; macOS)."""
    if torch == "cuda" or sys.platform == "darwin":
        return [TORCH_RANGE]
    version = cpu_wheel_version(folders)
    return [f"torch=={version}"] if version is not None else [index_flag, TORCH_CPU_INDEX, TORCH_RANGE]


def parse_pip_config(listing: str) -> dict[str, list[str]]:
    """Return pip's settings from `pip config list`, as pip ranks them: environment over [install] over [global]."""
    settings = {}
    for prefix in ("global.", "install.", ":env:."):
        for line in listing.splitlines():
            key, _, value = line.partition("=")
            if key.startswith(prefix):
                settings[key[len(prefix) :]] = str(ast.literal_eval(value)).split()
    return settings


def local_folders(settings: dict[str, list[str]]) -> list[str]:
    """Return pip's find-links that are folders on this disk; a missing one would stop uv, pip shrugs."""
    paths = [re.sub(r"^file://(localhost)?", "", link) for link in settings.get("find-links", [])]
    return [path for path in paths if Path(path).is_dir()]


def uv_flags(settings: dict[str, list[str]]) -> list[str]:
    """Return pip's settings as uv options, without file:// indexes, which stop uv where they are incomplete."""
    links = local_folders(settings) + [link for link in settings.get("find-links", []) if link.startswith("http")]
    flags = [word for link in links for word in ("--find-links", link)]
    for option in ("index-url", "extra-index-url"):
        urls = [url for url in settings.get(option, []) if not url.startswith("file:")]
        flags += [word for url in urls for word in (f"--{option}", url)]
    constraints = [path for path in settings.get("constraint", []) if path.startswith("http") or Path(path).is_file()]
    flags += [word for path in constraints for word in ("--constraint", path)]
    if settings.get("no-index", ["0"])[0].lower() in ("1", "true", "yes", "on"):
        flags.append("--no-index")
    return flags


def unpinned_oracles() -> list[str]:
    """Return the requirements of pyproject.toml whose own dependencies must not be installed."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    return groups["unpinned-oracles"]


# --- The stamp -------------------------------------------------------------------------------------------------------


def read_stamp(path: Path) -> dict | None:
    """Return the stamp of a finished environment; None if there is none or it cannot be read."""
    try:
        stamp = json.loads(path.read_text(encoding="utf-8"))
        return stamp if {*MADE_FOR, *MADE_FROM, "asked"} <= set(stamp) else None
    except (OSError, ValueError, TypeError):
        return None


def make_stamp(pyproject: bytes, extras: set[str], torch: str, asked: str) -> dict:
    """Return what an environment is made from. The root counts: scripts in `.venv` hold its absolute path."""
    digest = hashlib.sha256(pyproject).hexdigest()
    base = {"python": platform.python_version(), "root": str(ROOT), "torch": torch, "asked": asked}
    return {"pyproject": digest, "extras": sorted(extras), **base}


def same(stamp: dict | None, wanted: dict, keys: tuple[str, ...]) -> bool:
    """Whether an environment was made with these values; how its torch was asked for does not matter."""
    return stamp is not None and all(stamp[key] == wanted[key] for key in keys)


# --- Doing -----------------------------------------------------------------------------------------------------------


def tool(name: str, windows: bool = os.name == "nt") -> str:
    """Return the path of a program in `.venv`."""
    return str(VENV / "Scripts" / f"{name}.exe" if windows else VENV / "bin" / name)


BLAMED = [  # how uv and pip name the package they stumbled over, most telling first
    r"(?:No matching distribution found for|that satisfies the requirement|there (?:is|are) no versions? of) ([\w.-]+)",
    r"\b([\w.-]+) was not found in the \w+",
    r"Because \S+ depends on ([\w.-]+)",
    r"only ([\w.-]+?)(?:\[\w+\])?[<>=!~]\S* (?:is|are) available",
    r"[Ff]ailed (?:to (?:download|build|install|unzip)|building wheel)(?: for)?:? [`']?(\w[\w.-]*?)(?:==|[`' @]|$)",
    r"/(?:simple|whl/cpu)/([\w.-]+)/",
    r"/([A-Za-z]\w*)-\d[^/\s]*\.(?:whl|tar\.gz)",
    r"(?:Cannot install|Because(?: all versions of)?) ([\w.-]+)",
]
CAUSES = [  # what an output says -> what it means; the first that fits
    (r"no space left", "the disk is full"),
    (r"failed to build|failed building", "it did not build"),
    (r"connection |\(connect\)|timed out|dns error|proxyerror|certificate|failed to fetch", "the download failed"),
    (r"conflicting dependencies|because \S+ depends on \S+ and \S+, we can", "its required versions clash"),
    (r"", "no fitting version was found"),
]
REMEDY = "the network, the proxy (HTTPS_PROXY), the names and ranges in pyproject.toml"


def failure_line(step: str, output: str, torch: str) -> str:
    """Return the one line that says which package failed, why as far as the output tells, and what to try."""
    flat = re.sub(r"[\s│├╰─▶]+", " ", output)  # uv wraps its sentences and draws a tree
    blamed = (re.search(pattern, flat) for pattern in BLAMED)
    package = next((match[1].rstrip(".") for match in blamed if match is not None), "a package")
    cause = next(meaning for sign, meaning in CAUSES if re.search(sign, flat.lower()))
    smaller = " --torch cpu (a much smaller download) or" if torch == "cuda" else ""
    remedy = f"Check {REMEDY}. Or try{smaller} a folder of wheels in PIP_FIND_LINKS"
    return f"{step} failed: {package}: {cause}. {remedy}. Full output: {LOG}"


def run_step(log: BinaryIO, step: str, command: list[str], env: dict[str, str]) -> tuple[int, str]:
    """Run one command into the log, with one line of progress; return its exit status and its output."""
    print(f"bootstrap: {step} ... ", end="", flush=True)
    start = time.monotonic()
    shown = re.sub(r"//[^/@\s]+@", "//***@", " ".join(command))  # an index URL may hold a password
    log.write(f"\n$ {shown}\n".encode())
    log.flush()
    before = LOG.stat().st_size
    silent = subprocess.DEVNULL
    done = subprocess.run(command, cwd=ROOT, env=env, stdin=silent, stdout=log, stderr=subprocess.STDOUT, check=False)
    print(f"{'done' if done.returncode == 0 else 'failed'} ({time.monotonic() - start:.1f} s)", flush=True)
    return done.returncode, LOG.read_bytes()[before:].decode("utf-8", "replace")


def open_log() -> BinaryIO:
    """Open and hold the log. Installers inherit it: even one that outlived a killed run keeps the next run waiting."""
    VENV.mkdir(exist_ok=True)
    if not LOG.exists() and any(VENV.iterdir()):
        raise Failed(f"{VENV} was not made by bootstrap.py; move it away or delete it, then run again")
    log = LOG.open("ab")
    if fcntl is None:
        return log
    try:
        fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("bootstrap: waiting for another run in this checkout", flush=True)
        fcntl.flock(log, fcntl.LOCK_EX)
    except OSError:  # a network disk without locks: go on without
        pass
    return log


def installer_env(settings: dict[str, list[str]]) -> dict[str, str]:
    """Return the installers' environment: pip's certificate and proxy for uv too, and a log without control codes."""
    env = {"UV_HTTP_TIMEOUT": "180", **os.environ, "NO_COLOR": "1", "UV_NO_PROGRESS": "1"}
    for variable, option in (("SSL_CERT_FILE", "cert"), ("HTTPS_PROXY", "proxy"), ("HTTP_PROXY", "proxy")):
        if option in settings and variable.lower() not in env:
            env.setdefault(variable, settings[option][0])
    return env


def make_venv(log: BinaryIO) -> None:
    """Make `.venv` anew with pip in it; all but the log goes."""
    log.truncate(0)
    for entry in VENV.iterdir():  # one by one, so that a linked .venv stays a link
        if entry != LOG:
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    base = getattr(sys, "_base_executable", None) or sys.executable  # we may be running from the .venv just emptied
    status, _ = run_step(log, "making .venv", [base, "-m", "venv", str(VENV)], installer_env({}))
    if status != 0:
        raise Failed(f"Python's venv module failed (Debian and Ubuntu: install python3-venv). Full output: {LOG}")


def installed() -> dict[str, str]:
    """Return name -> version of every package in `.venv`, names in lower case with dashes."""
    code = "import importlib.metadata as m, json; print(json.dumps([(d.name, d.version) for d in m.distributions()]))"
    found = subprocess.run([tool("python"), "-I", "-c", code], capture_output=True, text=True, check=True).stdout
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in json.loads(found)}


def check_build(torch: str) -> None:
    """Refuse GPU packages beside a CPU build, and a CPU build where CUDA was chosen; warn if it sees no GPU."""
    stray = sorted(name for name in installed() if GPU_ONLY.match(name))
    if torch == "cpu" and stray:
        raise Failed(f"a CPU environment must not hold {', '.join(stray)}; {LOG} shows which step brought it")
    if torch == "cuda":
        code = "import torch; print(torch.version.cuda, torch.cuda.is_available())"
        answer = subprocess.run([tool("python"), "-I", "-c", code], capture_output=True, text=True, check=False).stdout
        if not answer or answer.startswith("None"):
            raise Failed("torch came without CUDA, or does not import. Try --torch cpu, or a wheel in PIP_FIND_LINKS")
        if not answer.strip().endswith("True"):
            print("bootstrap: warning: this torch sees no GPU here; the driver may be too old for its CUDA")


def install(log: BinaryIO, extras: set[str], torch: str) -> None:
    """Install torch, pin it, then the project with its extras into a `.venv` that holds at least pip."""
    python = tool("python")
    listing = subprocess.run([python, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    settings = parse_pip_config(listing.stdout)
    env = installer_env(settings)
    pip = [python, "-m", "pip", "install", "--no-input"]
    command, index_flag = pip, "--index-url"
    if Path(tool("uv")).exists() or run_step(log, "installing uv", [*pip, "uv"], env)[0] == 0:
        command, index_flag = [tool("uv"), "pip", "install", "--python", python, *uv_flags(settings)], "--index"

    def step(label: str, arguments: list[str]) -> None:
        status, output = run_step(log, label, [*command, *arguments], env)
        if status != 0:
            raise Failed(failure_line(label, output, torch))

    if "torch" not in installed():
        note = " (CUDA build, several GB)" if torch == "cuda" else " (CPU build)"
        step("installing torch" + note, torch_arguments(torch, local_folders(settings), index_flag))
    constraints = VENV / "constraints.txt"
    constraints.write_text(f"torch=={installed()['torch']}\n", encoding="utf-8")
    project = "." + (f"[{','.join(sorted(extras))}]" if extras else "")
    step(f"installing the project ({project})", ["--constraint", str(constraints), "--editable", project])
    if "test" in extras:
        step("installing oracles without their pins", ["--no-deps", *unpinned_oracles()])


def compare(needs: set[str], asked: str) -> tuple[dict | None, dict]:
    """Return the stamp of what is there (None: nothing usable) and of what is wanted; extras only ever add up."""
    try:
        pyproject = (ROOT / "pyproject.toml").read_bytes()
    except FileNotFoundError:
        raise Failed(f"{ROOT} holds no pyproject.toml; bootstrap.py belongs in the repository's root") from None
    stamp = read_stamp(STAMP) if Path(tool("python")).exists() else None
    torch = resolve_torch(asked, stamp)
    extras = needs | set(stamp["extras"] if stamp is not None else ())
    return stamp, make_stamp(pyproject, extras, torch, stamp["asked"] if stamp and asked == "auto" else asked)


def renew(log: BinaryIO, stamp: dict | None, wanted: dict) -> None:
    """Bring `.venv` from one stamp to the other: the project step alone where that is enough, else all of it."""
    start = time.monotonic()
    usable = same(stamp, wanted, MADE_FOR)
    STAMP.unlink(missing_ok=True)  # from here to the end a kill leaves no stamp, so the next run starts clean
    if not usable:
        make_venv(log)
    try:
        install(log, set(wanted["extras"]), wanted["torch"])
    except Failed:
        if usable:  # the installers resolve and download before they change anything: the old state holds
            STAMP.write_text(json.dumps(stamp), encoding="utf-8")
        raise
    check_build(wanted["torch"])
    STAMP.write_text(json.dumps(wanted), encoding="utf-8")
    print(f"bootstrap: .venv is ready ({time.monotonic() - start:.1f} s)", flush=True)


def ensure_environment(needs: set[str], asked: str) -> None:
    """Bring `.venv` to what pyproject.toml, the extras (old and new), this Python and the torch choice ask for."""
    stamp, wanted = compare(needs, asked)
    if same(stamp, wanted, MADE_FOR + MADE_FROM):
        return
    with open_log() as log:
        stamp, wanted = compare(needs, asked)  # a run that we waited for may have done it
        if not same(stamp, wanted, MADE_FOR + MADE_FROM):
            renew(log, stamp, wanted)


def call(command: list[str]) -> int:
    """Run a program of `.venv` in the root and return its exit status; Ctrl-C and a TERM are its to answer."""
    env = {**os.environ, "PATH": str(Path(tool("python")).parent) + os.pathsep + os.environ.get("PATH", "")}
    child = subprocess.Popen(command, cwd=ROOT, env=env)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    status = child.wait()
    signal.signal(signal.SIGINT, before)
    return status if status >= 0 else 128 - status


def hand_over(command: str, rest: list[str]) -> int:
    """Run what the environment was made for; the status is that of the first failure."""
    if command == "demo":
        return call([tool("netlesion"), "demo", *rest])
    if command == "test":
        lint = call([tool("ruff"), "check", "."])
        if lint >= 128:  # stopped by a signal, not by a finding
            return lint
        tests = call([tool("python"), "-m", "pytest", "-n", "2", "--dist", "loadfile", *rest])
        return lint or tests  # both run: a lint finding hides no failing test
    return 0


def parse(argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Return our own options and, in order, everything that is passed through."""
    parser = argparse.ArgumentParser(
        prog="bootstrap.py",
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Make .venv beside this file (only if something changed), then run the command in it.",
        epilog="Further arguments go to `netlesion demo` or pytest, e.g.: python3 bootstrap.py test -k suv -x",
    )
    commands = "demo: run the demo; test: ruff, then pytest (-m ci: its slow rest); install: only make .venv"
    parser.add_argument("command", choices=tuple(EXTRAS), help=commands)
    builds = "which build; auto (default): CUDA where nvidia-smi works, else CPU. Or set NETLESION_TORCH"
    default = os.environ.get("NETLESION_TORCH") or "auto"
    parser.add_argument("--torch", choices=TORCH_CHOICES, default=default, help=builds)
    args, rest = parser.parse_known_args(argv)
    if args.torch not in TORCH_CHOICES:  # argparse does not check a default
        parser.error(f"NETLESION_TORCH={args.torch!r} is not one of {', '.join(TORCH_CHOICES)}")
    if args.command == "install" and rest:
        parser.error(f"install takes no further arguments: {' '.join(rest)}")
    return args, rest


def main(argv: list[str]) -> int:
    """Return the exit status: 1 if the environment cannot be made, else that of the command."""
    if sys.version_info[:2] < MINIMUM_PYTHON:
        print(f"bootstrap: Python >= 3.11 is needed, this is {platform.python_version()}", file=sys.stderr)
        return 1
    args, rest = parse(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # subprocess.run then ends the installer too
    try:
        ensure_environment(set(EXTRAS[args.command]), args.torch)
        return hand_over(args.command, rest)
    except (Failed, OSError, subprocess.SubprocessError) as error:
        print(f"bootstrap: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nbootstrap: interrupted; run the same command again to go on", file=sys.stderr)
        return 130
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
