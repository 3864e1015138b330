"""The import of DICOM: what each series becomes is planned first, then written."""
