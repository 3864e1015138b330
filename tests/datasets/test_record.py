"""The record of an import names what a killed one wrote before it, with the hashes that it would have had."""

import json

import pytest

from netlesion.datasets.record import recorded_outputs
from netlesion.errors import CohortError
from netlesion.io.bids.cohort import DERIVATIVES
from tests.datasets.test_key import from_hospital, from_table, import_dicom, import_listing, list_table, sources  # noqa: F401  (a fixture)


class Killed(BaseException):
    """As a kill: nothing below catches it."""


def hospital(root, cohort, progress):
    return import_dicom(root / "export", root / cohort, root / "k.tsv", progress)


def table(root, cohort, progress):
    return import_listing(list_table(root / "files.tsv"), root / cohort, root / "k.tsv", progress)


def record_of(root, cohort, number=1):
    found = json.loads((root / cohort / DERIVATIVES / f"import-{number:03d}.json").read_text())
    return found["inputs_sha256"], sorted(found["outputs"]), found["of_interrupted_import"]


@pytest.mark.parametrize("source", [hospital, table])
def test_what_a_killed_import_wrote_is_in_the_next_record(sources, source):  # noqa: F811
    written = []

    def killed_at_the_second(path):
        written.append(path.relative_to(sources / "cut").as_posix())
        if len(written) == 2:
            raise Killed

    source(sources, "whole", lambda path: None)
    with pytest.raises(Killed):
        source(sources, "cut", killed_at_the_second)
    assert not list((sources / "cut" / DERIVATIVES).glob("import-*.json"))
    source(sources, "cut", lambda path: None)
    inputs, outputs, before = record_of(sources, "cut")
    assert (inputs, outputs) == record_of(sources, "whole")[:2]
    assert set(before) == set(written)
    assert recorded_outputs(sources / "cut") == set(outputs)
    source(sources, "cut", lambda path: None)
    assert len(list((sources / "cut" / DERIVATIVES).glob("import-*.json"))) == 1


def test_numbers_go_on_from_the_highest_and_a_broken_record_is_one_line(sources):  # noqa: F811
    from_hospital(sources)
    folder = sources / "cohort" / DERIVATIVES
    (folder / "import-001.json").rename(folder / "import-007.json")
    (sources / "files.tsv").write_text((sources / "files.tsv").read_text().replace("\n001\t", "\nq7\t"))
    from_table(sources)
    assert sorted(p.name for p in folder.glob("import-*.json")) == ["import-007.json", "import-008.json"]
    for text in ("", "[]", '{"outputs": 3}', "{}"):
        (folder / "import-008.json").write_text(text)
        with pytest.raises(CohortError, match=r"import-008.json: is no record of an import; restore it, or remove it"):
            from_table(sources)
