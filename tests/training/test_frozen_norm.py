"""Batch norms use their running statistics in the last fraction of the steps, and only there."""

from types import SimpleNamespace

import pytest
import torch

from netlesion.data.labels import LabelScheme
from netlesion.errors import ConfigError
from netlesion.models.card import ModelCard
from netlesion.models.unet import unet
from netlesion.training.module import LesionModule

CARD = ModelCard(("fdg",), ("fdg",), {"fdg": ("background", "lesion")}, (4.0, 4.0, 4.0), (8, 8, 8), {})
LABELS = LabelScheme("lesions", {"fdg": {0: ("background",), 1: ("lesion",)}})


def module(norm, share):
    network = unet(1, 2, filters=(4, 8, 8), norm=norm)
    return LesionModule(network, CARD, LABELS, None, None, 1e-3, 0.0, 0.1, seed=0, freeze_norm_fraction=share)


def moved(lesion, step, steps=10):
    """Whether a forward in training at a step changes the running statistics."""
    lesion.train()
    lesion._trainer = SimpleNamespace(global_step=step, current_epoch=0, estimated_stepping_batches=steps)
    lesion.on_train_batch_start({}, step)
    before = {k: v.clone() for k, v in lesion.network.state_dict().items() if "running" in k}
    lesion.network(torch.randn(2, 1, 8, 8, 8) + 3.0)
    after = lesion.network.state_dict()
    return any(not torch.equal(after[k], v) for k, v in before.items())


@pytest.mark.parametrize(("share", "first_frozen"), [(0.0, 10), (0.3, 7), (1.0, 0)])
def test_statistics_move_until_the_last_share_begins(share, first_frozen):
    lesion = module("batch", share)
    assert [moved(lesion, step) for step in range(10)] == [step < first_frozen for step in range(10)]


def test_other_norms_have_no_statistics_to_freeze():
    assert not moved(module("instance", 0.3), 9)


def test_a_share_beyond_all_steps_is_refused():
    with pytest.raises(ConfigError, match=r"freeze_norm_fraction is 1.5"):
        module("batch", 1.5)
