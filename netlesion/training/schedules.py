"""Learning rates over the steps of a training: (optimizer, steps) -> a scheduler that is stepped once a step.

The choices of configs/scheduler. `steps` counts those of the optimizer over the whole training.
"""

from __future__ import annotations

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from netlesion.errors import ConfigError

#: What a cosine ends at, as a fraction of the learning rate.
FLOOR = 1e-3


def warmup_cosine(optimizer: Optimizer, steps: int, warmup_fraction: float = 0.05) -> LambdaLR:
    """Rises linearly over the first fraction of the steps, then falls along half a cosine to a thousandth."""
    warmup = _warmup(steps, warmup_fraction)

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1.0 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, steps - warmup)))) + FLOOR

    return LambdaLR(optimizer, factor)


def warmup_constant(optimizer: Optimizer, steps: int, warmup_fraction: float = 0.05) -> LambdaLR:
    """Rises linearly over the first fraction of the steps, then stays."""
    warmup = _warmup(steps, warmup_fraction)
    return LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / warmup))


def polynomial(optimizer: Optimizer, steps: int, power: float = 0.9) -> LambdaLR:
    """(1 - step / steps) ** power, by which nnU-Net trains."""
    if not power > 0:
        raise ConfigError(f"scheduler.power is {power}, expected above 0")
    return LambdaLR(optimizer, lambda step: max(0.0, 1.0 - step / max(1, steps)) ** power)


def _warmup(steps: int, fraction: float) -> int:
    if not 0.0 <= fraction <= 1.0:
        raise ConfigError(f"scheduler.warmup_fraction is {fraction}, expected 0 to 1, a fraction of the steps")
    return max(1, round(fraction * steps))
