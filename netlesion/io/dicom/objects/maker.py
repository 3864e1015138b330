"""Who makes an object, and how it is finished and saved so that a second run gives the same bytes.

highdicom writes SEG and SR. It draws some identifiers and reads the clock; both are replaced here.
"""

from __future__ import annotations

import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset as Item

from netlesion.errors import ConfigError
from netlesion.io.dicom.objects.measures import PRIVATE
from netlesion.io.dicom.objects.source_images import SourceImages, day_of
from netlesion.output.atomic import atomic_path
from netlesion.output.version import __version__

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

#: Stands in every object, so that nobody takes it for a diagnosis.
NOTICE = "Research software, not a medical device. Not for diagnosis."
MANUFACTURER, MODEL = "netlesion", "netlesion"
#: Which program wrote a file.
IMPLEMENTATION = f"2.25.{uuid.uuid5(uuid.NAMESPACE_DNS, 'netlesion.clinical-objects').int}"


def highdicom() -> Any:
    """The library; ConfigError, in one line, where an installation of before lacks it."""
    try:
        import highdicom as found
    except ImportError as error:
        raise ConfigError(
            "highdicom, which writes DICOM SEG and SR, is not installed; install this package anew, "
            "or highdicom alone (pip install 'highdicom>=0.28')"
        ) from error
    return found


@contextmanager
def as_it_is() -> Iterator[None]:
    """A hospital's headers are copied as they are: what pydicom and highdicom think of a name is not told."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="highdicom|pydicom")
        yield


def finish(dataset: Dataset, source: SourceImages, description: str) -> None:
    """Day, time and words of an object, which is as old as the series it was made of."""
    day, time = day_of(source)
    dataset.SeriesDescription = description
    dataset.SeriesDate, dataset.SeriesTime = day, time
    for name in ("ContentDate", "ContentTime", "InstanceCreationDate", "InstanceCreationTime"):
        if name in dataset:
            setattr(dataset, name, day if name.endswith("Date") else time)
    for equipment in dataset.get("ContributingEquipmentSequence") or ():
        if "ContributionDateTime" in equipment:
            del equipment.ContributionDateTime
    scheme = Item()
    scheme.CodingSchemeDesignator, scheme.CodingSchemeName = PRIVATE, "Codes of netlesion (docs/dicom-objects.md)"
    dataset.CodingSchemeIdentificationSequence = [scheme]
    for name in ("PatientIdentityRemoved", "DeidentificationMethod"):
        if name in source.first:
            setattr(dataset, name, source.first[name].value)


def save(dataset: Dataset, path: Path) -> None:
    """Writes an object whole or not at all, readable by its owner only: it may name a patient."""
    dataset.file_meta.ImplementationVersionName = f"NETLESION_{__version__}"[:16]
    with atomic_path(path, private=True) as part:
        dataset.save_as(part, enforce_file_format=True)
