"""Reading and writing: the only folder that knows file formats and DICOM's LPS frame."""
