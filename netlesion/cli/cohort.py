"""Opening the cohort that a verb is given."""

from __future__ import annotations

from collections.abc import Sequence

from netlesion.io.bids.cohort import Cohort, joined_cohorts, open_cohort


def opened(folders: str | Sequence[str]) -> Cohort:
    """The cohort, or several joined, with what they say about sessions left apart."""
    if isinstance(folders, str):
        cohort = open_cohort(folders)
    else:
        cohort = joined_cohorts([open_cohort(folder) for folder in folders])
    for note in cohort.notes:
        print(f"note: {note}")
    return cohort
