"""The digital cohort on disk: a BIDS data set of patients whose truth is known.

`make_cohort` draws patient after patient (several at a time), renders every examination and writes images as
`io.bids.files` does for real ones; truth goes to derivatives/netlesion: `desc-lesions` (instances), `desc-classes` (0
background, 1 physiologic, 2 primary, 3 metastasis), `desc-physiologic`, `desc-organs`, `desc-mimics` (instances),
`lesions.tsv` and `mimics.tsv` per patient, the true links between visits and the true transform of every later
examination to the first. The folder appears under its name only when it is whole; an interrupted run goes on where it
stopped. Same seed, same bytes, any number of workers.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from netlesion.errors import CohortError, ConfigError, OutputError
from netlesion.image.volume import Quantity, Volume
from netlesion.io.bids.cohort import DERIVATIVES
from netlesion.io.bids.files import (
    PetRecord,
    SessionRow,
    derivative_path,
    image_path,
    write_dataset,
    write_image,
    write_pet,
)
from netlesion.io.bids.label_maps import digest_of, find_label_maps
from netlesion.io.nifti import write_field, write_volume
from netlesion.output.atomic import write_json, write_text
from netlesion.output.interrupt import worker_processes
from netlesion.output.lock import alone
from netlesion.output.provenance import Stopwatch, provenance
from netlesion.output.tables import tsv
from netlesion.phantom.biodistribution import FDG, SSTR
from netlesion.phantom.body.label_tissues import KNOWN_NAMES
from netlesion.phantom.body.labels import LABELS
from netlesion.phantom.body.parts import Body
from netlesion.phantom.digital_cohort.anatomy import (
    ANATOMY_STREAM,
    Complete,
    body_of_map,
    forget,
    map_of,
    require_maps,
)
from netlesion.phantom.digital_cohort.dicom import write_dicom_patient
from netlesion.phantom.patient import NUCLIDE, Exam, PatientDraw, draw_patient, known
from netlesion.phantom.scan import ExamImages, PetScan, render_exam
from netlesion.phantom.settings import PhantomSettings, settings_of
from netlesion.phantom.truth import LesionRow, classes_of, lesion_rows, lesion_table, mimic_rows, true_field

TRACER_LABEL: Mapping[str, str] = {SSTR: "dotatate", FDG: "fdg"}
MARKER = "phantom.json"
FINEST_MM, COARSEST_MM = 1.6, 6.0
#: BIDS place of each MR sequence: folder, suffix, entities.
MR_PLACE: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "dixon_water": ("anat", "T1w", ("acq-dixonwater",)),
    "dixon_fat": ("anat", "T1w", ("acq-dixonfat",)),
    "dixon_in": ("anat", "T1w", ("acq-dixonin",)),
    "dixon_opp": ("anat", "T1w", ("acq-dixonopp",)),
    "t2": ("anat", "T2w", ()),
    "dwi_b50": ("dwi", "dwi", ("acq-b50",)),
    "dwi_b800": ("dwi", "dwi", ("acq-b800",)),
}


@dataclass(frozen=True)
class CohortPlan:
    """What to make.

    settings: None takes the preset's. noise_free: also the true activity as an image, without blur or noise. dicom:
    DICOM studies instead of a BIDS cohort. anatomy: organ label maps instead of the built-in body. complete: whether
    the built-in body is grown around them (auto: without skin or bones). anatomy_cache: keeps what was measured.
    """

    patients: int
    seed: int
    preset: str = "net-petct"
    settings: PhantomSettings | None = None
    spacing_mm: tuple[float, float, float] | None = None
    native_grids: bool = False
    noise_free: bool = False
    dicom: bool = False
    anatomy: Path | None = None
    complete: Complete = "auto"
    anatomy_cache: Path | None = None

    def __post_init__(self) -> None:
        if self.patients < 1:
            raise ConfigError(f"a cohort of {self.patients} patients cannot be made; expected at least 1")
        if self.seed < 0:
            raise ConfigError(f"seed {self.seed} cannot be used; expected 0 or more")
        if self.spacing_mm is not None and not all(FINEST_MM <= s <= COARSEST_MM for s in self.spacing_mm):
            raise ConfigError(
                f"a PET spacing of {'x'.join(f'{s:g}' for s in self.spacing_mm)} mm is not simulated; "
                f"expected {FINEST_MM:g} to {COARSEST_MM:g} mm along every axis"
            )
        self.settings_of(0)

    def settings_of(self, index: int) -> PhantomSettings:
        """The settings of one patient."""
        settings = settings_of(self.preset, index) if self.settings is None else self.settings
        if self.native_grids:
            return replace(settings, spacing_mm=None)
        return settings if self.spacing_mm is None else replace(settings, spacing_mm=self.spacing_mm)

    def facts(self) -> dict:
        """What makes this cohort and no other, as JSON."""
        return {
            "patients": self.patients, "seed": self.seed, "preset": self.preset, "spacing_mm": self.spacing_mm and
            list(self.spacing_mm), "native_grids": self.native_grids, "noise_free": self.noise_free,
            "settings": None if self.settings is None else repr(self.settings), "dicom": self.dicom,
            "anatomy": None if self.anatomy is None else {
                p.name: digest_of(p) for p in self.maps()},
            "complete": None if self.anatomy is None else self.complete,
        }  # fmt: skip

    def anatomies(self) -> tuple[Path, ...]:
        """The label maps there are, in name order. Empty for the built-in body."""
        return () if self.anatomy is None else find_label_maps(self.anatomy, KNOWN_NAMES)

    def maps(self) -> tuple[Path, ...]:
        """The maps that patients of this cohort have, each once."""
        found = self.anatomies()
        used = {map_of(i, self.seed, found) for i in range(min(self.patients, len(found)))} if found else set()
        return tuple(sorted(used))


def make_cohort(cohort: Path, plan: CohortPlan, workers: int = 2) -> None:
    """Writes the cohort, or finds it there already. Raises CohortError for a folder that holds anything else.

    An error leaves no new folder behind; after a kill, the same call goes on from the patients already made.
    """
    cohort = Path(cohort).absolute()
    wanted = plan.facts()
    if _holds(cohort, wanted):
        print(f"{cohort} holds this cohort already", file=sys.stderr)
        return
    with alone(cohort):
        _make_cohort(cohort, plan, workers, wanted)


def _make_cohort(cohort: Path, plan: CohortPlan, workers: int, wanted: dict) -> None:
    from tqdm import tqdm

    if cohort.is_dir() and any(cohort.iterdir()) or cohort.exists() and not cohort.is_dir():
        raise CohortError(f"{cohort}: holds something else than this cohort; name a new or empty folder, or remove it")
    forget()
    require_maps(plan.maps(), plan.complete, plan.anatomy_cache, workers)
    work = cohort.with_name(cohort.name + ".partial")
    if work.exists() and not (work / MARKER).is_file():
        raise CohortError(f"{work}: is not an unfinished cohort, and the work would go there; move it away")
    if not _holds(work, wanted):
        shutil.rmtree(work, ignore_errors=True)
    try:
        write_json(work / MARKER, {"config": wanted})
        watch = Stopwatch()
        rows: dict[str, list[SessionRow]] = {}
        with watch.stage("make"):
            for subject, sessions in tqdm(
                _made(work, plan, workers), total=plan.patients, desc="digital cohort", unit="patient", file=sys.stderr
            ):
                rows[subject] = sessions
        if not plan.dicom:
            write_dataset(work, rows)
            _write_dictionary(work)
        write_json(work / MARKER, provenance(config=wanted, seed=plan.seed, stopwatch=watch))
        for done in work.glob(".done-*"):
            done.unlink()
        if cohort.is_dir():
            cohort.rmdir()
        work.rename(cohort)
    except BrokenExecutor as error:
        raise OutputError(
            f"{cohort}: a worker process died, perhaps for want of memory; the patients made so far are kept in "
            f"{work.name}, call again with fewer --workers"
        ) from error
    except OSError as error:
        shutil.rmtree(work, ignore_errors=True)
        reason = error.strerror or str(error)
        raise OutputError(f"{cohort}: could not be written ({reason}); nothing was left behind") from error
    except Exception:
        shutil.rmtree(work, ignore_errors=True)
        raise


def spacing_of(text: str) -> tuple[float, float, float]:
    """`4` or `2x2x3` -> mm along I, J, K. Raises ConfigError for anything else."""
    try:
        numbers = [float(n) for n in text.lower().split("x")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 3):
        raise ConfigError(f"spacing {text!r} is not understood; expected one number (4), three (2x2x3) or native")
    i, j, k = numbers * 3 if len(numbers) == 1 else numbers
    return i, j, k


def subject_of(index: int) -> str:
    """The research id of patient `index`, from 001."""
    return f"{index + 1:03d}"


def write_patient(
    cohort: Path, patient: PatientDraw, settings: PhantomSettings, *, noise_free: bool
) -> list[SessionRow]:
    """Every file of one patient below `cohort`; returns the rows of its sessions."""
    subject = subject_of(patient.index)
    truth = cohort / DERIVATIVES / f"sub-{subject}"
    sessions, rows, mimics, first = [], [], [], None
    for exam in patient.exams:
        images = render_exam(patient, exam, settings)
        first = images if first is None else first
        for scan in images.pets.values():
            _write_pet_scan(cohort, subject, exam, scan, noise_free)
        _write_anatomical(cohort, subject, exam, images)
        rows += lesion_rows(patient, exam, images)
        mimics += mimic_rows(patient, exam, images)
        if images is not first:
            _write_transform(truth, subject, patient, exam, images, first)
        sessions.append(SessionRow(exam.session, exam.visit, patient.weight_kg, patient.body.height_cm))
    write_text(truth / f"sub-{subject}_lesions.tsv", lesion_table(rows))
    write_text(truth / f"sub-{subject}_mimics.tsv", lesion_table(mimics))
    if patient.links:
        links = [
            {"from_visit": v - 1, "from_id": k.from_id, "to_visit": v, "to_id": k.to_id, "relation": k.relation,
             "course": patient.courses[v]}
            for v, found in sorted(patient.links.items()) for k in found
        ]  # fmt: skip
        columns = ("from_visit", "from_id", "to_visit", "to_id", "relation", "course")
        write_text(truth / f"sub-{subject}_correspondence.tsv", _table(links, columns))
    return sessions


def _made(work: Path, plan: CohortPlan, workers: int):
    """Patients one after the other in order, made by `workers` processes."""
    make = partial(_make_one, work, plan)
    if workers <= 1:
        yield from map(make, range(plan.patients))
        return
    with worker_processes(workers) as pool:
        yield from pool.map(make, range(plan.patients))


def _make_one(work: Path, plan: CohortPlan, index: int) -> tuple[str, list[SessionRow]]:
    """One patient, or what is left of an earlier run's; runs in a worker."""
    subject, settings = subject_of(index), plan.settings_of(index)
    done = work / f".done-{subject}"
    if done.is_file():
        return subject, [SessionRow(*row) for row in json.loads(done.read_text(encoding="utf-8"))]
    body = _body_of_map(plan, index, settings)
    patient = draw_patient(index, seed=plan.seed, settings=settings, body=body)
    if plan.dicom:
        write_dicom_patient(work / f"sub-{subject}", patient, settings, seed=plan.seed)
        rows = []
    else:
        rows = write_patient(work, patient, settings, noise_free=plan.noise_free)
    write_json(done, [[r.session_id, r.visit, r.weight_kg, r.height_cm] for r in rows])
    return subject, rows


