"""Broken DICOM, made to order: every variant in a module by what is wrong with it."""
