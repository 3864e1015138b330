"""Writing a BIDS-PET cohort (BIDS 1.11.2): images, side-cars, masks, and the tables around them.

PET is written in Bq/ml with the facts that a SUV needs; weight and height also go to sessions.tsv. BIDS has
no CT, so `ct/` is listed in .bidsignore (clinical.md 9.4-9.5). No name and no true date enters a cohort. Texts of
a header go through `io.vocabulary`: only known words of makers, scanners and reconstructions are written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TypeVar

from netlesion.errors import CohortError
from netlesion.image.volume import Quantity, Volume
from netlesion.io import vocabulary
from netlesion.io.bids.cohort import DERIVATIVES
from netlesion.io.nifti import write_volume
from netlesion.io.table_file import read_table
from netlesion.output.atomic import write_json, write_text
from netlesion.output.tables import tsv

#: A path on this disk, or one below a cohort.
AnyPath = TypeVar("AnyPath", bound=PurePath)
BIDS_VERSION = "1.11.2"
README = """A cohort written by netlesion. PET in Bq/ml lies in sub-*/; its SUV in derivatives/netlesion as desc-suvbw,
and so does PET whose source gave SUV only; the side-car names who computed it. Masks lie in derivatives/netlesion.

Patients have research ids, and dates, where there are any, are shifted; the key to both is kept elsewhere. Faces were
NOT removed: CT, MR and PET of a head can be rendered as a face. Treat these images as personal data and deface before
publication.
"""


@dataclass(frozen=True)
class PetRecord:
    """What a PET side-car holds beyond the image. Times are seconds after the injection, which is time zero.

    suv_path: the units and corrections of the DICOM the Bq/ml were made of (`SuvConversion.path`).
    """

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
    iterations: int | None = None
    subsets: int | None = None
    filter_gaussian_mm: float | None = None
    frame_of_reference_hash: str | None = None
    suv_path: str = "BQML"
    suv_warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class SessionRow:
    """One row of sessions.tsv; visit groups the sessions of one clinical time point, acq_time is a shifted date."""

    session_id: str
    visit: int
    weight_kg: float | None = None
    height_cm: float | None = None
    acq_time: str | None = None


def image_path(cohort: PurePath, subject: str, session: str, folder: str, suffix: str, *entities: str) -> Path:
    """<cohort>/sub-X/ses-Y/<folder>/sub-X_ses-Y[_entities]_<suffix>.nii.gz."""
    name = "_".join([f"sub-{subject}", f"ses-{session}", *entities, suffix])
    return Path(cohort, f"sub-{subject}", f"ses-{session}", folder, name + ".nii.gz")


def derivative_path(cohort: AnyPath, image: AnyPath, desc: str, suffix: str) -> AnyPath:
    """Where the mask of an image goes: the same folders under derivatives/netlesion, desc-<desc>_<suffix>."""
    stem, image_suffix = image.name.removesuffix(".nii.gz").rsplit("_", 1)
    modality = [] if image_suffix == "pet" else [f"mod-{image_suffix}"]
    name = "_".join([stem, *modality, f"desc-{desc}", suffix]) + ".nii.gz"
    return cohort / DERIVATIVES / image.relative_to(cohort).parent / name


def write_pet(path: Path, volume: Volume, record: PetRecord, facts: dict | None = None) -> None:
    """A PET in Bq/ml and its side-car, `facts` added; the side-car first, so that an image never stands without it.

    A reconstruction whose parameters or filter are not known says "none", which BIDS takes for not given.
    Raises CohortError for an image of another quantity: a SUV labelled Bq/ml would be converted twice.
    """
    if volume.quantity is not Quantity.BQML:
        raise CohortError(f"{path}: a cohort's PET is kept in Bq/ml, this image is {volume.quantity.name}")
    write_json(_sidecar(path), pet_sidecar(record) | (facts or {}))
    write_volume(path, volume)


def pet_sidecar(record: PetRecord) -> dict:
    """The fields of a PET's side-car."""
    sidecar = {
        "Modality": "PT",
        "Manufacturer": vocabulary.manufacturer(record.manufacturer),
        "ManufacturersModelName": vocabulary.scanner_model(record.model),
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
        "SUVPath": record.suv_path,
        "SUVWarnings": list(record.suv_warnings),
        "ReconMethodName": vocabulary.method(record.reconstruction),
        **_reconstruction_parameters(record),
        "AttenuationCorrection": vocabulary.method(record.attenuation_correction),
    }
    if record.frame_of_reference_hash is not None:
        sidecar["FrameOfReferenceHash"] = record.frame_of_reference_hash
    return sidecar


