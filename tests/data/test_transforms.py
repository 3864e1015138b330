"""Channels in network units, absent ones as zeros and flags, and a prepared visit that no draw changes."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from netlesion.data.augmentation.image_quality import RandDropChannelsd
from netlesion.data.foreground import foreground_index
from netlesion.data.labels import LabelScheme
from netlesion.data.prepared import PreparedVisit
from netlesion.data.transforms import Augmentation, augmented, network_planes
from netlesion.errors import ConfigError
from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.models.card import ModelCard
from netlesion.preprocess.harmonise import Harmonised
from netlesion.preprocess.normalise import network_input, scaled_mr

CARD = ModelCard(
    ("fdg", "ct", "mr_t1"),
    ("fdg",),
    {"fdg": ("background", "lesion")},
    (4.0, 4.0, 4.0),
    (8, 8, 8),
    {"filters": [4, 8, 8]},
)
LABELS = LabelScheme("lesions", {"fdg": {0: ("background",), 1: ("lesion",)}})
SHAPE = (11, 9, 13)


def visit(present=(True, True, False), seed=0):
    r = np.random.default_rng(seed)
    image = np.zeros((3, *SHAPE), dtype=np.float16)
    image[0], image[1] = r.gamma(2.0, 0.6, SHAPE), r.normal(0, 80, SHAPE)
    instance = np.zeros((1, *SHAPE), dtype=np.uint8)
    instance[0, 3:5, 4:6, 5:7], instance[0, 8, 2, 9] = 1, 2
    organ = r.integers(0, 4, SHAPE).astype(np.uint8)
    label = (instance > 0).astype(np.uint8)
    index = foreground_index(image[:1].astype(np.float32), label, instance, organ == 1, organ, (2,))
    return PreparedVisit("a", "a", present, image, label, instance, organ, organ, index, (1, 2, 3))


def test_planes_are_what_inference_gives_the_network():
    r = np.random.default_rng(1)
    grid = Geometry(np.eye(4), SHAPE)
    suv, hu, mr = r.gamma(2.0, 3.0, SHAPE), r.normal(0, 700, SHAPE), r.gamma(2.0, 90.0, SHAPE)
    kinds = {"fdg": Quantity.SUVBW, "ct": Quantity.HU, "mr_t1": Quantity.MR}
    arrays = dict(zip(kinds, (a.astype(np.float32) for a in (suv, hu, mr)), strict=True))
    for absent in (None, "ct", "mr_t1"):
        volumes = {c: Volume(arrays[c], grid, q) for c, q in kinds.items() if c != absent}
        expected = network_input(Harmonised("a", CARD.channels, grid, volumes, {}), CARD.required_channels)
        image = torch.from_numpy(np.stack([arrays["fdg"], arrays["ct"], scaled_mr(arrays["mr_t1"])]))
        planes = network_planes(image, torch.tensor([c != absent for c in CARD.channels]), CARD)
        assert_allclose(planes.numpy(), expected, atol=2e-6)


def test_a_dropped_channel_is_absent_and_the_last_tracer_stays():
    out = RandDropChannelsd("image", CARD, prob=1.0, tracer_prob=1.0)({"present": torch.ones(3, dtype=torch.bool)})
    assert out["present"].tolist() == [True, False, False]


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_a_patch_follows_its_seed_alone_and_leaves_the_visit_as_it_was(strength):
    made = visit()
    before = [a.copy() for a in (made.image, made.label, made.instance, made.organ)]
    random_part = augmented(CARD, LABELS, Augmentation(strength, inserted_lesions=2.0 * strength), 0.5, 0.2)
    first = []
    for seed in (*range(6), *range(6)):
        random_part.set_random_state(seed=seed)
        patch = random_part(made)
        assert patch["image"].shape == (5, 8, 8, 8)
        assert torch.isfinite(patch["image"]).all()
        first.append(patch)
    for again, patch in zip(first[6:], first[:6], strict=True):
        assert all(torch.equal(again[k], patch[k]) for k in ("image", "label", "instance", "organ_class"))
    assert not torch.equal(first[0]["image"], first[1]["image"])
    for was, now in zip(before, (made.image, made.label, made.instance, made.organ), strict=True):
        assert np.array_equal(was, now)


@pytest.mark.parametrize(
    ("field", "value"), [("strength", 1.5), ("mirror_prob", -0.1), ("inserted_lesions", 9.0), ("mirror_axes", (3,))]
)
def test_a_setting_that_cannot_be_meant_is_named(field, value):
    with pytest.raises(ConfigError, match=rf"augmentation\.{field}"):
        Augmentation(**{field: value})
