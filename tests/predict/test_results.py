"""A finished visit is known again by its outputs: a damaged one is done again, a foreign record is left alone."""

import json

import pytest

from netlesion.errors import OutputError
from netlesion.quantify.table import read_lesions
from tests.predict.test_batch import make_cohort, run

CASE = "P1_trc-fdg"
DAMAGES = {
    "label map cut in half": (f"{CASE}_desc-lesions_dseg.nii.gz", lambda b: b[: len(b) // 2]),
    "label map changed in one bit": (
        f"{CASE}_desc-lesions_dseg.nii.gz",
        lambda b: b[:-9] + bytes([b[-9] ^ 1]) + b[-8:],
    ),
    "probability map emptied": (f"{CASE}_desc-lesions_probseg.nii.gz", lambda b: b""),
    "table emptied": (f"{CASE}_desc-lesions.tsv", lambda b: b""),
    "table without its last row": (f"{CASE}_desc-lesions.tsv", lambda b: b"".join(b.splitlines(True)[:-1])),
    "dictionary emptied": (f"{CASE}_desc-lesions.json", lambda b: b""),
    "picture emptied": (f"{CASE}_mip.png", lambda b: b""),
    "picture missing": (f"{CASE}_mip.png", None),
    "record cut off": ("provenance.json", lambda b: b[:40]),
    "record emptied": ("provenance.json", lambda b: b""),
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run and its inputs, for tests that damage one visit and have it done again."""
    root = tmp_path_factory.mktemp("finished")
    run(make_cohort(root), root / "out")
    return root


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_visit_is_done_again_and_the_others_are_not(finished, damage, capfd):
    name, change = DAMAGES[damage]
    path = finished / "out" / "P1" / name
    before = path.read_bytes()
    path.unlink() if change is None else path.write_bytes(change(before))
    result = run(finished / "in", finished / "out")
    assert (result.done, result.skipped) == (("P1",), ("P0", "P2"))
    assert name == "provenance.json" or path.read_bytes() == before
    assert len(read_lesions(finished / "out" / "lesions.tsv")[CASE]) == 2
    if name != "provenance.json":
        assert f"P1: {name}" in capfd.readouterr().err


@pytest.mark.parametrize(
    "content", ["[]", "1", "null", "{}", '{"outputs": 3}', '{"outputs": [1]}', '{"outputs": {"a": 1}}']
)
def test_a_record_of_another_shape_is_one_line_and_nothing_is_changed(finished, content):
    path = finished / "out" / "P1" / "provenance.json"
    before = path.read_text()
    path.write_text(content)
    with pytest.raises(
        OutputError, match=r"P1/provenance.json: is no record of an inference \(.*\); give another output"
    ):
        run(finished / "in", finished / "out")
    path.write_text(before)


@pytest.mark.parametrize(
    "field", ["settings", "cases", "channels_present", "inputs_sha256", "checkpoint_sha256", "agreements"]
)
def test_a_record_with_a_field_of_another_type_is_one_line(finished, field):
    path = finished / "out" / "P1" / "provenance.json"
    before = path.read_text()
    path.write_text(json.dumps(json.loads(before) | {field: 7}))
    with pytest.raises(OutputError, match=f"field '{field}' is a int"):
        run(finished / "in", finished / "out")
    path.write_text(before)


def test_a_record_of_before_outputs_were_hashed_still_counts(finished):
    path = finished / "out" / "P1" / "provenance.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"outputs": list(record["outputs"])}))
    assert run(finished / "in", finished / "out").skipped == ("P0", "P1", "P2")
    table = path.with_name(f"{CASE}_desc-lesions.tsv")
    table.write_bytes(b"")
    assert run(finished / "in", finished / "out").done == ("P1",)
