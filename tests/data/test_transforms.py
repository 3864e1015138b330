"""Channel dropout: takes optional channels away, says so, and leaves the cached visit alone."""

import torch

from netlesion.data.transforms import RandDropChannelsd, augmented
from netlesion.models.card import ModelCard

CARD = ModelCard(
    ("fdg", "ct", "mr_t1"),
    ("fdg",),
    {"fdg": ("background", "lesion")},
    (4.0, 4.0, 4.0),
    (4, 4, 4),
    {"widths": [4, 8, 8]},
)


def test_a_dropped_channel_is_zero_and_flagged_and_the_pet_stays():
    out = RandDropChannelsd(keys="image", card=CARD, prob=1.0)({"image": torch.ones(5, 4, 4, 4)})["image"]
    assert [float(plane.mean()) for plane in out] == [1.0, 0.0, 0.0, 0.0, 0.0]


def test_drawing_patches_does_not_change_the_cached_visit():
    indices = [torch.arange(8 * 7 * 6), torch.empty(0, dtype=torch.long)]
    visit = {
        "image": torch.ones(5, 8, 7, 6),
        "label": torch.zeros(1, 8, 7, 6, dtype=torch.uint8),
        "site": torch.zeros(1, 8, 7, 6, dtype=torch.uint8),
        "site_cls_indices": indices,
    }
    random_part = augmented(CARD, lesion_share=0.5, flip_axes=(), affine_prob=0.0, drop_prob=1.0)
    for seed in range(5):
        random_part.set_random_state(seed=seed)
        (patch,) = random_part(dict(visit))
        assert float(patch["image"][1:].abs().max()) == 0.0
    assert (visit["image"] == 1.0).all()
