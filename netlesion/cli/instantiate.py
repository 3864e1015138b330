"""The groups of a user's configuration -> the objects they describe. The only place where a `_target_` is called.

A group of configs/ mirrors the constructor that its `_target_` names. It is called only where it stands in a
configuration that Hydra composed here, of the package's files, of ./configs and of the command line: all of them a
user's own. A model card never comes this way: its network is built from a closed list (`models.architecture`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from omegaconf import DictConfig, OmegaConf

from netlesion.errors import ConfigError, NetlesionError
from netlesion.inference.engines.choose import computes_bf16
from netlesion.predict.settings import InferenceOptions

if TYPE_CHECKING:
    import pytorch_lightning as pl
    from pytorch_lightning.loggers import Logger


def instantiated(config: DictConfig, group: str, *arguments: Any, **more: Any) -> Any:
    """What the group's `_target_` makes of its settings, of `arguments` and of `more`.

    Raises:
        ConfigError: for a target that is not there, or a setting that it does not take.
    """
    from hydra.errors import HydraException
    from hydra.utils import instantiate

    node = OmegaConf.select(config, group)
    if not isinstance(node, DictConfig) or "_target_" not in node:
        raise ConfigError(f"{group} has no _target_, the constructor that its settings are for; see configs/{group}")
    try:
        made = instantiate(node, _convert_="all")
        return made(*arguments, **more) if node.get("_partial_", False) else made
    except NetlesionError:
        raise
    except HydraException as error:
        cause = error.__cause__
        if isinstance(cause, NetlesionError):
            raise cause from error
        said = str(cause if cause is not None else error).splitlines()[0]
        raise ConfigError(f"{group}: {node['_target_']} cannot be made ({said}); see configs/{group}") from error
    except (TypeError, ValueError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConfigError(f"{group}: {node['_target_']} refuses its settings ({said}); see configs/{group}") from error


def optimizer_of(config: DictConfig) -> Callable[..., torch.optim.Optimizer]:
    """Parameters -> optimizer; ConfigError for a learning rate that trains nothing."""
    for name in ("lr", "weight_decay"):
        value = config.optimizer.get(name)
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if name == "lr" and not (number and 0 < value <= 100):
            raise ConfigError(f"optimizer.lr is {value}, expected above 0 (and at most 100); with 0 nothing is learned")
        if value is not None and not (number and value >= 0):
            raise ConfigError(f"optimizer.{name} is {value}, expected 0 or more")
    return lambda parameters: instantiated(config, "optimizer", parameters)


def scheduler_of(config: DictConfig) -> Callable[..., Any]:
    """(optimizer, steps) -> scheduler; its settings are checked now, with an optimizer that is thrown away."""
    nothing = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    instantiated(config, "scheduler", nothing, 10)
    return lambda optimizer, steps: instantiated(config, "scheduler", optimizer, steps)


def callbacks_of(config: DictConfig, has_validation: bool) -> list[pl.Callback]:
    """The callbacks in the order of their names; those that wait for a validation are left out where there is none."""
    nodes = {name: node for name, node in config.callbacks.items() if node is not None}
    waiting = [name for name, node in nodes.items() if str(node.get("monitor", "")).startswith("val/")]
    return [instantiated(config, f"callbacks.{name}") for name in nodes if has_validation or name not in waiting]


def loggers_of(config: DictConfig) -> list[Logger]:
    """The loggers in the order of their names; the files of the run folder come first."""
    names = sorted((n for n, node in config.logger.items() if node is not None), key=lambda n: n != "run_folder")
    return [instantiated(config, f"logger.{name}") for name in names]


def trainer_of(config: DictConfig, callbacks: Sequence[pl.Callback], loggers: Sequence[Logger], **more: Any):
    """Lightning's Trainer; `precision: auto` is what this machine computes best."""
    from lightning_fabric.utilities.exceptions import MisconfigurationException

    if config.trainer.get("precision") == "auto":
        more["precision"] = precision()
    try:
        return instantiated(config, "trainer", callbacks=list(callbacks), logger=list(loggers), **more)
    except MisconfigurationException as error:
        raise ConfigError(f"trainer: {str(error).splitlines()[0]}") from error


def options_of(config: DictConfig, device: str, organs: bool = False) -> InferenceOptions:
    """What the configuration asks of inference."""
    options = instantiated(config, "inference")
    if not isinstance(options, InferenceOptions):
        raise ConfigError(f"inference._target_ makes a {type(options).__name__}, expected InferenceOptions")
    return replace(options, device=device, organs=organs)


def precision() -> str:
    """bf16 or fp16 mixed precision on a GPU, bf16 on a CPU that multiplies it natively, else fp32."""
    if not torch.cuda.is_available():
        return "bf16-mixed" if computes_bf16("cpu") else "32-true"
    return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"
