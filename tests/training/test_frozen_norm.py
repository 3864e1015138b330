"""Batch norms use their running statistics in the last fraction of the steps, and only there."""

from types import SimpleNamespace

import pytest
import torch

from netlesion.errors import ConfigError
from netlesion.models.unet import unet
from netlesion.training.freeze_norm import FreezeBatchNorm


def moved(network, fraction, step, steps=10):
    """Whether a forward in training at a step changes the running statistics."""
    network.train()
    trainer = SimpleNamespace(global_step=step, estimated_stepping_batches=steps)
    FreezeBatchNorm(fraction).on_train_batch_start(trainer, network, {}, step)
    before = {k: v.clone() for k, v in network.state_dict().items() if "running" in k}
    network(torch.randn(2, 1, 8, 8, 8) + 3.0)
    after = network.state_dict()
    return any(not torch.equal(after[k], v) for k, v in before.items())


@pytest.mark.parametrize(("share", "first_frozen"), [(0.0, 10), (0.3, 7), (1.0, 0)])
def test_statistics_move_until_the_last_share_begins(share, first_frozen):
    network = unet(1, 2, filters=(4, 8, 8), norm="batch")
    assert [moved(network, share, step) for step in range(10)] == [step < first_frozen for step in range(10)]


def test_other_norms_have_no_statistics_to_freeze():
    assert not moved(unet(1, 2, filters=(4, 8, 8), norm="instance"), 0.3, 9)


def test_a_share_beyond_all_steps_is_refused():
    with pytest.raises(ConfigError, match=r"callbacks.freeze_norm.fraction is 1.5"):
        FreezeBatchNorm(1.5)
