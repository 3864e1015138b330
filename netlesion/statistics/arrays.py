"""What the statistics take: sequences, or arrays of one dimension (N,)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

Numbers: TypeAlias = Sequence[float] | np.ndarray
Counts: TypeAlias = Sequence[int] | np.ndarray
Truths: TypeAlias = Sequence[bool] | np.ndarray
Names: TypeAlias = Sequence[str] | np.ndarray
