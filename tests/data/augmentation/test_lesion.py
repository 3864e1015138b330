"""Inserted lesions: seen where their label is, kept to their hosts, never faint, and gone at mean 0."""

import numpy as np
import pytest
import torch

from netlesion.data.augmentation.lesion import FIRST_INSTANCE, LesionDraw, RandInsertLesionsd, insert_lesion
from netlesion.models.card import ModelCard

CARD = ModelCard(
    ("sstr", "ct"), ("sstr",), {"sstr": ("background", "lesion")}, (4.0, 4.0, 4.0), (8, 8, 8), {"filters": [4, 8, 8]}
)
SHAPE = (21, 17, 19)


def patch():
    organ = torch.zeros((1, *SHAPE), dtype=torch.uint8)
    organ[:, :, :8] = 1
    return {
        "image": torch.stack([torch.full(SHAPE, 1.0), torch.zeros(SHAPE)]),
        "present": torch.tensor([True, True]),
        "label": torch.zeros((1, *SHAPE), dtype=torch.uint8),
        "instance": torch.zeros((1, *SHAPE), dtype=torch.uint8),
        "organ": organ,
        "hosts": torch.tensor([1], dtype=torch.uint8),
    }


def ball(radius, contrast, lumps=0.0):
    return LesionDraw((10, 8, 9), np.full(3, radius), np.eye(3), np.full((4, 4, 4), lumps), 0.7, contrast, 1.0)


def test_a_ball_has_its_volume_and_its_contrast_and_leaves_what_is_far_alone():
    pet, label, instance = torch.full(SHAPE, 2.0), torch.zeros(SHAPE).byte(), torch.zeros(SHAPE).byte()
    assert insert_lesion(pet, label, instance, ball(4.0, 5.0), 3, 201, (0,))
    inside = np.indices(SHAPE)
    distance = np.sqrt(sum((inside[a] - (10, 8, 9)[a]) ** 2 for a in range(3)))
    assert np.array_equal(label.numpy() == 3, distance < 4.0)
    assert torch.equal(instance == 201, label == 3)
    assert float(pet[10, 8, 9]) == pytest.approx(10.0, rel=0.02)
    assert float((pet - 2.0).abs()[torch.from_numpy(distance > 9)].max()) < 1e-5


def test_a_lesion_that_could_not_be_seen_is_not_drawn():
    pet, label, instance = torch.full(SHAPE, 4.0), torch.zeros(SHAPE).byte(), torch.zeros(SHAPE).byte()
    assert not insert_lesion(pet, label, instance, ball(0.9, 1.2), 3, 201, (0,))
    assert (pet == 4.0).all()
    assert not label.any()


def test_only_background_takes_the_label():
    pet, label, instance = torch.ones(SHAPE), torch.ones(SHAPE).byte(), torch.zeros(SHAPE).byte()
    assert not insert_lesion(pet, label, instance, ball(3.0, 9.0), 3, 201, (0,))


def test_lesions_are_centred_in_hosts_and_mean_zero_changes_nothing():
    insert = RandInsertLesionsd("image", CARD, {"sstr": (1, (0,))}, mean=3.0)
    seen = 0
    for seed in range(8):
        out = insert.set_random_state(seed)(patch())
        numbers = out["instance"][0].unique()
        for number in numbers[numbers > 0]:
            assert number >= FIRST_INSTANCE
            middle = (out["instance"][0] == number).nonzero().float().mean(dim=0)
            assert middle[1] < 10.0
            seen += 1
        assert torch.equal(out["label"] > 0, out["instance"] > 0)
    assert seen > 4
    still = RandInsertLesionsd("image", CARD, {"sstr": (1, (0,))}, mean=0.0).set_random_state(0)(patch())
    assert (still["image"][0] == 1.0).all()
