"""Label maps from disk: integers, tables, organ folders; what cannot be one is refused in one line."""

import json

import numpy as np
import pytest

from netlesion.errors import CohortError, GeometryError, NetlesionError, QuantityError
from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.io.bids.label_maps import digest_of, find_label_maps, read_label_map
from netlesion.io.nifti import write_volume

KNOWN = ("body", "spleen", "liver", "kidney_right")
INTEGERS = {1: "spleen", 2: "kidney_right", 5: "liver"}
SHAPE = (5, 7, 3)


def write(path, array, spacing_mm=2.0, quantity=Quantity.LABEL):
    path.parent.mkdir(parents=True, exist_ok=True)
    affine = np.diag([spacing_mm, 3.0, 5.0, 1.0])
    write_volume(path, Volume(np.asarray(array), Geometry(affine, SHAPE), quantity))


def mask(*where):
    array = np.zeros(SHAPE, dtype=np.uint8)
    for place in where:
        array[place] = 1
    return array


@pytest.fixture
def numbered():
    array = np.zeros(SHAPE, dtype=np.uint8)
    array[1, 2, 0], array[3, 3, 1:], array[0, 0, 0] = 1, 5, 77
    return array


def test_integers_have_the_callers_names(tmp_path, numbered):
    write(tmp_path / "p.nii.gz", numbered)
    found = read_label_map(tmp_path / "p.nii.gz", KNOWN, INTEGERS)
    assert found.name == "p"
    assert found.names == {1: "spleen", 5: "liver"}
    assert found.unknown == ("label 77",)
    np.testing.assert_array_equal(found.volume.array, numbered)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.tsv", "index\tname\n77\tliver\n1\tspleen\n5\tmoon\n"),
        ("p.tsv", "name\tindex\nliver\t77\nspleen\t1\nmoon\t5\n"),
        ("labels.json", json.dumps({"77": "liver", "1": "spleen", "5": "moon"})),
        ("labels.json", json.dumps({"liver": 77, "spleen": 1, "moon": 5})),
        ("p.json", json.dumps([{"index": n, "name": k} for n, k in ((77, "liver"), (1, "spleen"), (5, "moon"))])),
    ],
)
def test_a_table_beside_the_file_names_its_labels(tmp_path, numbered, name, text):
    write(tmp_path / "p.nii.gz", numbered)
    (tmp_path / name).write_text(text, encoding="utf-8")
    found = read_label_map(tmp_path / "p.nii.gz", KNOWN, INTEGERS)
    assert found.names == {77: "liver", 1: "spleen"}
    assert found.unknown == ("moon",)


def test_a_folder_of_organs_is_one_map_and_the_body_lies_under_them(tmp_path):
    folder = tmp_path / "someone"
    write(folder / "liver.nii.gz", mask(np.s_[1:3, 1:3, :]))
    write(folder / "spleen.nii.gz", mask(np.s_[4, 4, 1]))
    write(folder / "kidney_right.nii.gz", mask())
    write(folder / "body.nii.gz", mask(np.s_[:, :, :]))
    write(folder / "moon.nii.gz", mask(np.s_[0, 0, 0]))
    found = read_label_map(folder, KNOWN, INTEGERS)
    assert sorted(found.names.values()) == ["body", "liver", "spleen"]
    assert found.unknown == ("moon",)
    voxels = {name: int((found.volume.array == n).sum()) for n, name in found.names.items()}
    assert voxels == {"liver": 12, "spleen": 1, "body": 5 * 7 * 3 - 13}


def test_maps_of_a_folder_come_in_name_order(tmp_path, numbered):
    write(tmp_path / "b.nii.gz", numbered)
    write(tmp_path / "a" / "liver.nii.gz", mask(np.s_[0]))
    write(tmp_path / "c" / "segmentations" / "liver.nii.gz", mask(np.s_[0]))
    write(tmp_path / "d" / "ct.nii.gz", numbered)
    (tmp_path / "labels.tsv").write_text("index\tname\n1\tliver\n", encoding="utf-8")
    assert [p.name for p in find_label_maps(tmp_path, KNOWN)] == ["a", "b.nii.gz", "c"]
    assert find_label_maps(tmp_path / "b.nii.gz", KNOWN) == (tmp_path / "b.nii.gz",)
    assert find_label_maps(tmp_path / "a", KNOWN) == (tmp_path / "a",)
    assert read_label_map(tmp_path / "c", KNOWN, INTEGERS).names == {1: "liver"}


def test_a_digest_follows_content_and_table(tmp_path, numbered):
    write(tmp_path / "p.nii.gz", numbered)
    first = digest_of(tmp_path / "p.nii.gz")
    assert digest_of(tmp_path / "p.nii.gz") == first
    (tmp_path / "labels.tsv").write_text("index\tname\n1\tliver\n", encoding="utf-8")
    assert digest_of(tmp_path / "p.nii.gz") != first


def refused(kind, path):
    with pytest.raises(kind) as caught:
        read_label_map(path, KNOWN, INTEGERS)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_no_label_map_is_refused(tmp_path, numbered):
    write(tmp_path / "half.nii.gz", numbered * np.float32(0.5), quantity=Quantity.SUVBW)
    assert "whole numbers" in refused(QuantityError, tmp_path / "half.nii.gz")
    write(tmp_path / "empty.nii.gz", numbered * 0)
    assert "empty" in refused(CohortError, tmp_path / "empty.nii.gz")
    write(tmp_path / "strange.nii.gz", mask(np.s_[0]) * 99)
    assert "label 99" in refused(CohortError, tmp_path / "strange.nii.gz")
    write(tmp_path / "broken.nii.gz", numbered)
    (tmp_path / "broken.tsv").write_text("number\tlabel\n1\tliver\n", encoding="utf-8")
    with pytest.raises(CohortError, match=r"broken\.tsv: no column index, name"):
        read_label_map(tmp_path / "broken.nii.gz", KNOWN, INTEGERS)
    (tmp_path / "text.nii.gz").write_text("liver")
    refused(CohortError, tmp_path / "text.nii.gz")


def test_five_axes_are_refused(tmp_path):
    import nibabel

    nibabel.save(nibabel.Nifti1Image(np.ones((3, 3, 3, 2, 2), dtype=np.uint8), np.eye(4)), tmp_path / "five.nii.gz")
    assert "(3, 3, 3, 2, 2)" in refused(CohortError, tmp_path / "five.nii.gz")


def test_organs_on_different_grids_and_folders_without_any_are_refused(tmp_path):
    write(tmp_path / "x" / "liver.nii.gz", mask(np.s_[0]))
    write(tmp_path / "x" / "spleen.nii.gz", mask(np.s_[1]), spacing_mm=2.5)
    assert "different grids" in refused(GeometryError, tmp_path / "x")
    write(tmp_path / "y" / "liver.nii.gz", mask())
    assert "empty" in refused(CohortError, tmp_path / "y")
    (tmp_path / "z").mkdir()
    for path in (tmp_path / "z", tmp_path / "nowhere"):
        with pytest.raises(NetlesionError, match="expected"):
            find_label_maps(path, KNOWN)
