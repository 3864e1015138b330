"""Which engine runs a network: what was asked for, or the best of what is installed; never a silent change.

Every engine other than eager float32 is compared with it on one random window before it is used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from math import prod

import torch
from torch import Tensor, nn

from netlesion.errors import ConfigError
from netlesion.inference.engines import openvino_cpu as openvino
from netlesion.inference.engines.chunked import Level, Piece, pieces, run_chunked
from netlesion.inference.engines.cuda_graphs import graphed
from netlesion.inference.engines.gpu_layout import gpu_layout
from netlesion.inference.engines.inductor import inductor
from netlesion.inference.engines.openvino_cpu import installed, openvino_cpu
from netlesion.inference.engines.torch_eager import eager

NAMES = ("auto", "torch", "openvino", "inductor")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")
#: Largest root-mean-square difference to eager float32 on a random window, as a fraction of the logits' spread.
TOLERANCE = {"fp32": 1e-4, "bf16": 0.05, "fp16": 0.01}


@dataclass(frozen=True)
class Engine:
    """A network ready to run: (B, C, *window) -> logits (B, K, *window); why it was chosen, how far from float32."""

    name: str
    precision: str
    predict: Callable[[Tensor], Tensor]
    reason: str
    deviation: float = 0.0

    def explain(self) -> str:
        """One line for the log."""
        return f"engine {self.name} {self.precision}: {self.reason}"


def choose(
    network: nn.Module,
    num_inputs: int,
    window: tuple[int, int, int],
    device: str = "cpu",
    name: str = "auto",
    precision: str = "auto",
    chunk: Callable[[str, int], int | None] | None = None,
) -> Engine:
    """The engine for windows of one size on one device.

    chunk: for a U-Net of `models.unet` whose norm does not depend on the tile, on a CPU: (engine's name, voxels of a
    tile) -> None where one forward can hold it, else voxels of a chunk for `run_chunked`. None: one forward each.
    auto: on a GPU PyTorch, its launches recorded where CUDA allows; on a CPU OpenVINO where it is installed and agrees
    with PyTorch, else PyTorch, with the reason. Precision auto: fp16 on a GPU, nearer to float32 than
    bf16 and no slower; on a CPU bf16 where it computes it natively, else fp32. Raises ConfigError for a name that is
    not known, an engine that cannot run here, or one asked for by name that fails or disagrees.
    """
    for value, known, setting in ((name, NAMES, "engine"), (precision, PRECISIONS, "precision")):
        if value not in known:
            raise ConfigError(f"inference.{setting} is {value!r}, expected {', '.join(known)}")
    if precision == "fp16" and device == "cpu":
        raise ConfigError("inference.precision=fp16 is for GPUs; a CPU is no faster with it, use auto")
    if name == "inductor":
        return _torch(network, num_inputs, window, device, precision, "asked for", "inductor")
    if device != "cpu":
        if name == "openvino":
            raise ConfigError(f"inference.engine=openvino runs on the CPU, not on {device}; use device=cpu or auto")
        return _torch(network, num_inputs, window, device, precision, f"PyTorch on {device}")
    if name == "torch":
        return _torch(network, num_inputs, window, device, precision, "asked for", chunk=chunk)
    if not installed():
        if name == "openvino":
            raise ConfigError("inference.engine=openvino, but it is not installed; pip install openvino")
        reason = "OpenVINO is not installed (pip install openvino makes CPUs faster)"
        return _torch(network, num_inputs, window, device, precision, reason, chunk=chunk)
    try:
        reason = "asked for" if name == "openvino" else "installed"
        return _openvino(network, num_inputs, window, precision, reason, chunk)
    except Exception as error:  # a converter may raise anything
        why = (str(error).splitlines() or [type(error).__name__])[0][:160]
        if name == "openvino":
            raise ConfigError(f"inference.engine=openvino cannot run this network ({why}); use torch") from error
        reason = f"OpenVINO cannot run this network ({why})"
        return _torch(network, num_inputs, window, device, precision, reason, chunk=chunk)


def deviation(reference: Tensor, other: Tensor) -> float:
    """Root-mean-square difference of logits as a fraction of the standard deviation of the reference."""
    spread = reference.double().std()
    return float((other.double() - reference.double()).square().mean().sqrt() / spread.clamp(min=1e-12))


def _openvino(network, num_inputs, window, precision, reason, chunk) -> Engine:
    native = openvino.computes_bf16()
    chosen = ("bf16" if native else "fp32") if precision == "auto" else precision
    try:
        predict = openvino_cpu(network, num_inputs, window, chosen)
        off = _verified(eager(network), predict, num_inputs, window, chosen)
    except Exception:  # the stored conversion may be damaged: one more, from the network itself
        predict = openvino_cpu(network, num_inputs, window, chosen, anew=True)
        off = _verified(eager(network), predict, num_inputs, window, chosen)
    if chunk is not None:

        def piece(module: nn.Module, *example: Tensor) -> Piece:
            shapes = [(1, x.shape[1], -1, -1, -1) for x in example]
            return openvino.compiled(module, example, shapes, chosen)

        predict = _large_in_chunks(predict, network, num_inputs, window, chosen, piece, partial(chunk, "openvino"))
    return Engine("openvino", chosen, predict, f"{reason}, {_bf16_note(native)}", off)


def _torch(network, num_inputs, window, device, precision, reason, name="torch", chunk=None) -> Engine:
    native = computes_bf16(device)
    fast = "fp16" if device != "cpu" else "bf16" if native else "fp32"
    chosen, oracle = (fast if precision == "auto" else precision), eager(network, device)
    make = inductor if name == "inductor" else eager
    note = f"{reason}, {_bf16_note(native)}"

    def of_any_size(predict: Callable[[Tensor], Tensor], precision: str) -> Callable[[Tensor], Tensor]:
        if chunk is None:
            return predict

        def piece(module: nn.Module, *_: Tensor) -> Piece:
            return eager(module, device, precision)

        return _large_in_chunks(predict, network, num_inputs, window, precision, piece, partial(chunk, "torch"))

    if device == "cpu" and chosen == "fp32" and name == "torch":
        return Engine(name, chosen, of_any_size(oracle, chosen), note)
    if device != "cpu" and name == "torch":
        network = gpu_layout(network)
        plain = eager(network, device, chosen)
        try:
            off = _verified(oracle, graphed(plain, after=0), num_inputs, window, chosen, device)
            return Engine(name, chosen, graphed(plain), f"{note}, CUDA graphs", off)
        except Exception as error:  # what a driver or an operation refuses to record; eager says whether it computes
            note += f", no CUDA graphs ({(str(error).splitlines() or [type(error).__name__])[0][:120]})"
    try:
        predict = make(network, device, chosen)
        off = _verified(oracle, predict, num_inputs, window, chosen, device)
    except ConfigError as error:
        if precision != "auto" or name != "torch":
            raise ConfigError(f"inference.precision={chosen} cannot be used: {error}; use fp32") from error
        return Engine(name, "fp32", of_any_size(oracle, "fp32"), f"{reason}, not in {chosen}: {error}")
    return Engine(name, chosen, of_any_size(predict, chosen), note, off)


def _large_in_chunks(predict, network, num_inputs, window, precision, piece, chunk: Callable[[int], int | None]):
    """`predict` for tiles that fit at once, else in chunks; its pieces are made, and verified, when one comes."""

    @cache
    def parts() -> tuple[Level, Level, Piece]:
        made = pieces(network, num_inputs, window, piece)
        _verified(predict, run_chunked(*made, prod(window) // 2), num_inputs, window, precision)
        return made

    def either(windows: Tensor) -> Tensor:
        voxels = chunk(windows[0, 0].numel())
        return (predict if voxels is None else run_chunked(*parts(), voxels))(windows)

    return either


def _bf16_note(native: bool) -> str:
    return "bf16 is native here" if native else "no native bf16 here"


def computes_bf16(device: str) -> bool:
    """Whether PyTorch multiplies bf16 natively there: on a CPU avx512_bf16 or amx_bf16, no where it does not tell."""
    if device != "cpu":
        return torch.cuda.is_bf16_supported()
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def _verified(oracle, predict, num_inputs, window, precision, device="cpu") -> float:
    """The deviation from the oracle on one random window; raises ConfigError where it is too large."""
    image = torch.randn((1, num_inputs, *window), generator=torch.Generator().manual_seed(0)).to(device)
    off = deviation(oracle(image).float().cpu(), predict(image).float().cpu())
    if not off <= TOLERANCE[precision]:
        raise ConfigError(
            f"its logits differ from PyTorch float32 by {off:.3g} of their spread, expected at most "
            f"{TOLERANCE[precision]:g} for {precision}"
        )
    return off
