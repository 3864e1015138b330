"""The shape of the package: entries at its root, lengths of its files, and no circle of imports."""

from graphlib import TopologicalSorter
from pathlib import Path
from statistics import median

import grimp

PACKAGE = Path(__file__).resolve().parents[2] / "netlesion"


def test_the_root_and_the_files_stay_small():
    entries = [p.name for p in PACKAGE.iterdir() if p.name not in ("py.typed", "__pycache__")]
    assert len(entries) <= 24, sorted(entries)
    lengths = {p: len(p.read_text(encoding="utf-8").splitlines()) for p in PACKAGE.rglob("*.py")}
    longest = max(lengths, key=lambda p: lengths[p])
    assert lengths[longest] <= 400, longest
    assert median(lengths.values()) <= 120


def test_no_module_imports_one_that_imports_it():
    """Imports inside functions and under TYPE_CHECKING count: a circle is one even where Python would not notice."""
    graph = grimp.build_graph("netlesion", cache_dir=None)
    names = {m: graph.find_modules_directly_imported_by(m) for m in graph.modules}
    order = TopologicalSorter({m: found - {m} for m, found in names.items()})
    order.prepare()  # raises CycleError, with the circle
