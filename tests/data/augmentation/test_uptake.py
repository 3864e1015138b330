"""Uptake redrawn: factor 1 is the identity, an organ keeps its factor inside, strength 0 changes nothing."""

import numpy as np
import torch

from netlesion.data.augmentation.uptake import RandUptaked, mottled, times_by_label
from netlesion.models.card import ModelCard

CARD = ModelCard(
    ("fdg", "ct"), ("fdg",), {"fdg": ("background", "lesion")}, (4.0, 4.0, 4.0), (8, 8, 8), {"filters": [4, 8, 8]}
)
SHAPE = (9, 11, 7)


def test_factors_of_one_are_the_identity_and_others_hold_inside_an_organ():
    pet = torch.from_numpy(np.random.default_rng(0).gamma(2.0, 1.0, SHAPE).astype(np.float32))
    labels = torch.zeros(SHAPE, dtype=torch.uint8)
    labels[:, 5:] = 7
    factors = torch.ones(256)
    torch.testing.assert_close(times_by_label(pet, labels, factors), pet)
    factors[7] = 3.0
    changed = times_by_label(pet, labels, factors) / pet
    torch.testing.assert_close(changed[:, 6:], torch.full((9, 5, 7), 3.0))
    torch.testing.assert_close(changed[:, :4], torch.ones(9, 4, 7))
    torch.testing.assert_close(mottled(pet, np.zeros((2, 2, 2))), pet)


def test_strength_zero_changes_nothing_and_an_absent_pet_stays_absent():
    image = torch.rand(2, *SHAPE)
    base = {
        "image": image,
        "instance": torch.zeros(1, *SHAPE, dtype=torch.uint8),
        "organ": torch.ones(1, *SHAPE, dtype=torch.uint8),
    }
    for present, strength in (([True, True], 0.0), ([False, True], 1.0)):
        data = base | {"present": torch.tensor(present), "image": image.clone()}
        assert torch.equal(RandUptaked("image", CARD, strength).set_random_state(0)(data)["image"], image)
