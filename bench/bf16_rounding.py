"""What bf16 does to an exact run, on a processor without it: PyTorch float32, rounded where a bf16 engine rounds.

    python -m bench.bf16_rounding

Inputs and weights of every convolution, and what convolutions, norms and activations return, are rounded to bf16;
sums stay float32. The body and the lean instance-norm network are those of bench.inference. Prints one JSON line.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn

from bench.baseline import WINDOW, load
from bench.inference import BODY, WIDTHS, _dice, make_body, make_network
from netlesion.inference.malloc import reuse_freed_memory
from netlesion.inference.plan import plan_windows
from netlesion.inference.reduction import lesion_logit
from netlesion.inference.sliding import sliding


def rounded(values: torch.Tensor) -> torch.Tensor:
    return values.bfloat16().float()


def round_everywhere(network: nn.Module) -> nn.Module:
    for module in network.modules():
        convolution = isinstance(module, nn.Conv3d | nn.ConvTranspose3d)
        if convolution:
            module.weight.data = rounded(module.weight.data)
            module.register_forward_pre_hook(lambda _, inputs: tuple(rounded(x) for x in inputs))
        if convolution or isinstance(module, nn.InstanceNorm3d | nn.LeakyReLU):
            module.register_forward_hook(lambda _, inputs, output: rounded(output))
    return network


@torch.inference_mode()
def main() -> None:
    reuse_freed_memory()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_body(folder, "exact", (192, 144, 192), BODY["tight"])
        with torch.inference_mode(False):
            make_network(folder / "instance.pt", folder / "exact.npy", WIDTHS["lean"], "instance", False)
        image = torch.from_numpy(np.load(folder / "exact.npy"))
        truth, body = np.load(folder / "exact-truth.npy"), np.load(folder / "exact-body.npy") > 0
        plan, logits = plan_windows(tuple(image.shape[1:]), WINDOW, 0.5), lesion_logit([(slice(0, 2), [1])])
        networks = load(folder / "instance.pt"), round_everywhere(load(folder / "instance.pt"))
        plain, low = (sliding(image, plan, n, reduction=logits)[0].sigmoid().numpy() for n in networks)
    result = {
        "label_dice": _dice(plain > 0.5, low > 0.5),
        "max_dp_in_body": float(np.abs(plain - low)[body].max()),
        "truth_dice_float32": _dice(plain > 0.5, truth),
        "truth_dice_bf16": _dice(low > 0.5, truth),
    }
    print(json.dumps({key: round(value, 5) for key, value in result.items()}))


if __name__ == "__main__":
    main()
