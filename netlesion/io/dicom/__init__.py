"""Reading DICOM: series, PET headers, contours and segmentations; `write` writes them."""
