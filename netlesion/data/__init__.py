"""The torch side of a cohort: splits, MONAI datasets and transforms."""
