"""One case: lesions matched, overlaps and surfaces measured, one row of numbers."""
