"""The cache: made once, made anew when a file or a setting changes or a file is damaged, equal to what was prepared."""

from dataclasses import replace

import numpy as np
import pytest

from netlesion.data.labels import LabelScheme
from netlesion.data.prepared import MAPS, cache_key, cached_visit, prepare_visit
from netlesion.errors import CohortError, NetlesionWarning
from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.io.bids.cohort import open_cohort
from netlesion.io.nifti import write_volume
from netlesion.models.card import ModelCard

CARD = ModelCard(
    ("fdg", "ct"), ("fdg",), {"fdg": ("background", "lesion")}, (4.0, 4.0, 3.0), (8, 8, 8), {"filters": [4, 8, 8]}
)
LABELS = LabelScheme("lesions", {"fdg": {0: ("background",), 1: ("lesion",)}})


@pytest.fixture
def files(tmp_path):
    grid = Geometry(np.diag([-4.0, 4.0, 3.0, 1.0]), (9, 7, 11))
    rng = np.random.default_rng(0)
    folder = tmp_path / "cohort" / "A"
    write_volume(folder / "PET_image.nii.gz", Volume(rng.gamma(2.0, 1.0, grid.shape), grid, Quantity.SUVBW))
    mask = np.zeros(grid.shape, dtype=np.uint8)
    mask[2:4, 3, 5], mask[7, 1, 9] = 1, 1
    write_volume(folder / "PET_mask.nii.gz", Volume(mask, grid, Quantity.LABEL))
    return open_cohort(tmp_path / "cohort").visits[0]


def test_a_cached_visit_is_the_prepared_one_and_is_made_once(files, tmp_path):
    made, cached = prepare_visit(files, CARD, LABELS), cached_visit(files, CARD, LABELS, tmp_path / "cache")
    for name in MAPS:
        assert np.array_equal(getattr(made, name), getattr(cached, name))
    assert cached.present == (True, False)
    assert cached.index.lesion_of.max() == 1, "two lesions, each drawn as often as the other"
    (place,) = (tmp_path / "cache").iterdir()
    before = (place / "image.npy").stat().st_mtime_ns
    cached_visit(files, CARD, LABELS, tmp_path / "cache")
    assert (place / "image.npy").stat().st_mtime_ns == before


@pytest.mark.parametrize("damage", ["cut", "absent", "no facts", "one bit"])
def test_a_damaged_cache_is_made_anew(files, tmp_path, damage):
    cached_visit(files, CARD, LABELS, tmp_path)
    place = tmp_path / cache_key(files, CARD, LABELS)
    if damage == "cut":
        (place / "label.npy").write_bytes((place / "label.npy").read_bytes()[:100])
    elif damage == "absent":
        (place / "organ.npy").unlink()
    elif damage == "one bit":
        content = bytearray((place / "image.npy").read_bytes())
        content[-7] ^= 4
        (place / "image.npy").write_bytes(content)
    else:
        (place / "visit.json").write_text("{")
    with pytest.warns(NetlesionWarning, match="the cached visit A was damaged; it is made anew"):
        again = cached_visit(files, CARD, LABELS, tmp_path)
    assert np.array_equal(again.image, prepare_visit(files, CARD, LABELS).image)
    assert np.array_equal(again.label, prepare_visit(files, CARD, LABELS).label)


def test_contents_and_settings_decide_the_key(files):
    key = cache_key(files, CARD, LABELS)
    assert cache_key(files, CARD, LABELS) == key
    assert cache_key(files, replace(CARD, spacing_mm=(4.0, 4.0, 5.0)), LABELS) != key
    assert cache_key(files, replace(CARD, window=(16, 16, 16)), LABELS) == key, "the window decides no array"
    assert cache_key(files, CARD, replace(LABELS, desc="classes")) != key
    path = files.images["fdg"][0].path
    path.write_bytes(path.read_bytes() + b"\0")
    assert cache_key(files, CARD, LABELS) != key


def test_masks_of_another_desc_are_read_in_place_of_absent_ones(files):
    """A data set that tells lesion alone from the rest trains beside one that tells four classes apart."""
    both = {0: ("background",), 1: ("physiologic",), 100: ("background", "physiologic"), 101: ("primary", "metastasis")}
    joint = LabelScheme("classes", {"fdg": both}, otherwise="lesions")
    prepared, plain = prepare_visit(files, CARD, joint), prepare_visit(files, CARD, LABELS)
    known = plain.label != 255
    assert np.array_equal(prepared.label[known], plain.label[known] + 100)
    assert np.array_equal(prepared.instance, plain.instance), "101 is a lesion"
    assert joint.background_values("fdg") == (0, 100), "where a lesion may be inserted"
    own = replace(files, masks={"fdg": {**files.masks["fdg"], "classes": files.masks["fdg"]["lesions"]}})
    assert np.array_equal(prepare_visit(own, CARD, joint).label, plain.label), "its own desc comes first"
    narrow = replace(joint, values={"fdg": {0: ("background",), 1: ("physiologic",), 100: ("background",)}})
    with pytest.raises(CohortError, match=r"label 1 in the fdg mask .* known are \[0\] \(labels.otherwise.values"):
        prepare_visit(files, CARD, narrow)
