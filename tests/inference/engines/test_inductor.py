"""The compiled engine: equal to eager, and one clear line where nothing can compile."""

import shutil

import pytest
import torch

from netlesion.errors import ConfigError
from netlesion.inference.engines.choose import choose
from netlesion.inference.engines.inductor import inductor
from netlesion.inference.engines.torch_eager import eager
from netlesion.models.unet import unet


@pytest.fixture
def network():
    torch.manual_seed(0)
    return unet(2, 3, filters=(4, 8, 16)).eval()


def test_without_a_compiler_it_says_so(network, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ConfigError, match="needs a C\\+\\+ compiler"):
        inductor(network)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler")
def test_it_equals_eager(network):
    engine = choose(network, 2, (16, 16, 8), name="inductor", precision="fp32")
    assert engine.name == "inductor"
    for shape in ((16, 16, 8), (8, 24, 16)):
        windows = torch.randn((1, 2, *shape), generator=torch.Generator().manual_seed(1))
        torch.testing.assert_close(engine.predict(windows), eager(network)(windows), atol=1e-4, rtol=1e-4)
