"""Statistics of an evaluation: every figure with an interval, every comparison paired, patients as the unit."""

from netlesion.statistics.bootstrap import NUM_RESAMPLES
from netlesion.statistics.estimate import CONFIDENCE, MIN_PATIENTS, Comparison, Estimate
from netlesion.statistics.ratios import bootstrap_mean, bootstrap_proportion, bootstrap_ratio
from netlesion.statistics.studentised import STUDENTISED as INTERVAL_METHOD

__all__ = [
    "CONFIDENCE",
    "INTERVAL_METHOD",
    "MIN_PATIENTS",
    "NUM_RESAMPLES",
    "Comparison",
    "Estimate",
    "bootstrap_mean",
    "bootstrap_proportion",
    "bootstrap_ratio",
]