def _body_of_map(plan: CohortPlan, index: int, settings: PhantomSettings) -> Body | None:
    """The body of this patient's label map, None for the built-in one."""
    maps = plan.anatomies()
    if not maps:
        return None
    rng = np.random.default_rng([plan.seed, index, ANATOMY_STREAM])
    return body_of_map(map_of(index, plan.seed, maps), rng, settings.body, plan.complete, plan.anatomy_cache)


def _write_pet_scan(cohort: Path, subject: str, exam: Exam, scan: PetScan, noise_free: bool) -> None:
    """The PET in Bq/ml with its side-car, and the truth on its grid."""
    facts = exam.acquisitions[scan.channel]
    half_life_s, dose_bq, uptake_s = known(facts.half_life_s), known(facts.dose_bq), known(facts.uptake_s)
    label = TRACER_LABEL[scan.channel]
    path = image_path(cohort, subject, exam.session, "pet", "pet", f"trc-{label}")
    grid = scan.image.geometry
    labels = {
        "lesions": Volume(scan.truth.instances, grid, Quantity.LABEL),
        "classes": Volume(classes_of(scan.truth, exam.foci), grid, Quantity.LABEL),
        "physiologic": Volume(scan.truth.physiologic, grid, Quantity.LABEL),
        "organs": Volume(scan.truth.organ, grid, Quantity.LABEL),
        "mimics": Volume(scan.truth.mimics, grid, Quantity.LABEL),
    }
    for desc, volume in labels.items():
        write_volume(derivative_path(cohort, path, desc, "mask" if desc == "physiologic" else "dseg"), volume)
    record = PetRecord(
        tracer_label=label,
        nuclide=NUCLIDE[scan.channel],
        half_life_s=half_life_s,
        dose_bq=dose_bq,
        weight_kg=known(facts.weight_kg),
        scan_start_s=uptake_s,
        reference_s=uptake_s,
        time_zero="10:00:00",
        ref_time_source="phantom",
        frame_duration_s=exam.seconds_per_bed,
        manufacturer=scan.scanner.manufacturer,
        model=f"{scan.scanner.model_name} (simulated)",
        reconstruction="OSEM (simulated)",
        attenuation_correction="measured" if exam.modality == "PET/CT" else "MR, no bone",
    )
    bqml = scan.image.with_array(scan.image.array / np.float32(facts.suv_factor), Quantity.BQML)
    side = derivative_path(cohort, path, "truth", "pet")
    if noise_free:
        truth = Volume(scan.truth.suv / np.float32(facts.suv_factor), grid, Quantity.BQML)
        write_volume(derivative_path(cohort, path, "noisefree", "pet"), truth)
    write_json(
        side.with_name(side.name.removesuffix(".nii.gz") + ".json"),
        {
            "activity_in_fov_bq": scan.activity_in_fov_bq,
            "decayed_injected_activity_bq": dose_bq * 2.0 ** (-uptake_s / half_life_s),
            "day": exam.day, "scanner": scan.scanner.model_name, "modality": exam.modality,
            "seconds_per_bed": exam.seconds_per_bed, "breathing_mm": exam.breathing_mm,
            "suv_of_tissue": {t: round(v, 4) for t, v in exam.uptake.suv[scan.channel].items()},
        },
    )  # fmt: skip
    write_pet(path, bqml, record)


