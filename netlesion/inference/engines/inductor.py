"""PyTorch's own compiler: fused kernels, weights frozen in, for windows of one size (modes exact and crop).

Needs a C++ compiler on a CPU; compiling takes tens of seconds for every size, once per run.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

import torch
from torch import Tensor, nn

from netlesion.errors import ConfigError
from netlesion.inference.engines.torch_eager import DTYPES


def inductor(network: nn.Module, device: str = "cpu", precision: str = "fp32") -> Callable[[Tensor], Tensor]:
    """A callable (B, C, I, J, K) -> logits, as `eager` but compiled; raises ConfigError without a compiler."""
    if device == "cpu" and shutil.which(os.environ.get("CXX", "g++")) is None:
        raise ConfigError("inference.engine=inductor needs a C++ compiler (g++, or CXX), which is not there; use torch")
    import torch._inductor.config as settings

    network = network.eval().to(device)
    compiled, enabled = torch.compile(network, dynamic=False), precision in DTYPES

    def predict(windows: Tensor) -> Tensor:
        # freezing folds weights into the kernels; it looks at no_grad, and inference_mode would hide them
        with (
            settings.patch(freezing=device == "cpu"),
            torch.no_grad(),
            torch.autocast(device, dtype=DTYPES.get(precision, torch.bfloat16), enabled=enabled, cache_enabled=False),
        ):
            return compiled(windows.to(device, non_blocking=True))

    return predict
