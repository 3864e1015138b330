"""Normal deviates that cover their distribution evenly over a cohort, however many patients it has.

Independent draws leave the mean uptake of one tissue in 200 patients 10 % off now and then. Here, of any 2^k patients
from a multiple of 2^k, one is in each of 2^k equally likely classes: a van der Corput sequence, scrambled in order and
in value by nested coins (Owen 1995). Every deviate has its own coins, so tissues stay independent, and patient i is the
same in a cohort of any size. Knows nothing about tissues.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

#: Keeps these draws apart from everything else that a seed draws.
STREAM = 7_001
#: Patients are spread over 2^LEVELS classes; the next 2^LEVELS patients are scrambled anew.
LEVELS = 10


def normal_deviates(seed: int, index: int, number: int) -> np.ndarray:
    """`number` standard normal deviates (float64) of patient `index` (0 or more) of the cohort `seed`."""
    block, place = divmod(index, 2**LEVELS)
    coins = np.random.default_rng([seed, block, STREAM]).integers(2, size=(2, number, 2**LEVELS), dtype=np.uint16)
    inside = np.random.default_rng([seed, index, STREAM + 1]).random(number)
    each, order = np.arange(number), np.zeros(number, dtype=np.int64)
    for level in reversed(range(LEVELS)):
        # the halves of every run of 2^(level + 1) patients change places or not
        coin = coins[0, :, 2 ** (LEVELS - 1 - level) + (place >> level + 1)]
        order = order * 2 + (coin ^ (place >> level & 1))
    classes = np.zeros(number, dtype=np.int64)
    for level in range(LEVELS):
        # the lowest bits of the order choose the half, the quarter, the eighth; every choice is turned round or not
        coin = coins[1, each, 2**level + order % 2**level]
        classes = classes * 2 + (coin ^ (order >> level & 1))
    return ndtri((classes + inside) / 2.0**LEVELS)
