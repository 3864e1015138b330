"""Writing a BIDS-PET cohort (BIDS 1.11.2): images, side-cars, masks, and the tables around them.

PET is written in Bq/ml with the facts that a SUV needs; weight and height also go to sessions.tsv. BIDS has
no CT, so `ct/` is listed in .bidsignore (clinical.md 9.4-9.5). No name, date or free text enters a cohort.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from netlesion.atomic import write_json, write_text
from netlesion.errors import CohortError
from netlesion.io.cohort import DERIVATIVES
from netlesion.io.nifti import write_volume
from netlesion.volume import Volume

BIDS_VERSION = "1.11.2"


@dataclass(frozen=True)
class PetRecord:
    """What a PET side-car holds beyond the image. Times are seconds after the injection, which is time zero."""

    tracer_label: str
    nuclide: str
    half_life_s: float
    dose_bq: float
    weight_kg: float
    scan_start_s: float
    reference_s: float
    time_zero: str
    ref_time_source: str
    frame_duration_s: float | None = None
    manufacturer: str = "n/a"
    model: str = "n/a"
    reconstruction: str = "n/a"
    attenuation_correction: str = "n/a"
    frame_of_reference_hash: str | None = None


@dataclass(frozen=True)
class SessionRow:
    """One row of sessions.tsv; visit groups the sessions of one clinical time point."""

    session_id: str
    visit: int
    weight_kg: float | None = None
    height_cm: float | None = None


def image_path(cohort: Path, subject: str, session: str, folder: str, suffix: str, *entities: str) -> Path:
    """<cohort>/sub-X/ses-Y/<folder>/sub-X_ses-Y[_entities]_<suffix>.nii.gz."""
    name = "_".join([f"sub-{subject}", f"ses-{session}", *entities, suffix])
    return Path(cohort, f"sub-{subject}", f"ses-{session}", folder, name + ".nii.gz")


def derivative_path(cohort: Path, image: Path, desc: str, suffix: str) -> Path:
    """Where the mask of an image goes: the same folders under derivatives/netlesion, desc-<desc>_<suffix>."""
    stem, image_suffix = image.name.removesuffix(".nii.gz").rsplit("_", 1)
    modality = [] if image_suffix == "pet" else [f"mod-{image_suffix}"]
    name = "_".join([stem, *modality, f"desc-{desc}", suffix]) + ".nii.gz"
    return cohort / DERIVATIVES / image.relative_to(cohort).parent / name


def write_pet(path: Path, volume: Volume, record: PetRecord) -> None:
    """A PET in Bq/ml and its side-car; the side-car first, so that an image never stands without it."""
    sidecar = {
        "Modality": "PT",
        "Manufacturer": record.manufacturer,
        "ManufacturersModelName": record.model,
        "Units": "Bq/mL",
        "TracerName": record.tracer_label,
        "TracerRadionuclide": record.nuclide,
        "RadionuclideHalfLife": record.half_life_s,
        "InjectedRadioactivity": record.dose_bq / 1e6,
        "InjectedRadioactivityUnits": "MBq",
        "InjectedMass": "n/a",
        "InjectedMassUnits": "n/a",
        "SpecificRadioactivity": "n/a",
        "SpecificRadioactivityUnits": "n/a",
        "ModeOfAdministration": "bolus",
        "PatientWeight": record.weight_kg,
        "TimeZero": record.time_zero,
        "ScanStart": record.scan_start_s,
        "InjectionStart": 0,
        "FrameTimesStart": [0],
        "FrameDuration": [record.frame_duration_s if record.frame_duration_s is not None else 0],
        "AcquisitionMode": "static",
        "ImageDecayCorrected": True,
        "ImageDecayCorrectionTime": record.reference_s,
        "SUVReferenceTimeSource": record.ref_time_source,
        "ReconMethodName": record.reconstruction,
        "ReconMethodParameterLabels": ["n/a"],
        "ReconFilterType": "n/a",
        "AttenuationCorrection": record.attenuation_correction,
    }
    if record.frame_of_reference_hash is not None:
        sidecar["FrameOfReferenceHash"] = record.frame_of_reference_hash
    write_json(_sidecar(path), sidecar)
    write_volume(path, volume)


def write_image(path: Path, volume: Volume, facts: dict) -> None:
    """A CT or MR image and its side-car."""
    write_json(_sidecar(path), facts)
    write_volume(path, volume)


def write_dataset(cohort: Path, sessions: dict[str, list[SessionRow]], dataset_type: str = "raw") -> None:
    """The tables of a cohort: dataset_description.json, participants.tsv, sessions.tsv, .bidsignore, README."""
    from netlesion import __version__

    generator = [{"Name": "netlesion", "Version": __version__}]
    description = {
        "Name": "netlesion cohort",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": dataset_type,
        "GeneratedBy": generator,
    }
    write_json(cohort / "dataset_description.json", description)
    write_json(
        cohort / DERIVATIVES / "dataset_description.json",
        {"Name": "netlesion masks", "BIDSVersion": BIDS_VERSION, "DatasetType": "derivative", "GeneratedBy": generator},
    )
    write_text(cohort / ".bidsignore", "**/ct/\n")
    write_text(
        cohort / "README", "A cohort written by netlesion. PET is in Bq/ml; masks lie in derivatives/netlesion.\n"
    )
    write_text(cohort / "participants.tsv", _tsv(["participant_id"], [[f"sub-{s}"] for s in sorted(sessions)]))
    for subject, rows in sorted(sessions.items()):
        table = [
            [f"ses-{r.session_id}", f"visit-{r.visit}", _number(r.weight_kg), _number(r.height_cm)]
            for r in sorted(rows, key=lambda r: r.session_id)
        ]
        stem = cohort / f"sub-{subject}" / f"sub-{subject}_sessions"
        write_text(stem.with_name(stem.name + ".tsv"), _tsv(["session_id", "visit", "weight", "height"], table))
        write_json(
            stem.with_name(stem.name + ".json"),
            {
                "visit": {"Description": "Sessions with the same value belong to one clinical time point"},
                "weight": {"Description": "Body weight at the session", "Units": "kg"},
                "height": {"Description": "Body height at the session", "Units": "cm"},
            },
        )


def roi_label(name: str) -> str:
    """A ROI name as a BIDS label: letters and digits only; raises CohortError when none is left."""
    label = "".join(c for c in name if c.isascii() and c.isalnum())
    if not label:
        raise CohortError(f"ROI name {name!r} has no letter or digit; rename the structure")
    return label


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(".nii.gz") + ".json")


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:g}"


def _tsv(header: list[str], rows: list[list[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
