"""The public names: each is loaded when it is used, and documented with an example that runs."""

import ast
import doctest
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import netlesion as nl

NAMES = tuple(name for name in nl.__all__ if name != "__version__")
DOCUMENT = Path(__file__).parents[2] / "docs" / "api.md"


def test_there_are_a_dozen():
    assert len(NAMES) == 12
    assert set(NAMES) == set(nl._MODULE_OF)
    assert dir(nl) == sorted(nl.__all__)


def test_what_a_type_checker_sees_is_what_is_loaded():
    tree = ast.parse(Path(nl.__file__).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == nl._MODULE_OF


def test_a_name_that_is_not_public_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'segment'; it offers Geometry"):
        nl.segment  # noqa: B018


def test_the_import_is_quick_and_loads_nothing_else():
    """0.2 s of processor time is the promise; what is loaded decides it and does not depend on the machine's load."""
    code = "import sys; before = set(sys.modules); import netlesion; print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in ast.literal_eval(done.stdout)}
    assert loaded - set(sys.stdlib_module_names) == {"netlesion"}


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_has_an_example_that_runs(name, examples):
    _run(doctest.DocTestFinder(recurse=False).find(getattr(nl, name), name, globs=_names()))


def test_the_examples_of_the_document_run(examples):
    text = DOCUMENT.read_text(encoding="utf-8")
    _run([doctest.DocTestParser().get_doctest(text, _names(), DOCUMENT.name, str(DOCUMENT), 0)])


def _names() -> dict:
    return {"nl": nl, "np": np}


def _run(found: list[doctest.DocTest]) -> None:
    """Runs examples; fails where there is none, or where one prints something else than it shows."""
    assert sum(len(one.examples) for one in found), "there is no example"
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    for one in found:
        runner.run(one, out=said.append)
    assert runner.failures == 0, "".join(said)
