"""PyTorch eager: the network as it is, in inference mode, the oracle of every other engine."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

#: What autocast computes in, by precision; fp32 is no autocast.
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def eager(network: nn.Module, device: torch.device | str = "cpu", precision: str = "fp32") -> Callable[..., Tensor]:
    """A callable (B, C, I, J, K) -> logits (B, K, I, J, K) that computes on the device; precision: fp32, bf16, fp16.

    fp32 means it: no TF32 in convolutions, which a GPU would take by itself.
    """
    device = torch.device(device)
    network = network.eval().to(device)

    @torch.inference_mode()
    def predict(*windows: Tensor) -> Tensor:
        enabled, dtype = precision in DTYPES, DTYPES.get(precision, torch.bfloat16)
        with (
            torch.backends.cudnn.flags(enabled=True, allow_tf32=False),
            torch.autocast(device.type, dtype=dtype, enabled=enabled, cache_enabled=False),
        ):
            return network(*(w.to(device, non_blocking=True) for w in windows))

    return predict
