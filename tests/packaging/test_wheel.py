"""The sdist and the wheel hold what they must, and the wheel works, with what it says it needs, in any folder.

The wheel is built from the sdist, and installed into an environment of its own.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.packaging.checkout import ROOT, copy_checkout
from tests.test_bootstrap import bootstrap

pytestmark = pytest.mark.ci
#: Three patients of 6 mm voxels as DICOM, both tracers in one session, so that nothing needs registration.
MAKE_EXPORT = """
from dataclasses import replace
from pathlib import Path
from netlesion.phantom.digital_cohort.bids import CohortPlan, make_cohort
from netlesion.phantom.settings import PRESETS
settings = replace(PRESETS["net-petct"], tracers_apart=False, spacing_mm=(6.0, 6.0, 6.0))
make_cohort(Path("export"), CohortPlan(3, 10, settings=settings, dicom=True), workers=1)
"""


def run(*command, cwd, **environment):
    """Runs a command that must succeed; returns what it printed."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))} | environment
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """(sdist, wheel)."""
    folder = tmp_path_factory.mktemp("built")
    run(sys.executable, "-m", "build", "--outdir", folder, copy_checkout(folder / "checkout"), cwd=folder)
    return next(folder.glob("*.tar.gz")), next(folder.glob("*.whl"))


def data_files() -> set[str]:
    """What must travel beside the modules, as paths in the wheel."""
    package = ROOT / "netlesion"
    inside = [p for kind in ("*.j2", "*.safetensors", "weights/*.json", "py.typed") for p in package.rglob(kind)]
    found = {str(p.relative_to(ROOT)) for p in inside}
    return found | {f"netlesion/configs/{p.relative_to(ROOT / 'configs')}" for p in (ROOT / "configs").rglob("*.yaml")}


def test_the_wheel_holds_modules_templates_configurations_and_weights(built):
    with zipfile.ZipFile(built[1]) as wheel:
        names = set(wheel.namelist())
        metadata = wheel.read(next(n for n in names if n.endswith("METADATA"))).decode()
    modules = {str(p.relative_to(ROOT)) for p in (ROOT / "netlesion").rglob("*.py")}
    assert "netlesion/configs/experiment/sts.yaml" in data_files()
    assert modules | data_files() <= names
    assert [n for n in names if not n.startswith(("netlesion/", "netlesion-"))] == []
    assert "Classifier: Intended Audience :: Science/Research" in metadata
    assert "Project-URL" not in metadata


def test_the_sdist_holds_what_a_reader_needs(built):
    with tarfile.open(built[0]) as sdist:
        names = {n.split("/", 1)[1] for n in sdist.getnames() if "/" in n}
    assert {"README.md", "LICENSE", "CITATION.cff", "train.py", "infer.py", "configs/train.yaml"} <= names
    assert "docs/clinical.md" in names
    assert not [n for n in names if n.startswith((".venv", "data/", "runs/"))]


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """The folder of programs of a fresh environment that holds the wheel and what it requires."""
    folder = tmp_path_factory.mktemp("fresh")
    run(sys.executable, "-m", "venv", folder / "env", cwd=folder)
    programs = folder / "env" / ("Scripts" if os.name == "nt" else "bin")
    listing = run(sys.executable, "-m", "pip", "config", "list", cwd=folder)
    settings = bootstrap.parse_pip_config(listing)
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        install, index_flag = [programs / "python", "-m", "pip", "install", "--quiet"], "--index-url"
    else:
        install = [uv, "pip", "install", "--quiet", "--python", programs / "python", *bootstrap.uv_flags(settings)]
        index_flag = "--index"
    torch = bootstrap.torch_arguments("cpu", bootstrap.local_folders(settings), index_flag)
    run(*install, *torch, cwd=folder)
    run(*install, built[1], cwd=folder)
    return programs


def test_the_installed_wheel_trains_and_infers_in_an_empty_folder(installed, tmp_path):
    netlesion = installed / "netlesion"
    where = run(installed / "python", "-c", "import netlesion; print(netlesion.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(installed.parent)
    assert run(netlesion, "--version", cwd=tmp_path).startswith("netlesion ")
    run(installed / "python", "-c", MAKE_EXPORT, cwd=tmp_path)
    run(netlesion, "import", "dicom", "export", "cohort", cwd=tmp_path)
    settings = ["experiment=quickstart", "cohort=cohort", "trainer.max_epochs=1", "data.patches_per_visit=2"]
    assert "checkpoint runs/quickstart/model.safetensors" in run(netlesion, "train", *settings, cwd=tmp_path)
    said = run(netlesion, "infer", *settings, "split=test", "output=results", cwd=tmp_path)
    assert "0 failed" in said
    assert (tmp_path / "results" / "report.html").is_file()
    run(netlesion, "evaluate", "--reference", "cohort", "--prediction", "results", "--out", "scores", cwd=tmp_path)
    assert (tmp_path / "scores" / "evaluation.html").is_file()
    run(netlesion, "validate", "cohort", "--out", "checks", cwd=tmp_path)
    assert (tmp_path / "checks" / "validation.html").is_file()
