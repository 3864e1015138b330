"""Doors into a BIDS cohort, one file per source."""
