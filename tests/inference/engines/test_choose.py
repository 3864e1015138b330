"""Engines agree with PyTorch, are chosen as documented, and never change in silence."""

import sys

import pytest
import torch

from netlesion.errors import ConfigError
from netlesion.inference.engines import choose as choosing
from netlesion.inference.engines.choose import choose, deviation
from netlesion.inference.engines.torch_eager import eager
from netlesion.models.unet import unet

WINDOW = (16, 24, 8)
needs_openvino = pytest.mark.skipif(not choosing.installed(), reason="openvino is not installed")


@pytest.fixture(autouse=True, scope="module")
def shared_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "netlesion" / "openvino"


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(3)
    return unet(2, 3, filters=(8, 16, 32)).eval()


def windows(count=2, seed=1):
    return torch.randn((count, 2, *WINDOW), generator=torch.Generator().manual_seed(seed))


@needs_openvino
def test_openvino_gives_the_probabilities_of_pytorch(network):
    engine = choose(network, 2, WINDOW, name="openvino", precision="fp32")
    ours, theirs = engine.predict(windows()).softmax(1), eager(network)(windows()).softmax(1)
    assert ours.shape == (2, 3, *WINDOW)
    assert ours.dtype == torch.float32
    assert (ours - theirs).abs().max() < 1e-3
    assert engine.deviation < 1e-3


@needs_openvino
def test_float32_instance_norm_loses_no_digits():
    """OpenVINO's own norm is 1.3e-5 off at this size, and 4e-4 at 96^3 with more features."""
    torch.manual_seed(0)
    network = unet(1, 2, filters=(4, 6, 8)).eval()
    predict = choose(network, 1, (48, 48, 48), name="openvino", precision="fp32").predict
    image = 3 + torch.randn(1, 1, 48, 48, 48)
    assert deviation(eager(network)(image), predict(image)) < 5e-6


@needs_openvino
def test_results_of_one_window_survive_the_next(network):
    predict = choose(network, 2, WINDOW, name="openvino", precision="fp32").predict
    first = predict(windows(1, seed=1))
    kept = first.clone()
    predict(windows(1, seed=2))
    assert torch.equal(first, kept)


@needs_openvino
def test_a_window_that_is_a_view_of_a_volume_is_read_right(network):
    predict = choose(network, 2, WINDOW, name="openvino", precision="fp32").predict
    volume = torch.randn(2, 40, 40, 40)
    view = volume[None, :, 3:19, 5:29, 7:15]
    assert torch.equal(predict(view), predict(view.contiguous()))


@needs_openvino
def test_a_converted_network_is_kept_and_other_weights_are_another_one(network, own_cache):
    choose(network, 2, WINDOW, name="openvino", precision="fp32")
    (kept,) = own_cache.iterdir()
    written = (kept / "network.bin").stat().st_mtime_ns
    choose(network, 2, WINDOW, name="openvino", precision="fp32")
    assert (kept / "network.bin").stat().st_mtime_ns == written
    torch.manual_seed(4)
    choose(unet(2, 3, filters=(8, 16, 32)), 2, WINDOW, name="openvino", precision="fp32")
    assert len(list(own_cache.iterdir())) == 2


@needs_openvino
def test_a_damaged_conversion_is_found_out_and_made_anew(network, own_cache):
    choose(network, 2, WINDOW, name="openvino", precision="fp32")
    (kept,) = own_cache.iterdir()
    weights = kept / "network.bin"
    whole = weights.read_bytes()
    weights.write_bytes(bytes(len(whole)))
    assert choose(network, 2, WINDOW, name="openvino", precision="fp32").deviation < 1e-3
    assert weights.read_bytes() == whole


@needs_openvino
def test_nothing_is_reported_to_its_makers(network):
    choose(network, 2, WINDOW, name="openvino", precision="fp32")
    assert "openvino_telemetry" not in sys.modules
    from openvino.tools.ovc import telemetry_utils

    assert telemetry_utils.tm.__name__.endswith("telemetry_stub")


def test_auto_takes_pytorch_and_says_why_where_openvino_is_missing(network, monkeypatch):
    monkeypatch.setattr(choosing, "installed", lambda: False)
    engine = choose(network, 2, WINDOW, precision="fp32")
    assert (engine.name, engine.precision) == ("torch", "fp32")
    assert "not installed" in engine.explain()
    with pytest.raises(ConfigError, match="not installed; pip install"):
        choose(network, 2, WINDOW, name="openvino")


def test_an_engine_that_disagrees_is_refused_by_name_and_passed_over_by_auto(network, monkeypatch):
    monkeypatch.setattr(choosing, "installed", lambda: True)
    monkeypatch.setattr(choosing.openvino, "computes_bf16", lambda: False)
    monkeypatch.setattr(
        choosing, "openvino_cpu", lambda network, *_, **__: lambda windows: 1.01 * network(windows).detach()
    )
    with pytest.raises(ConfigError, match="differ from PyTorch float32"):
        choose(network, 2, WINDOW, name="openvino")
    engine = choose(network, 2, WINDOW, precision="fp32")
    assert engine.name == "torch"
    assert "differ from PyTorch float32" in engine.explain()


def test_nan_is_a_disagreement(network, monkeypatch):
    monkeypatch.setattr(choosing, "installed", lambda: True)
    monkeypatch.setattr(choosing.openvino, "computes_bf16", lambda: False)
    monkeypatch.setattr(
        choosing, "openvino_cpu", lambda network, *_, **__: lambda w: network(w).detach() * float("nan")
    )
    with pytest.raises(ConfigError, match="differ"):
        choose(network, 2, WINDOW, name="openvino")


def test_torch_in_bf16_stays_near_float32(network):
    engine = choose(network, 2, WINDOW, name="torch", precision="bf16")
    off = deviation(eager(network)(windows()), engine.predict(windows()))
    assert 0 < off < 0.05


def test_bf16_that_strays_is_refused_by_name_and_left_by_auto(network, monkeypatch):
    monkeypatch.setattr(choosing, "TOLERANCE", {"bf16": 1e-9})
    monkeypatch.setattr(choosing, "computes_bf16", lambda device: True)
    with pytest.raises(ConfigError, match="inference.precision=bf16 cannot be used"):
        choose(network, 2, WINDOW, name="torch", precision="bf16")
    engine = choose(network, 2, WINDOW, name="torch")
    assert engine.precision == "fp32"
    assert "not in bf16" in engine.explain()


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ({"name": "tensorrt"}, "inference.engine is 'tensorrt', expected auto, torch, openvino"),
        ({"precision": "int8"}, "inference.precision is 'int8', expected auto, fp32, bf16"),
        ({"name": "openvino", "device": "cuda"}, "runs on the CPU, not on cuda"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(network, asked, line):
    with pytest.raises(ConfigError, match=line):
        choose(network, 2, WINDOW, **asked)
