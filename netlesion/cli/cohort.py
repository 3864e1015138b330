"""Opening the cohort that a verb is given."""

from __future__ import annotations

from netlesion.io.bids.cohort import Cohort, open_cohort


def opened(folder: str) -> Cohort:
    """The cohort, with what it says about sessions left apart."""
    cohort = open_cohort(folder)
    for note in cohort.notes:
        print(f"note: {note}")
    return cohort