def write_image(path: Path, volume: Volume, facts: dict) -> None:
    """A CT or MR image and its side-car."""
    write_json(_sidecar(path), facts)
    write_volume(path, volume)


def write_dataset(cohort: Path, sessions: Mapping[str, Iterable[SessionRow]]) -> None:
    """dataset_description.json, participants.tsv, sessions.tsv, .bidsignore and README of a cohort, rows by subject.

    What stands in a table stays there: other rows, other columns, and a value that is not given now.
    """
    from netlesion.output.version import __version__

    generator = [{"Name": "netlesion", "Version": __version__}]
    for folder, name, kind in ((cohort, "cohort", "raw"), (cohort / DERIVATIVES, "masks", "derivative")):
        description = {"Name": f"netlesion {name}", "BIDSVersion": BIDS_VERSION, "DatasetType": kind}
        write_json(folder / "dataset_description.json", description | {"GeneratedBy": generator})
    write_text(cohort / ".bidsignore", "**/ct\n**/ct/\n")  # the first for the BIDS validator 3, the second for others
    write_text(cohort / "README", README)
    _add_rows(cohort / "participants.tsv", [{"participant_id": f"sub-{s}"} for s in sessions])
    for subject, rows in sorted(sessions.items()):
        table = _sessions_table(cohort, subject)
        columns = _add_rows(table, [_cells(row) for row in rows])
        facts = {
            "visit": {"Description": "Sessions with the same value belong to one clinical time point"},
            "weight": {"Description": "Body weight at the session", "Units": "kg"},
            "height": {"Description": "Body height at the session", "Units": "cm"},
        }
        if "acq_time" in columns:
            facts["acq_time"] = {"Description": "Date of the session, shifted by a secret number of days per patient"}
        write_json(table.with_suffix(".json"), facts)


def sessions_of(cohort: Path, subject: str) -> frozenset[str]:
    """The sessions that a subject's table holds."""
    return frozenset(name.removeprefix("ses-") for name in _rows(_sessions_table(cohort, subject)))


def _sessions_table(cohort: Path, subject: str) -> Path:
    return cohort / f"sub-{subject}" / f"sub-{subject}_sessions.tsv"


def _cells(row: SessionRow) -> dict[str, str]:
    cells = {"session_id": f"ses-{row.session_id}", "visit": f"visit-{row.visit}"}
    cells |= {"weight": _number(row.weight_kg), "height": _number(row.height_cm)}
    return cells if row.acq_time is None else cells | {"acq_time": row.acq_time}


def _rows(table: Path) -> dict[str, dict[str, str]]:
    """The rows of a BIDS table by their first column; none where there is no table."""
    if not table.is_file():
        return {}
    return {next(iter(row.cells.values())): dict(row.cells) for row in read_table(table).rows}


def _add_rows(table: Path, rows: list[dict[str, str]]) -> list[str]:
    """Adds rows to a table, or values to rows that it has; n/a takes nothing away. Returns its columns."""
    merged = _rows(table)
    columns = list(dict.fromkeys(name for row in [*merged.values(), *rows] for name in row))
    for row in rows:
        old = merged.setdefault(row[columns[0]], {})
        old.update({name: value for name, value in row.items() if value != "n/a"})
    cells = ([merged[first].get(name, "n/a") for name in columns] for first in sorted(merged))
    write_text(table, tsv(columns, cells))
    return columns


def _reconstruction_parameters(record: PetRecord) -> dict:
    counts = [(n, v) for n, v in (("iterations", record.iterations), ("subsets", record.subsets)) if v is not None]
    fields: dict = {"ReconMethodParameterLabels": [name for name, _ in counts] or ["none"]}
    if counts:
        fields["ReconMethodParameterUnits"] = ["none"] * len(counts)
        fields["ReconMethodParameterValues"] = [value for _, value in counts]
    if record.filter_gaussian_mm is None:
        return fields | {"ReconFilterType": "none"}
    return fields | {"ReconFilterType": "gaussian", "ReconFilterSize": record.filter_gaussian_mm}


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(".nii.gz") + ".json")


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:g}"
