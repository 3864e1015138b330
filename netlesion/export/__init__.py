"""A cohort -> the raw formats of other frameworks."""
