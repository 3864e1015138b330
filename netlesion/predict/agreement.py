"""Two ways to compute one PET's lesion probability, beside each other and beside the reference where there is one.

What a faster way costs (crop beside exact) and what a dearer one buys (an average beside one network).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Agreement:
    """`dice` of the two lesion masks (both empty: 1), largest difference of probability, and each Dice to the truth.

    chosen, other: names of the two ways. truth_dice_*: None without a reference.
    """

    chosen: str
    other: str
    dice: float
    max_dp: float
    truth_dice_chosen: float | None = None
    truth_dice_other: float | None = None

    @classmethod
    def of(
        cls, names: tuple[str, str], chosen: np.ndarray, other: np.ndarray, threshold: float, truth: np.ndarray | None
    ) -> Agreement:
        """From two probability maps (I, J, K) on one grid and the reference's lesions on it, bool (I, J, K) or None."""
        a, b = chosen >= threshold, other >= threshold
        truths = (None, None) if truth is None else (_dice(a, truth), _dice(b, truth))
        return cls(*names, _dice(a, b), float(np.abs(chosen - other).max()), *truths)

    @property
    def gain(self) -> float | None:
        """Dice to the truth of the chosen way minus that of the other; None without a reference."""
        if self.truth_dice_chosen is None or self.truth_dice_other is None:
            return None
        return self.truth_dice_chosen - self.truth_dice_other

    def cells(self) -> tuple[str, ...]:
        """The figures as text, n/a where there is no reference."""
        gain = self.gain
        told = (self.truth_dice_chosen, self.truth_dice_other)
        shown = ["n/a" if v is None else f"{v:.3f}" for v in told] + ["n/a" if gain is None else f"{gain:+.3f}"]
        return (f"{self.dice:.4f}", f"{self.max_dp:.4f}", *shown)


#: The heads of a table whose rows are a case's name and its `cells`; its title names the two ways, in this order.
HEADER = ("case", "Dice between them", "max |dp|", "Dice, first", "Dice, second", "difference")


def _dice(a: np.ndarray, b: np.ndarray) -> float:
    total = int(a.sum()) + int(b.sum())
    return 1.0 if total == 0 else 2.0 * int((a & b).sum()) / total
