"""No compiled model leaves a stack of its own behind, on which the next signal would be handled."""

import gc
import sys

import pytest
import torch

from netlesion.inference.engines.openvino_cpu import compiled, installed
from netlesion.inference.engines.signal_stack import signal_stack_size, without_signal_stack


@pytest.mark.skipif(not installed(), reason="openvino is not installed")
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="sigaltstack is asked on Linux only")
def test_models_that_go_in_the_order_in_which_they_came_leave_no_signal_stack(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    without_signal_stack()
    models = []
    for seed in range(2):
        torch.manual_seed(seed)
        network = torch.nn.Conv3d(1, 2, 3, padding=1)
        models.append(compiled(network, [torch.zeros(1, 1, 8, 8, 8)], [(1, 1, -1, -1, -1)], "fp32"))
        assert signal_stack_size() == 0
    while models:
        models.pop(0)
        gc.collect()
        assert signal_stack_size() == 0
