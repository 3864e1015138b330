"""Results as the DICOM objects that a clinic takes: which series each belongs to, and what is written of it."""
