"""SUV: from the facts of a PET acquisition to the factors that turn its voxels into a standardised uptake value.

Pure: typed facts in, factors and provenance out. Knows nothing about files, DICOM or voxels, and it refuses.
"""

from netlesion.suv.body_size import BodySize, SulFormula, SuvType
from netlesion.suv.conversion import SuvConversion, suv_conversion, suv_ratio
from netlesion.suv.facts import Frame, PetFacts
from netlesion.suv.injected import Activity, suvbw_factor
from netlesion.suv.nuclide import HALF_LIFE_S, LONGEST_DECAY_HALF_LIVES
from netlesion.suv.options import Overrides

__all__ = [
    "HALF_LIFE_S",
    "LONGEST_DECAY_HALF_LIVES",
    "Activity",
    "BodySize",
    "Frame",
    "Overrides",
    "PetFacts",
    "SulFormula",
    "SuvConversion",
    "SuvType",
    "suv_conversion",
    "suv_ratio",
    "suvbw_factor",
]
