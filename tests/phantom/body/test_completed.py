"""A body completed around real organs. The oracle is the built-in body: its soft organs alone, rasterised with both
lungs, both kidneys and the head's glands under one label each, are completed, and the body must come back."""

import numpy as np
import pytest

from netlesion.errors import ConfigError
from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.phantom.body.build import draw_body
from netlesion.phantom.body.completed import complete_body, is_for_completion, read_person
from netlesion.phantom.body.labels import LABELS
from netlesion.phantom.body.parts import LANDMARKS, SEGMENTS
from netlesion.phantom.body.shape import BodySettings
from tests.phantom.body.test_from_labels import painted

PLAIN = BodySettings(female_share=0.0, male_height_cm=(177.0, 0.0), build_sd=0.0, belly_sd=0.0, male_fat_mm=(17.0, 0.0))
SPACING_MM = (4.5, 4.5, 5.0)
#: integer of the map -> its name, and which organs of ours it holds.
NAMES = {1: "spleen", 2: "kidneys", 3: "liver", 4: "urinary_bladder", 5: "lungs", 6: "brain", 7: "heart", 8: "stomach",
         9: "prostate", 10: "head_glands"}  # fmt: skip
HELD = {
    "kidneys": ("kidney_right", "kidney_left"), "lungs": tuple(n for n in LABELS if n.startswith("lung_")),
    "head_glands": tuple(f"{g}_gland_{s}" for g in ("parotid", "submandibular") for s in ("right", "left")),
    "brain": ("brain", "cerebellum"),
}  # fmt: skip


@pytest.fixture(scope="module")
def person():
    return draw_body(np.random.default_rng(3), PLAIN)


@pytest.fixture(scope="module")
def labels(person):
    affine = np.diag([-SPACING_MM[0], -SPACING_MM[1], SPACING_MM[2], 1.0])
    affine[:3, 3] = 258.0, 148.0, -420.0
    organ = painted(person, affine, (115, 64, 206))
    found = np.zeros_like(organ)
    for n, name in NAMES.items():
        found[np.isin(organ, [LABELS[m] for m in HELD.get(name, (name,))])] = n
    affine[:3, 3] += [12.0, -140.0, 900.0]
    return Volume(found, Geometry(affine, found.shape), Quantity.LABEL)


@pytest.fixture(scope="module")
def read(labels):
    return read_person(labels, NAMES, "built-in")


@pytest.fixture(scope="module")
def body(read):
    return complete_body(read, np.random.default_rng(0), PLAIN).body


@pytest.fixture(scope="module")
def again(labels, read, body):
    """The completed body's organs on the map's own grid."""
    return painted(body, read.fit.to_body @ labels.geometry.affine_ras, labels.geometry.shape)


def test_real_organs_keep_their_shape(labels, again):
    for n, name in NAMES.items():
        was, now = labels.array == n, np.isin(again, [LABELS[m] for m in HELD.get(name, (name,))])
        dice = 2.0 * (was & now).sum() / (was.sum() + now.sum())
        least = 0.95 if name in ("liver", "lungs", "spleen", "kidneys", "brain") else 0.85
        assert dice >= least, (name, dice)


def test_left_and_right_are_told_apart(again, labels, read):
    to_body = read.fit.to_body @ labels.geometry.affine_ras
    for organ in ("kidney_right", "lung_lower_lobe_right", "lung_middle_lobe_right", "parotid_gland_right"):
        middle = np.argwhere(again == LABELS[organ]).mean(axis=0) @ to_body[:3, :3].T + to_body[:3, 3]
        assert middle[0] > 20.0, organ
    for organ in ("kidney_left", "lung_upper_lobe_left", "submandibular_gland_left"):
        middle = np.argwhere(again == LABELS[organ]).mean(axis=0) @ to_body[:3, :3].T + to_body[:3, 3]
        assert middle[0] < -20.0, organ


def test_the_rest_of_the_body_comes_back(person, body):
    assert set(body.landmarks) == set(LANDMARKS)
    assert set(body.joints) == {hold[1] for hold in SEGMENTS.values() if hold is not None}
    assert body.sex == "M"
    assert body.height_cm == pytest.approx(person.height_cm, rel=0.07)
    assert {p.segment for p in body.parts} == set(SEGMENTS)
    lacking = {p.organ for p in person.parts} - {p.organ for p in body.parts}
    assert {n.rsplit("_", 1)[0] for n in lacking} <= {"accessory", "cerebellum", "renal_pelvis", "ureter"}
    for organ in ("vertebrae_L3", "vertebrae_T6", "rib_left_5", "rib_right_8", "hip_left", "sternum", "mandible"):
        was, now = (b.parts_of(organ=organ)[0].solid.bounds_mm().mean(axis=0) for b in (person, body))
        assert np.linalg.norm(was - now) < 22.0, (organ, was - now)


def test_one_seed_is_one_body_and_fat_varies(read):
    bodies = [complete_body(read, np.random.default_rng(n), BodySettings()).body for n in (1, 1, 2)]
    bounds = [np.array([p.solid.bounds_mm() for p in b.parts_of(tissue="fat")]) for b in bodies]
    assert np.array_equal(bounds[0], bounds[1])
    assert np.abs(bounds[0][0] - bounds[2][0]).max() > 1.0


def test_only_maps_of_liver_and_lungs_without_skin_or_bone_are_completed():
    assert is_for_completion({1: "liver", 2: "lungs"})
    assert is_for_completion({1: "liver", 2: "lung_upper_lobe_left", 3: "rib_left_4"})
    assert not is_for_completion({1: "liver", 2: "lungs", 3: "body", 4: "hip_left"})
    assert not is_for_completion({1: "liver"})


def test_what_cannot_be_completed_is_refused(labels):
    def refused(array, spacing=1.0, mirrored=False):
        affine = np.array(labels.geometry.affine_ras)
        affine[:3] *= spacing
        if mirrored:
            affine[0] *= -1.0
        with pytest.raises(ConfigError) as caught:
            read_person(Volume(array, Geometry(affine, array.shape), Quantity.LABEL), NAMES, "map.nii.gz")
        assert str(caught.value).startswith("map.nii.gz: ")
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "mirrored" in refused(labels.array, mirrored=True)
    assert "in mm?" in refused(labels.array, spacing=0.001)
    assert "--complete never" in refused(np.where(labels.array == 3, 3, 0).astype(np.uint8))
    holed = labels.array.copy()
    i, j, k = np.round(np.argwhere(holed == 3).mean(axis=0)).astype(int)
    holed[i - 5 : i + 6, j - 5 : j + 6] = np.where(holed == 3, 0, holed)[i - 5 : i + 6, j - 5 : j + 6]
    assert "hole" in refused(holed)
