import pytest
import torch

from netlesion.errors import CheckpointError, ConfigError
from netlesion.models.card import ModelCard
from netlesion.models.checkpoint import load_checkpoint, load_network, save_checkpoint
from netlesion.predict.model import build_network

CARD = ModelCard(
    channels=("fdg", "ct"),
    required_channels=("fdg",),
    classes={"fdg": ("background", "lesion")},
    spacing_mm=(4.0, 4.0, 4.0),
    window=(8, 8, 8),
    network={"filters": [4, 8, 8], "residual": False, "norm": "instance", "dropout": 0.0},
    trained_on=("b", "a"),
)


def test_a_model_comes_back_as_it_went(tmp_path):
    network = build_network(CARD).eval()
    save_checkpoint(tmp_path / "model.safetensors", network.state_dict(), CARD)
    card, weights = load_checkpoint(tmp_path / "model.safetensors")
    assert card == CARD
    again = load_network(build_network(card), weights, "model")
    image = torch.randn(1, 3, 8, 8, 8)
    with torch.inference_mode():
        assert torch.equal(network(image), again(image))


def test_what_is_not_a_checkpoint_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        load_checkpoint(tmp_path / "absent.safetensors")
    for name in ("broken.safetensors", "broken.ckpt"):
        (tmp_path / name).write_bytes(b"nonsense")
        (tmp_path / "broken.json").write_text("{}")
        with pytest.raises(CheckpointError, match="broken"):
            load_checkpoint(tmp_path / name)
    torch.save({"state_dict": {}}, tmp_path / "stranger.ckpt")
    with pytest.raises(CheckpointError, match="no model card"):
        load_checkpoint(tmp_path / "stranger.ckpt")


def test_a_checkpoint_cannot_run_code(tmp_path):
    import pickle

    class Bomb:
        def __reduce__(self):
            return (print, ("boom",))

    (tmp_path / "bomb.ckpt").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(CheckpointError):
        load_checkpoint(tmp_path / "bomb.ckpt")


def test_weights_of_another_network_and_channels_of_another_experiment(tmp_path):
    with pytest.raises(CheckpointError, match="do not fit"):
        load_network(build_network(CARD), {"a": torch.zeros(1)}, "model")
    with pytest.raises(CheckpointError, match="trained on channels fdg, ct"):
        CARD.require_channels(("fdg", "ct", "mr_t1"))


def test_a_card_refuses_contradictions():
    with pytest.raises(ConfigError, match="required channel 'ct'"):
        ModelCard(("fdg",), ("ct",), {"fdg": ("background", "lesion")}, (4, 4, 4), (8, 8, 8), {})
    with pytest.raises(ConfigError, match="tracer 'sstr'"):
        ModelCard(("fdg",), ("fdg",), {"sstr": ("background", "lesion")}, (4, 4, 4), (8, 8, 8), {})


def test_a_card_that_says_widths_is_read_as_filters():
    before = CARD.to_dict() | {"network": {"widths": [4, 8, 8], "residual": False, "norm": "instance", "dropout": 0.0}}
    assert ModelCard.from_dict(before) == CARD
