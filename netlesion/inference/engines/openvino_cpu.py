"""OpenVINO: the network converted once, kept in a cache, run on the CPU.

In float32 its upsampling is fused first (`fused_upsampling`). What was converted is stored by a hash of weights, the
structure and the versions, so that a second run starts without converting. Another size of tile costs nothing, but with
instance norm in float32, which is converted for windows of one size (`instance_norm`); such a network has no other.
`openvino` reports its use over the network when it is imported beside `openvino_telemetry`; it is imported here as if
that package were absent, and sends nothing.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import torch
from torch import Tensor, nn

from netlesion.inference.engines import fused_upsampling
from netlesion.inference.engines.instance_norm import has_instance_norm, with_hierarchical_norms
from netlesion.inference.engines.signal_stack import without_signal_stack

HINTS = {"fp32": "f32", "bf16": "bf16"}


def installed() -> bool:
    """Whether the package is there; does not import it."""
    return find_spec("openvino") is not None


def load() -> ModuleType:
    """The package, imported without its telemetry."""
    if "openvino" not in sys.modules:
        modules: dict[str, ModuleType | None] = cast(Any, sys.modules)  # None forbids an import, which its type omits
        there = "openvino_telemetry" in modules
        before = modules.get("openvino_telemetry")
        modules["openvino_telemetry"] = None
        try:
            import openvino
        finally:
            del modules["openvino_telemetry"]
            if there:
                modules["openvino_telemetry"] = before
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
    if precision == "fp32" and has_instance_norm(network):  # in bf16 OpenVINO's own norm adds in float32
        network, sides = with_hierarchical_norms(network), tuple(window)
    else:
        sides = (-1, -1, -1)
    example = torch.zeros(1, num_inputs, *window)
    run = compiled(network, [example], [(1, num_inputs, *sides)], precision, anew)

    def predict(windows: Tensor) -> Tensor:
        logits: Tensor | None = None
        for n, one in enumerate(windows.contiguous().float()):
            answer = run(one[None])
            logits = answer.new_empty((len(windows), *answer.shape[1:])) if logits is None else logits
            logits[n] = answer[0]
        assert logits is not None, "a batch holds a window at least"
        return logits

    return predict


def compiled(
    module: nn.Module,
    example: Sequence[Tensor],
    shapes: Sequence[tuple[int, ...]],
    precision: str,
    anew: bool = False,
) -> Callable[..., Tensor]:
    """A module as a callable of contiguous float32 tensors -> its output, which the next call overwrites.

    example: tensors to trace it with; shapes: of each input, -1 where a size varies. anew: convert even what is stored.
    """
    ov = load()
    core = ov.Core()
    # AMX multiplies 32 channels of bf16 at a time: halves of 16, at the finest level, would gain nothing.
    merged = precision == "fp32"
    stored = cache_folder() / fingerprint(module, shapes, merged)
    if anew:
        shutil.rmtree(stored, ignore_errors=True)
    if not (stored / "network.xml").is_file():
        _store(
            _converted(fused_upsampling.with_fused_upsampling(module) if merged else module, example, shapes), stored
        )
    model = core.compile_model(
        core.read_model(stored / "network.xml"),
        "CPU",
        {
            "INFERENCE_PRECISION_HINT": HINTS[precision],
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        },
    )
    request = model.create_infer_request()
    without_signal_stack()

    def run(*tensors: Tensor) -> Tensor:
        request.infer([t.numpy() for t in tensors], share_inputs=True)
        return torch.from_numpy(request.get_output_tensor(0).data)

    return run


def cache_folder() -> Path:
    """$XDG_CACHE_HOME/netlesion/openvino, ~/.cache where that is not set."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "netlesion" / "openvino"


def fingerprint(network: nn.Module, shapes: Sequence[tuple[int, ...]], merged: bool) -> str:
    """What decides a converted network: structure, its class's source, weights by name, shapes of inputs, versions."""
    source, versions = inspect.getsource(type(network)), f"{load().__version__} {torch.__version__}"
    way_up = inspect.getsource(fused_upsampling) if merged else ""
    digest = hashlib.sha256(f"{network}\n{source}\n{way_up}\n{list(shapes)}\n{versions}".encode())
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode() + str(tensor.dtype).encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:32]


def _converted(module: nn.Module, example: Sequence[Tensor], shapes: Sequence[tuple[int, ...]]):
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch.jit.trace, which the converter uses; the result is verified
        return load().convert_model(module.cpu().eval(), example_input=tuple(example), input=[list(s) for s in shapes])


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
