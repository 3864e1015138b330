"""A card is checked field by field before anything is built; what needs too much memory is refused with numbers."""

import json

import pytest

from netlesion.errors import CheckpointError, ConfigError
from netlesion.models.card import ModelCard
from netlesion.models.card_schema import FIELDS, NETWORKS
from netlesion.models.checkpoint import load_checkpoint
from netlesion.output import memory
from netlesion.predict.model import build_network
from netlesion.predict.plan import require_window
from tests.models.test_checkpoint import CARD

GOOD = json.loads(json.dumps(CARD.to_dict()))
FAULTS = {
    "trained_on": ["abc", None, {"a": 1}, [1], ["a", None], [["a"]], 3, [""]],
    "channels": ["fdg", [], [1], None, ["fdg", "fdg"], ["a/b"], ["fdg"] * 17, {"fdg": 1}],
    "required_channels": ["fdg", [], ["mr_t1"], [None]],
    "classes": [["background"], {}, {"fdg": "lesion"}, {"fdg": ["background"]}, {"fdg": [1, 2]}, None, {"": []}],
    "spacing_mm": [1e-4, [1e-4] * 3, [4, 4], ["4"] * 3, [4, 4, float("nan")], [4, 4, None], [True] * 3, [0, 4, 4]],
    "window": [64, [64, 64], [8, 8, 0], [8.5, 8, 8], [8, 8, 10**9], [8, 8, "8"], [8, 8, True], [8, 8, float("inf")]],
    "network": [None, "unet", [], 3],
    "network.filters": [10**9, [10**9] * 3, [-4, 8], [0, 8], [4, None], "4,8", [8], [4] * 4000, [4.5, 8], [True, 8]],
    "network.residual": ["yes", 1, None],
    "network.norm": ["group", None, 3, ["batch"], ""],
    "network.dropout": [9, -0.1, 1.0, "0.2", None, float("nan"), True],
    "network._target_": ["os.system"],
    "network.kernel_size": [[3, 3, 3]],
    "network.architecture": ["dynunet", "netlesion.models.unet", None, ["unet"]],
    "required_any": ["fdg", ["pet"], [1], None],
    "thresholds": [0.5, {"fdg": 0}, {"fdg": 1.5}, {"fdg": "0.5"}, {"ct": 0.5}, {"fdg": [0.5]}, None, {"": 0.5}],
    "peak_thresholds": [0.5, {"fdg": 0}, {"fdg": 1.5}, {"ct": 0.5}, None],
    "temperatures": [1, {"fdg": 0}, {"fdg": -1}, {"fdg": 1e9}, {"sstr": 1.0}, None],
    "tested_tracers": ["fdg", [1], None],
    "about": ["text", None, ["text"]],
    "_target_": ["os.system"],
    "patient": ["MEIER"],
}


def changed(field, value):
    card = json.loads(json.dumps(GOOD))
    at = card["network"] if field.startswith("network.") else card
    at[field.removeprefix("network.")] = value
    return card


@pytest.mark.parametrize(("field", "value"), [(f, v) for f, values in FAULTS.items() for v in values])
def test_a_fault_is_one_line_that_names_the_field(tmp_path, field, value):
    (tmp_path / "model.json").write_text(json.dumps(changed(field, value)))
    (tmp_path / "model.safetensors").write_bytes(b"not read")
    with pytest.raises(CheckpointError) as refused:
        load_checkpoint(tmp_path / "model.safetensors")
    line = str(refused.value)
    assert line.startswith(f"{tmp_path / 'model.safetensors'}: ")
    assert field.split(".")[-1].rstrip("s")[:7].replace("_", " ") in line.replace("_", " ")
    assert "\n" not in line
    assert len(line) < 500


@pytest.mark.parametrize("text", ["[]", "3", "null", "", "{", '{"channels": ["fdg"], "channels": ["ct"]}'])
def test_a_card_that_is_no_table_is_one_line(tmp_path, text):
    (tmp_path / "model.json").write_text(text)
    (tmp_path / "model.safetensors").write_bytes(b"not read")
    with pytest.raises(CheckpointError, match="^[^\n]*model.safetensors: [^\n]*$"):
        load_checkpoint(tmp_path / "model.safetensors")


def test_every_field_is_required_and_one_without_settings_of_the_network_is_read():
    for name in (n for n, rule in FIELDS.items() if rule.required):
        with pytest.raises(CheckpointError, match=f"lacks {name}"):
            ModelCard.from_dict({k: v for k, v in GOOD.items() if k != name})
    assert ModelCard.from_dict(GOOD) == CARD
    old = {k: v for k, v in GOOD.items() if FIELDS.get(k, FIELDS["channels"]).required}
    assert ModelCard.from_dict(old) == CARD
    assert ModelCard.from_dict(GOOD | {"network": {}}).network == {}
    assert {f"network.{name}" for name in NETWORKS["unet"]} | set(FIELDS) < set(FAULTS)
    strided = {"architecture": "strided_unet", "filters": [8, 16], "organs": 11}
    assert ModelCard.from_dict(GOOD | {"network": strided}).network == strided
    with pytest.raises(CheckpointError, match=r"network.residual.*is not known here; known are filters, organs, norm"):
        ModelCard.from_dict(GOOD | {"network": strided | {"residual": True}})
    with pytest.raises(CheckpointError, match=r"network.widths"):
        ModelCard.from_dict(GOOD | {"network": {"widths": [8, 16], "filters": [8, 16]}})
    assert ModelCard.from_dict(GOOD | {"network": {"widths": [8, 16]}}).network == {"filters": [8, 16]}


def test_what_needs_more_memory_than_there_is_is_refused_with_both_numbers(monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda: 3_000_000_000)
    large = ModelCard.from_dict(changed("network.filters", [1024, 2048, 4096]))
    with pytest.raises(
        ConfigError, match=r"a network of 1,\d{3} million weights .* needs [\d.]+ GB of memory, 3.0 GB are"
    ):
        build_network(large)
    with pytest.raises(
        ConfigError, match=r"a window of 1024 x 1024 x 1024 voxels needs [\d,.]+ GB of memory, 3.0 GB are"
    ):
        require_window(ModelCard.from_dict(changed("window", [1024] * 3)), 1, "torch")
    require_window(CARD, 4, "torch")
