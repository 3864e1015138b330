"""netlesion: from raw DICOM of dual-tracer PET/CT and PET/MR to measured, scored and reported lesions.

Research software, not a medical device. Importing this package does nothing and loads nothing.
"""

__version__ = "0.1.0"
