"""A folder of mixed DICOM -> a BIDS cohort: PET in Bq/ml with its facts and its SUV, CT, MR, and contours as masks.

Three steps: `scan` finds the series, `plan_import` says what each will become, or why it is skipped or refused, and
`write_plan` writes what is new. Patients get new ids and shifted dates; the key between them and the hospital's is a
table kept beside the cohort. Nothing else of a header leaves it but numbers and terms of `io.vocabulary`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from netlesion.datasets.dicom.facts import facts_of
from netlesion.datasets.dicom.plan import VISIT_WINDOW_DAYS, plan_import
from netlesion.datasets.dicom.planned import Decision, ImportPlan, PlannedRoi, PlannedSeries
from netlesion.datasets.dicom.roi_write import mask_of_roi, require_one_frame
from netlesion.datasets.key import DICOM, Key, held_key, key_path
from netlesion.datasets.label_grid import label_on_grid
from netlesion.datasets.record import recorded_outputs, write_record
from netlesion.errors import CohortError, DicomError, NetlesionError, OutputError
from netlesion.image.volume import Quantity
from netlesion.io.bids.files import PetRecord, SessionRow, sessions_of, write_dataset, write_image, write_pet
from netlesion.io.bids.pet import SAME_WEIGHT_KG, session_weight
from netlesion.io.bids.suv import derive_suv, derived_suv_path
from netlesion.io.dicom.entry import one_line
from netlesion.io.dicom.file import text_of
from netlesion.io.dicom.index import scan
from netlesion.io.dicom.pet_image import read_bqml, require_activity, series_facts
from netlesion.io.dicom.series import PADDED_HU, number, read_image
from netlesion.io.dicom.series_choice import links_passed_over
from netlesion.io.files import visible
from netlesion.io.nifti import read_volume, write_volume
from netlesion.output.provenance import hash_file, provenance

if TYPE_CHECKING:
    from netlesion.image.geometry import Geometry
    from netlesion.io.dicom.index import Series
    from netlesion.suv import PetFacts, SuvConversion

QUANTITY_OF_FOLDER = {"pet": Quantity.BQML, "ct": Quantity.HU, "anat": Quantity.MR, "dwi": Quantity.MR}


@dataclass(frozen=True)
class ImportResult:
    """Images and masks written, and one line for each thing that was there already, skipped, refused, or worth knowing.

    What goes with an image, its side-car and the SUV of a PET, is not listed.
    """

    written: tuple[Path, ...]
    present: tuple[str, ...]
    skipped: tuple[str, ...]
    failures: tuple[str, ...]
    warnings: tuple[str, ...]


def import_dicom(
    source: str | Path,
    cohort: str | Path,
    key_file: str | Path | None = None,
    progress: Callable[[Path], None] = lambda path: None,
    *,
    workers: int | None = None,
    visit_window_days: int = VISIT_WINDOW_DAYS,
    interpolate_contours: bool = False,
) -> ImportResult:
    """Reads SOURCE, adds to COHORT what is not there yet; a series that fails is reported and the rest goes on.

    `progress` is told every file once it is written. interpolate_contours: slices left out between contours of one
    lesion are filled. Where nothing can be written, nothing is left. Raises
    CohortError for a key that does not fit, OutputError (which ends the import) for a full disk.
    """
    with held_key(cohort, key_file) as key:
        plan = _planned(source, Path(cohort), key, workers, visit_window_days)
        return write_plan(plan, source, cohort, progress, visit_window_days, interpolate_contours)


def prepare_import(
    source: str | Path,
    cohort: str | Path,
    key_file: str | Path | None = None,
    *,
    workers: int | None = None,
    visit_window_days: int = VISIT_WINDOW_DAYS,
) -> ImportPlan:
    """What an import would do; writes nothing. Raises DicomError when there is no DICOM at all."""
    cohort = Path(cohort)
    key = Key.read(key_path(cohort, key_file))
    key.require_fits(cohort)
    return _planned(source, cohort, key, workers, visit_window_days)


def _planned(source: str | Path, cohort: Path, key: Key, workers: int | None, visit_window_days: int) -> ImportPlan:
    index = scan(source, workers)
    if not index.series and not index.issues:
        line = f"{source}: holds no DICOM series; expected files of a PET, CT or MR export"
        raise DicomError("; ".join((line, *links_passed_over(index))))
    existing = {path.relative_to(cohort).as_posix() for path in visible(cohort, "**/*.nii.gz")}
    return plan_import(index, facts_of(index), key, existing, visit_window_days)


def write_plan(
    plan: ImportPlan,
    source: str | Path,
    cohort: str | Path,
    progress: Callable[[Path], None] = lambda path: None,
    visit_window_days: int = VISIT_WINDOW_DAYS,
    interpolate_contours: bool = False,
) -> ImportResult:
    """Carries out a plan; a series that turns out unreadable is a line of `failures`, the rest goes on."""
    writer = _Writer(
        plan,
        Path(source),
        Path(cohort),
        progress,
        recorded=recorded_outputs(Path(cohort)),
        interpolate_contours=interpolate_contours,
    )
    writer.failures += plan.refusals
    for planned in sorted(plan.images, key=lambda one: one.facts.series.modality != "PT"):
        writer.image(planned)  # PETs first: what belongs to one that could not be written does not name it
        writer.tell()
    for planned in plan.rois:
        writer.roi(planned)
        writer.tell()
    if writer.rows:
        writer.tables()
    if writer.written or writer.unrecorded:
        writer.provenance(visit_window_days)
    return writer.result()


@dataclass
class _Writer:
    """Writes one plan into one cohort and keeps what happened."""

    plan: ImportPlan
    source: Path
    cohort: Path
    progress: Callable[[Path], None]
    written: list[Path] = field(default_factory=list)
    present: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    rows: dict[tuple[str, str], list[SessionRow]] = field(default_factory=dict)
    grids: dict[PurePosixPath, Geometry] = field(default_factory=dict)
    key_is_saved: bool = False
    num_told: int = 0
    interpolate_contours: bool = False
    interpolated: dict[str, list[int]] = field(default_factory=dict)
    brought: dict[str, str] = field(default_factory=dict)
    recorded: frozenset[str] = frozenset()
    unrecorded: list[str] = field(default_factory=list)

    def image(self, planned: PlannedSeries) -> None:
        if planned.decision is Decision.SKIP:
            self.skipped.append(f"{_where(planned)}: {planned.taken_for}: {planned.why}")
            self.warnings += planned.warnings
        elif planned.decision is Decision.PRESENT:
            self._found(planned)
            path = self.cohort / planned.path
            if planned.facts.series.modality == "PT" and not derived_suv_path(self.cohort, path).exists():
                with self._refusing(planned.facts.series):
                    derive_suv(self.cohort, path)
            if not self._has_row(planned.subject, planned.session):  # an import that was killed before its tables
                self._remember(planned)
        elif planned.decision is Decision.WRITE:
            with self._refusing(planned.facts.series):
                self._write_image(planned)

    def roi(self, planned: PlannedRoi) -> None:
        if planned.decision is Decision.SKIP:
            self.skipped.append(planned.why)
        elif planned.decision is Decision.PRESENT:
            self._found(planned)
        elif planned.decision is Decision.WRITE:
            with self._refusing(planned.facts.series, planned.roi.file):
                self._write_roi(planned)

    def tables(self) -> None:
        """A row of every DICOM session that is in the cohort, visits counted anew; rows of other data sources stay."""
        key, rows = self.plan.key, {}
        for place in (p for p in key.places.values() if p.data_source == DICOM):
            at = place.subject, place.session
            found = [SessionRow(place.session, 0)] if self._has_row(*at) else []
            rows.setdefault(place.subject, []).extend(
                replace(row, visit=self.plan.visits[at], acq_time=f"{key.shifted(place).isoformat()}T00:00:00")
                for row in found + self.rows.get(at, [])
            )
        write_dataset(self.cohort, {subject: found for subject, found in rows.items() if found})

    def provenance(self, visit_window_days: int) -> None:
        """What this import wrote and from what, one file per import; sources are named by what they became."""
        written = {path.relative_to(self.cohort).as_posix() for path in self.written} | set(self.unrecorded)
        inputs = {
            str(p.target): _hash_files(p.facts.series.files) for p in self.plan.images if str(p.target) in written
        }
        contours = {p.roi.file: p.facts.series.root / p.roi.file for p in self.plan.rois if str(p.target) in written}
        inputs |= {f"contours {n}": hash_file(path) for n, path in enumerate(contours.values(), start=1)}
        record = provenance(
            config={"visit_window_days": visit_window_days},
            inputs=inputs,
            outputs=sorted(written),
            of_interrupted_import=sorted(self.unrecorded),
            num_skipped=len(self.skipped),
            num_refused=len(self.failures),
            faces_removed=False,
            interpolated_slices=self.interpolated,
            brought_from=self.brought,
        )
        write_record(self.cohort, record)

    def result(self) -> ImportResult:
        skipped = [*self.skipped, *self.plan.passed]
        return ImportResult(
            tuple(self.written), tuple(self.present), tuple(skipped), tuple(self.failures), tuple(self.warnings)
        )

    @contextmanager
    def _refusing(self, series: Series, file: str = "") -> Iterator[None]:
        """Turns an error of one series into a line that names its file; a full disk still ends the import."""
        try:
            yield
        except OutputError:
            raise
        except Exception as error:  # a broken value raises many kinds; its text is not repeated, it may be a name
            line = f"a value that cannot be read ({type(error).__name__}); restore the series from its source"
            if isinstance(error, MemoryError):
                line = "needs more memory than there is"
            if isinstance(error, NetlesionError):
                line = one_line(error, self.source)
            named = any(line.startswith(one.file) for one in series.slices)
            self.failures.append(line if named else f"{file or series.slices[0].file}: {line}")

    def _write_image(self, planned: PlannedSeries) -> None:
        series, path = planned.facts.series, self.cohort / planned.path
        has_pet = planned.belongs_to is not None and (self.cohort / planned.belongs_to).is_file()
        facts = _image_facts(planned, self.plan.key, has_pet)
        warnings = [f"{planned.target}: {line}" for line in planned.warnings]
        if series.modality == "PT":
            stated, conversion = series_facts(series)
            require_activity(series, conversion)
            warnings += [f"{planned.target}: {line}" for line in conversion.warnings]
            record = _pet_record(planned, stated, conversion, self.plan.key)
            self._require_one_weight(planned, record.weight_kg)
            volume = read_bqml(series, conversion)
            self._save_key()
            write_pet(path, volume, record, facts)
            derive_suv(self.cohort, path, volume)
        else:
            volume = read_image(series)
            if series.modality == "CT" and text_of(series.header, "PixelPaddingValue") is not None:
                facts["PaddingHU"] = PADDED_HU
            self._save_key()
            write_image(path, volume, {"Modality": series.modality, **facts})
        self.grids[planned.path] = volume.geometry
        self.warnings += warnings
        self._remember(planned)
        self._add(path)

    def _write_roi(self, planned: PlannedRoi) -> None:
        drawn = mask_of_roi(planned, self._grid(planned.drawn_on or planned.grid_of), self.interpolate_contours)
        if drawn.mask is None:
            self.skipped.append(drawn.why)
            return
        require_one_frame(planned, self.cohort, self.plan.key)
        mask = drawn.mask
        if planned.drawn_on is not None:
            mask = label_on_grid(mask, self._grid(planned.grid_of))
            self.brought[str(planned.target)] = str(planned.drawn_on)
        if drawn.interpolated:
            self.interpolated[str(planned.target)] = list(drawn.interpolated)
        self._save_key()
        write_volume(self.cohort / planned.path, mask)
        self.warnings += [*planned.warnings, *drawn.warnings]
        if not mask.array.any():
            self.warnings.append(f"{planned.target}: the mask is empty")
        self._add(self.cohort / planned.path)

    def _found(self, planned: PlannedSeries | PlannedRoi) -> None:
        """What is there; where no record names it, an import was killed after it was written."""
        self.present.append(f"{planned.target}: already in the cohort")
        if str(planned.target) not in self.recorded:
            self.unrecorded.append(str(planned.target))

    def _remember(self, planned: PlannedSeries) -> None:
        """What an image says of its session: height, and of a PET the weight that its SUV needs."""
        series = planned.facts.series
        weight = number(series, series.header, "PatientWeight") if series.modality == "PT" else None
        row = SessionRow(planned.session, 0, weight, _height_cm(series))
        self.rows.setdefault((planned.subject, planned.session), []).append(row)

    def _require_one_weight(self, planned: PlannedSeries, weight_kg: float) -> None:
        """Raises CohortError where another PET of the session was weighed otherwise: sessions.tsv holds one weight."""
        path = self.cohort / planned.path
        alone = all(other == path for other in visible(path.parent, "*_pet.nii.gz"))
        recorded = None if alone else session_weight(path)
        known = [row.weight_kg for row in self.rows.get((planned.subject, planned.session), ())]
        for other in (recorded, *known):
            if other is not None and abs(other - weight_kg) > SAME_WEIGHT_KG:
                raise CohortError(
                    f"Patient's Weight (0010,1030) is {weight_kg:g} kg, but {other:g} kg in another PET of the same "
                    "day; correct the wrong one at its source"
                )

    def _has_row(self, subject: str, session: str) -> bool:
        return session in sessions_of(self.cohort, subject)

    def _grid(self, image: PurePosixPath) -> Geometry:
        """The grid of an image of this cohort, just written or from an earlier import."""
        if image not in self.grids:
            if not (self.cohort / image).is_file():
                raise DicomError(f"was drawn on {image}, which could not be imported")
            self.grids[image] = read_volume(self.cohort / image, QUANTITY_OF_FOLDER[image.parent.name]).geometry
        return self.grids[image]

    def _save_key(self) -> None:
        """Before the first image: a killed import must not leave a subject that nobody can name."""
        if not self.key_is_saved:
            self.plan.key.save(self.cohort)
            self.key_is_saved = True

    def _add(self, path: Path) -> None:
        self.written.append(path)

    def tell(self) -> None:
        """Tells the caller every file written since; apart from writing, so that its errors refuse no series."""
        while self.num_told < len(self.written):
            self.num_told += 1
            self.progress(self.written[self.num_told - 1])


def _where(planned: PlannedSeries) -> str:
    return planned.facts.series.slices[0].file


def _image_facts(planned: PlannedSeries, key: Key, has_pet: bool) -> dict:
    """Side-car fields of every image: its frame of reference, the PET it belongs to, and that faces are in it."""
    facts: dict = {"FacesRemoved": False}
    if planned.facts.frame_of_reference is not None:
        facts["FrameOfReferenceHash"] = key.digest(planned.facts.frame_of_reference, 6)
    if has_pet:
        facts["IntendedFor"] = [f"bids::{planned.belongs_to}"]
        facts["IntendedForBy"] = planned.belongs_by
    if planned.facts.series.kind.b_value is not None:
        facts["DiffusionBValue"] = planned.facts.series.kind.b_value
    return facts


def _pet_record(planned: PlannedSeries, facts: PetFacts, conversion: SuvConversion, key: Key) -> PetRecord:
    header = planned.facts.series.header
    activity, tracer = conversion.require_activity(), planned.facts.tracer
    assert tracer is not None, "a PET without a tracer is refused by the plan"
    start = facts.acquisition_datetime or activity.reference
    text = {
        name: text_of(header, name) or "n/a"
        for name in ("Manufacturer", "ManufacturerModelName", "ReconstructionMethod", "AttenuationCorrectionMethod")
    }
    updates = re.search(r"(\d{1,2})\s*i[a-z]*\s*(\d{1,2})\s*s", text["ReconstructionMethod"].lower())  # 2i21s
    gauss = re.search(r"gauss\w*\s*(\d{1,2}(?:\.\d+)?)", (text_of(header, "ConvolutionKernel") or "").lower())
    return PetRecord(
        tracer_label=tracer.label,
        nuclide=facts.nuclide or "n/a",
        half_life_s=activity.half_life_s,
        dose_bq=activity.dose_bq,
        weight_kg=activity.weight_kg,
        scan_start_s=(start - activity.injection).total_seconds(),
        reference_s=activity.elapsed_s,
        time_zero=activity.injection.strftime("%H:%M:%S"),
        ref_time_source=activity.ref_time_source,
        suv_path=conversion.path,
        suv_warnings=conversion.warnings,
        frame_duration_s=facts.frame_duration_s,
        manufacturer=text["Manufacturer"],
        model=text["ManufacturerModelName"],
        reconstruction=text["ReconstructionMethod"],
        attenuation_correction=text["AttenuationCorrectionMethod"],
        iterations=None if updates is None else int(updates[1]),
        subsets=None if updates is None else int(updates[2]),
        filter_gaussian_mm=None if gauss is None else float(gauss[1]),
    )


def _height_cm(series: Series) -> float | None:
    """Patient's Size in cm; values up to 3 are metres (clinical.md 1.5)."""
    height = number(series, series.header, "PatientSize")
    if not height:
        return None
    return round(height * 100, 1) if height <= 3 else height


def _hash_files(files: Sequence[Path]) -> str:
    """One sha256 over the sha256 of every file of a series, in the order of the hashes."""
    return hashlib.sha256("".join(sorted(hash_file(path) for path in files)).encode()).hexdigest()
