"""Digital patients written as a BIDS cohort or as DICOM studies."""
