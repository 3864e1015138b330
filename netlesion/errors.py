"""The exception tree. Every error that a user can cause is one of these, and prints as one line.

    NetlesionError (a ValueError)
    |-- GeometryError      an affine or a grid that cannot be trusted, or two grids that should agree
    |-- QuantityError      values of the wrong kind: HU added to SUV, a NaN, Bq/ml where SUV was asked
    |-- DicomError         a file, series or folder of DICOM that is not what it was taken for
    |-- SuvError           facts of acquisition that do not allow a standardised uptake value
    |-- CohortError        a folder layout, a missing channel, a patient that should not be there
    |-- ConfigError        a setting that contradicts another
    |-- CheckpointError    a checkpoint that is missing, broken, or made for other channels
    |-- TrainingError      a training that cannot go on: a loss that is not finite
    |-- InferenceError     a network whose output is broken, or a device too small for it
    `-- OutputError        a result that could not be written; nothing half-written is left behind

A message says what, where, the value found, what was expected, and the remedy.
"""

import warnings

#: Lines that were said already.
_SAID: dict[str | tuple[str, type[Warning], int], int] = {}


class NetlesionError(ValueError):
    """Anything a user can put right; the command line prints its message and exits with 1.

    Example:
        >>> try:
        ...     nl.open_cohort("absent")
        ... except nl.NetlesionError as error:
        ...     print(error)
        absent: no such folder; expected a BIDS cohort or a folder of the sts_crops layout
    """


class GeometryError(NetlesionError):
    """A grid that is singular, sheared, of the wrong shape, or not the one expected."""


class QuantityError(NetlesionError):
    """Voxel values that are not finite or not of the quantity expected."""


class DicomError(NetlesionError):
    """DICOM that is missing, truncated, mixed, gapped, or of another modality."""


class SuvError(NetlesionError):
    """Facts of acquisition from which no standardised uptake value can be computed."""


class CohortError(NetlesionError):
    """A cohort folder, case, channel or split that is not as expected."""


class ConfigError(NetlesionError):
    """Settings that are missing or contradict each other."""


class CheckpointError(NetlesionError):
    """A checkpoint that is missing, unreadable, or of another channel set."""


class TrainingError(NetlesionError):
    """A training that cannot go on, as with a loss that is not finite."""


class InferenceError(NetlesionError):
    """A network that returned values that are not finite, or a device without the memory for one tile."""


class OutputError(NetlesionError):
    """A result that could not be written."""


class NetlesionWarning(UserWarning):
    """What a user should know of a file that is read all the same."""


def say(line: str) -> None:
    """Warns with one line, once for each text."""
    warnings.warn_explicit(line, NetlesionWarning, "netlesion", 1, registry=_SAID)


def warn_in_one_line() -> None:
    """Makes a NetlesionWarning print as `note: ...`; for whoever talks to a user on a terminal."""
    usual = warnings.formatwarning

    def formatted(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
    ) -> str:
        if issubclass(category, NetlesionWarning):
            return f"note: {message}\n"
        return usual(message, category, filename, lineno, line)

    warnings.formatwarning = formatted
