"""netlesion: from raw DICOM of dual-tracer PET/CT and PET/MR to measured, scored and reported lesions.

Research software, not a medical device. The names below are its public interface, documented in docs/api.md. Each is
loaded from its module when it is first used (PEP 562): importing this package loads nothing else.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from netlesion.output.version import __version__

if TYPE_CHECKING:
    from netlesion.errors import NetlesionError
    from netlesion.image.geometry import Geometry
    from netlesion.image.visit import Visit
    from netlesion.image.volume import Quantity, Volume
    from netlesion.io.bids.cohort import open_cohort
    from netlesion.io.dicom.pet_image import read_dicom_pet
    from netlesion.io.nifti import read_volume, write_volume
    from netlesion.predict.load import load_model
    from netlesion.quantify.measure import measure
    from netlesion.report.mip_figure import plot_mip

#: Public name -> the module that defines it.
_MODULE_OF = {
    "Geometry": "netlesion.image.geometry",
    "NetlesionError": "netlesion.errors",
    "Quantity": "netlesion.image.volume",
    "Visit": "netlesion.image.visit",
    "Volume": "netlesion.image.volume",
    "load_model": "netlesion.predict.load",
    "measure": "netlesion.quantify.measure",
    "open_cohort": "netlesion.io.bids.cohort",
    "plot_mip": "netlesion.report.mip_figure",
    "read_dicom_pet": "netlesion.io.dicom.pet_image",
    "read_volume": "netlesion.io.nifti",
    "write_volume": "netlesion.io.nifti",
}

__all__ = [
    "Geometry",
    "NetlesionError",
    "Quantity",
    "Visit",
    "Volume",
    "__version__",
    "load_model",
    "measure",
    "open_cohort",
    "plot_mip",
    "read_dicom_pet",
    "read_volume",
    "write_volume",
]


def __getattr__(name: str) -> Any:
    """Loads a public name from its module; AttributeError for any other name."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it offers {', '.join(_MODULE_OF)}")
    value = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
