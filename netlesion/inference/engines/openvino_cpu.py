"""OpenVINO: the network converted once, kept in a cache, run on the CPU.

The converted network is stored by a hash of its weights, its structure and the versions, so that a second run starts
without converting. Another size of tile costs nothing, but with instance norm in float32, which is converted for
windows of one size (`instance_norm`); such a network has no other. `openvino` reports its use over the network when it
is imported beside `openvino_telemetry`; it is imported here as if that package were absent, and sends nothing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor, nn

from netlesion.inference.engines.instance_norm import has_instance_norm, with_short_sums

HINTS = {"fp32": "f32", "bf16": "bf16"}


def installed() -> bool:
    """Whether the package is there; does not import it."""
    return find_spec("openvino") is not None


def load() -> ModuleType:
    """The package, imported without its telemetry."""
    if "openvino" not in sys.modules:
        absent = object()
        before = sys.modules.get("openvino_telemetry", absent)
        sys.modules["openvino_telemetry"] = None
        try:
            import openvino
        finally:
            if before is absent:
                del sys.modules["openvino_telemetry"]
            else:
                sys.modules["openvino_telemetry"] = before
        return openvino
    return sys.modules["openvino"]


def computes_bf16() -> bool:
    """Whether this CPU multiplies bf16 natively, as OpenVINO sees it."""
    return "BF16" in load().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def openvino_cpu(
    network: nn.Module, num_inputs: int, window: tuple[int, int, int], precision: str, anew: bool = False
) -> Callable[[Tensor], Tensor]:
    """A callable (B, num_inputs, I, J, K) float32 -> logits (B, N, I, J, K) float32, one tile after the other.

    window: the size of every tile with instance norm; else some size, to trace it with. precision: fp32 or bf16.
    anew: convert even if `cache_folder()` holds this network. Raises what the converter raises for a network that it
    does not know.
    """
    ov = load()
    core = ov.Core()
    if precision == "fp32" and has_instance_norm(network):  # in bf16 OpenVINO's own norm adds in float32
        network, sides = with_short_sums(network), tuple(window)
    else:
        sides = (-1, -1, -1)
    stored = cache_folder() / fingerprint(network, num_inputs, sides)
    if anew:
        shutil.rmtree(stored, ignore_errors=True)
    if not (stored / "network.xml").is_file():
        _store(_converted(network, num_inputs, window, sides), stored)
    compiled = core.compile_model(
        core.read_model(stored / "network.xml"),
        "CPU",
        {
            "INFERENCE_PRECISION_HINT": HINTS[precision],
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        },
    )
    request = compiled.create_infer_request()

    def predict(windows: Tensor) -> Tensor:
        logits = []
        for one in windows.contiguous().float():
            request.infer([one[None].numpy()], share_inputs=True)
            logits.append(torch.from_numpy(request.get_output_tensor(0).data.copy()))
        return torch.cat(logits)

    return predict


def cache_folder() -> Path:
    """$XDG_CACHE_HOME/netlesion/openvino, ~/.cache where that is not set."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "netlesion" / "openvino"


def fingerprint(network: nn.Module, num_inputs: int, sides: tuple[int, int, int]) -> str:
    """What decides a converted network: structure, weights by name, input channels, sides of a tile, versions."""
    ov = load()
    digest = hashlib.sha256(f"{network}\n{num_inputs} {sides}\n{ov.__version__} {torch.__version__}".encode())
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode() + str(tensor.dtype).encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:32]


def _converted(network: nn.Module, num_inputs: int, window: tuple[int, int, int], sides: tuple[int, int, int]):
    ov = load()
    example = torch.zeros(1, num_inputs, *window)
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch.jit.trace, which the converter uses; the result is verified
        return ov.convert_model(network.cpu().eval(), example_input=example, input=[1, num_inputs, *sides])


def _store(model, folder: Path) -> None:
    """Writes the pair of files under another name and renames the folder: two runs at once both end well."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=".part-", dir=folder.parent))
    try:
        load().save_model(model, part / "network.xml", compress_to_fp16=False)
        os.rename(part, folder)
    except OSError:
        if not (folder / "network.xml").is_file():
            raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
