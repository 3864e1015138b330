"""The version of this package, for records and pages; `netlesion.__version__` is this one."""

__version__ = "0.1.0"