def _write_anatomical(cohort: Path, subject: str, exam: Exam, images: ExamImages) -> None:
    for name, volume in images.anatomical.items():
        if name == "ct":
            write_image(image_path(cohort, subject, exam.session, "ct", "ct"), volume, {"Modality": "CT"})
        else:
            folder, suffix, entities = MR_PLACE[name]
            path = image_path(cohort, subject, exam.session, folder, suffix, *entities)
            write_image(path, volume, {"Modality": "MR", "SequenceName": name})


def _write_transform(
    truth: Path, subject: str, patient: PatientDraw, exam: Exam, images: ExamImages, first: ExamImages
) -> None:
    """Where each point of the first examination lies in this one, as a displacement field on a coarse grid."""
    field, grid = true_field(patient, first, images)
    stem = f"sub-{subject}_from-ses{exam.session}_to-ses{patient.exams[0].session}_mode-image_desc-true_xfm"
    write_field(truth / f"{stem}.nii.gz", field, grid)
    write_json(
        truth / f"{stem}.json",
        {
            "Description": "Displacement in mm, RAS+: a point p of the first examination lies at p + field(p) in the "
            "other. Resampling the other's images at these points lays them over the first.",
            "Units": "mm", "SpatialReference": f"ses-{patient.exams[0].session}",
        },
    )  # fmt: skip


def _write_dictionary(cohort: Path) -> None:
    """The names behind the integers of desc-organs and desc-classes, and the columns of lesions.tsv."""
    folder = cohort / DERIVATIVES
    organs = [{"index": n, "name": name} for name, n in LABELS.items()]
    write_text(folder / "desc-organs_dseg.tsv", _table(organs, ("index", "name")))
    names = ("physiologic", "primary", "metastasis")
    write_text(
        folder / "desc-classes_dseg.tsv",
        _table([{"index": n, "name": name} for n, name in enumerate(names, start=1)], ("index", "name")),
    )
    write_json(folder / "lesions.json", LesionRow.dictionary())
    write_json(folder / "mimics.json", LesionRow.dictionary(of_mimics=True))


def _table(rows: list[dict], columns: tuple[str, ...]) -> str:
    return tsv(columns, ([row[name] for name in columns] for row in rows))


def _holds(folder: Path, wanted: dict) -> bool:
    try:
        return json.loads((folder / MARKER).read_text(encoding="utf-8")).get("config") == wanted
    except (OSError, ValueError, AttributeError):
        return False
