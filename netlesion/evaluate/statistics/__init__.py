"""Statistics of an evaluation: every figure with an interval, every comparison paired, patients as the unit."""

from netlesion.evaluate.statistics.bootstrap import NUM_RESAMPLES
from netlesion.evaluate.statistics.estimate import CONFIDENCE, MIN_PATIENTS, Comparison, Estimate
from netlesion.evaluate.statistics.ratios import bootstrap_mean, bootstrap_proportion, bootstrap_ratio
from netlesion.evaluate.statistics.studentised import STUDENTISED as INTERVAL_METHOD

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
