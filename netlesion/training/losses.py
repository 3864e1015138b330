"""Dice + cross entropy over classes that a data set may not tell apart.

A label says which classes a voxel may be. The loss sums their probabilities instead of inventing a label:
cross entropy is -log of that sum, Dice is taken on the probability of lesion (all lesion classes together).
Voxels of small lesions can weigh more, so that a lesion counts by being there rather than by its volume.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from netlesion.data.labels import IGNORE, LabelScheme
from netlesion.errors import ConfigError
from netlesion.models.classes import LESION, ClassScheme

#: Lesions below this many voxels weigh more, by the inverse of their size, at most so many times. Project choice.
SMALL_VOXELS, MOST_WEIGHT = 60.0, 4.0


def lesion_weights(instance: Tensor) -> Tensor:
    """The weight of every voxel, (B, T, I, J, K) float32: 1 but in small lesions, up to MOST_WEIGHT there.

    Args:
        instance: (B, T, I, J, K) uint8, the lesion's number within its patch and tracer, 0 elsewhere.
    """
    weights = torch.ones(instance.shape, device=instance.device)
    for b, t in instance.flatten(2).amax(dim=2).nonzero().tolist():
        numbers = instance[b, t].long()
        table = (SMALL_VOXELS / numbers.flatten().bincount(minlength=256).clamp(min=1)).clamp(1.0, MOST_WEIGHT)
        table[0] = 1.0
        weights[b, t] = table[numbers]
    return weights


class MarginalDiceCrossEntropy(nn.Module):
    """logits (B, K, I, J, K), labels (B, T, I, J, K) uint8 -> scalar; IGNORE takes no part.

    weights (B, T, I, J, K), or None for 1, multiply what a voxel adds to cross entropy and to both sides of Dice.

    The mean over tracers of cross entropy + (1 - soft Dice of lesion over the batch). Dice takes no part where the
    batch has no lesion of that tracer: it says nothing there. A tracer whose labels are all IGNORE adds nothing.
    organ_weight: of the organ head's cross entropy, which the module adds.
    """

    def __init__(
        self, scheme: ClassScheme, labels: LabelScheme, dice_weight: float = 1.0, organ_weight: float = 0.3
    ) -> None:
        super().__init__()
        for name, weight in (("dice_weight", dice_weight), ("organ_weight", organ_weight)):
            if not 0.0 <= weight < float("inf"):
                raise ConfigError(f"loss.{name} is {weight}, expected 0 or more")
        self.scheme, self.dice_weight, self.organ_weight = scheme, dice_weight, organ_weight
        for tracer in scheme.tracers:
            values = labels.values[tracer]
            table = torch.zeros((IGNORE + 1, len(scheme.tracers[tracer])), dtype=torch.bool)
            lesion = torch.zeros(IGNORE + 1, dtype=torch.bool)
            for value, meanings in values.items():
                table[value] = torch.tensor(scheme.allowed_classes(tracer, meanings))
                lesion[value] = set(meanings) <= LESION
            self.register_buffer(f"admissible_{tracer}", table, persistent=False)
            self.register_buffer(f"lesion_{tracer}", lesion, persistent=False)

    def forward(self, logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
        weights = torch.ones(labels.shape, device=labels.device) if weights is None else weights
        terms = []
        for t, tracer in enumerate(self.scheme.tracers):
            label = labels[:, t].long()
            known = label != IGNORE
            if known.any():
                log_p = functional.log_softmax(logits[:, self.scheme.span(tracer)].float(), dim=1)
                weight = weights[:, t] * known
                term = self._cross_entropy(tracer, log_p, label, known, weight)
                target = getattr(self, f"lesion_{tracer}")[label]
                if target.any():
                    term = term + self.dice_weight * self._dice(tracer, log_p, target * weight, weight)
                terms.append(term)
        return torch.stack(terms).mean() if terms else logits.sum() * 0.0

    def _cross_entropy(self, tracer: str, log_p: Tensor, label: Tensor, known: Tensor, weight: Tensor) -> Tensor:
        table = getattr(self, f"admissible_{tracer}")
        if (table.sum(dim=1) <= 1).all():
            target = table.int().argmax(dim=1)[label.masked_fill(~known, 0)]
            return (functional.nll_loss(log_p, target, reduction="none") * weight).sum() / known.sum()
        allowed = table[label.masked_fill(~known, 0)].movedim(-1, 1)
        log_sum = torch.logsumexp(log_p.masked_fill(~allowed, float("-inf")), dim=1)
        return -(log_sum * weight).sum() / known.sum()

    def _dice(self, tracer: str, log_p: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """target: the weight of lesion voxels, 0 elsewhere."""
        lesion_p = log_p[:, list(self.scheme.lesion_indices(tracer))].exp().sum(dim=1) * weight
        return 1.0 - 2.0 * (lesion_p * (target > 0)).sum() / (lesion_p.sum() + target.sum())
