"""Volumes -> DICOM series of a patient who does not exist: PET of several header flavours, CT, MR, a whole visit."""
