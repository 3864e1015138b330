"""Started from another model: what is matched by name computes the same; what cannot be matched is refused."""

from dataclasses import replace

import pytest
import torch

from netlesion.errors import CheckpointError
from netlesion.models.architecture import build_network
from netlesion.models.card import ModelCard
from netlesion.models.fine_tune import fine_tuned, plane_names, started_from

FOUR = ("background", "physiologic", "primary", "metastasis")
OLD = ModelCard(
    channels=("sstr", "fdg", "ct", "mr_t1"),
    required_channels=(),
    required_any=("sstr", "fdg"),
    classes={"sstr": FOUR, "fdg": FOUR},
    spacing_mm=(4.0, 4.0, 4.0),
    window=(8, 8, 8),
    network={"architecture": "strided_unet", "filters": [4, 5, 6], "organs": 3},
)


def network_of(card, seed):
    torch.manual_seed(seed)
    network = build_network(card.network, len(plane_names(card)), card.scheme.num_outputs).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2.0)
    return network


def test_another_order_a_required_channel_and_fewer_tracers_give_the_same_logits():
    """FDG, required, first: an FDG PET with CT gives the FDG logits of the old model for the same images."""
    card = replace(
        OLD,
        channels=("fdg", "ct"),
        required_channels=("fdg",),
        required_any=(),
        classes={"fdg": ("background", "physiologic", "lesion")},
    )
    old = network_of(OLD, 0)
    new = fine_tuned(network_of(card, 1), card, old.state_dict(), OLD).eval()
    fdg, ct = torch.randn(2, 16, 8, 24)
    zero, one = torch.zeros_like(fdg), torch.ones_like(fdg)
    with torch.inference_mode():
        before = old(torch.stack([zero, fdg, ct, zero, zero, one, one, zero])[None])[0, 4:]
        after = new(torch.stack([fdg, ct, one])[None])[0]
    torch.testing.assert_close(after, before[[0, 1, 3]], atol=1e-5, rtol=1e-5)


def test_a_new_channel_changes_nothing_at_the_start():
    card = replace(OLD, channels=(*OLD.channels, "mr_t2"))
    old = network_of(OLD, 0)
    new = fine_tuned(network_of(card, 1), card, old.state_dict(), OLD).eval()
    image = torch.randn(1, 8, 8, 16, 8)
    wide = torch.cat([image[:, :4], torch.randn(1, 1, 8, 16, 8), image[:, 4:], torch.ones(1, 1, 8, 16, 8)], dim=1)
    with torch.inference_mode():
        torch.testing.assert_close(new(wide), old(image), atol=1e-5, rtol=1e-5)


def test_half_precision_weights_and_another_organ_head():
    card = replace(OLD, network=OLD.network | {"organs": 0})
    weights = {k: v.half() if v.is_floating_point() else v for k, v in network_of(OLD, 0).state_dict().items()}
    network = fine_tuned(network_of(card, 1), card, weights, OLD)
    assert network.stem[0].weight.dtype is torch.float32


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"network": {"architecture": "strided_unet", "filters": [4, 5, 7]}}, "filters"),
        ({"network": {"filters": [4, 5, 6], "norm": "batch"}}, "architecture"),
        ({"channels": ("psma", "ct"), "required_any": ("psma",), "classes": {"psma": FOUR}}, "'background' of psma"),
    ],
)
def test_what_cannot_be_matched_is_named(change, word):
    card = replace(OLD, **change)
    with pytest.raises(CheckpointError, match=word):
        fine_tuned(network_of(card, 1), card, network_of(OLD, 0).state_dict(), OLD)


def test_the_card_keeps_thresholds_of_tracers_that_both_know_and_patients_of_both():
    old = replace(OLD, thresholds={"sstr": 0.4, "fdg": 0.3}, temperatures={"sstr": 6.0}, trained_on=("a", "b"))
    card = replace(OLD, channels=("fdg",), required_any=("fdg",), classes={"fdg": FOUR}, trained_on=("b", "c"))
    new = started_from(card, old)
    assert (dict(new.thresholds), dict(new.temperatures)) == ({"fdg": 0.3}, {})
    assert new.trained_on == ("a", "b", "c")
