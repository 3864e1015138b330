"""PyTorch eager: the network as it is, in inference mode, the oracle of every other engine."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


def eager(network: nn.Module, device: torch.device | str = "cpu", autocast: bool = False) -> Callable[[Tensor], Tensor]:
    """A callable (B, C, I, J, K) -> logits (B, K, I, J, K) that computes on the device, bf16 if autocast."""
    device = torch.device(device)
    network = network.eval().to(device)

    @torch.inference_mode()
    def predict(windows: Tensor) -> Tensor:
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=autocast):
            return network(windows.to(device, non_blocking=True))

    return predict
