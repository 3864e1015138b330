"""One case as a job of a process of its own: read, score, hash. Memory is one case per process, however many there are.

A process starts by importing this module, so it imports little. Knows nothing about how cases were paired.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from netlesion.errors import CohortError, NetlesionError
from netlesion.evaluate.case.facts import CaseFacts
from netlesion.evaluate.case.label_probability import contradictions
from netlesion.evaluate.case.marks import Marks
from netlesion.evaluate.case.outcome import MatchSettings
from netlesion.evaluate.case.point_reference import evaluate_marks_against_points, evaluate_masks_against_points
from netlesion.evaluate.case.result import CaseResult
from netlesion.evaluate.case.score import evaluate_case, evaluate_points
from netlesion.evaluate.case.unknown import known_marks, without_unknown
from netlesion.image.volume import Quantity, Volume
from netlesion.io.bids.label_maps import read_named_map
from netlesion.io.bids.masks import Extraction
from netlesion.io.bids.pet import read_suv_image
from netlesion.io.nifti import read_volume
from netlesion.output.cores import available_cores
from netlesion.output.interrupt import worker_processes
from netlesion.output.provenance import hash_file, without_folders
from netlesion.quantify.organ_map import OrganMap

#: Fewer cases than this are not worth starting processes for.
MIN_CASES_FOR_WORKERS = 4


@dataclass(frozen=True)
class Job:
    """Everything that one process needs for one case; paths, not images.

    points_mm (G, 3): the reference, where it is a table of points and not a mask.
    """

    case: str
    patient: str
    reference: Path
    points_mm: np.ndarray | None
    prediction: Path | None
    probability: Path | None
    marks: Marks | None
    pet: Path | None
    facts: CaseFacts
    settings: MatchSettings
    tasks: tuple[str, ...]
    organs: Path | None = None
    unknown: Path | None = None
    unknown_label: int | None = None
    extraction: Extraction | None = None

    @property
    def mask(self) -> Path:
        """The predicted mask, of a job without marks."""
        assert self.prediction is not None
        return self.prediction


def run_jobs(jobs: Sequence[Job], workers: int | None) -> Iterator[tuple[CaseResult, dict[str, str]]]:
    """The result and the input hashes of every job, in order; the first error ends the rest."""
    from tqdm import tqdm

    wanted = min(len(jobs), available_cores() if workers is None else workers)
    with tqdm(total=len(jobs), desc="evaluate", unit="case", file=sys.stderr, disable=None) as bar:
        if wanted == 1 or (workers is None and len(jobs) < MIN_CASES_FOR_WORKERS):
            for job in jobs:
                yield evaluate_job(job)
                bar.update(1)
            return
        with worker_processes(wanted) as pool:
            for found in pool.map(evaluate_job, jobs):
                yield found
                bar.update(1)


def evaluate_job(job: Job) -> tuple[CaseResult, dict[str, str]]:
    """Reads one case, scores it, and hashes what was read."""
    if job.points_mm is not None:
        return _against_points(job, job.points_mm)
    reference, unknown = _read_reference(job)
    hashes = {"reference": hash_file(job.reference)}
    organs, remarks = _read_organs(job)
    if job.marks is not None:
        points, ratings = np.array(job.marks.points_mm).reshape(-1, 3), np.array(job.marks.ratings)
        kept = known_marks(points, reference, unknown)
        result = evaluate_points(
            job.case, job.patient, reference, points[kept], ratings[kept].tolist(), job.settings, job.facts, organs
        )
        if not kept.all():
            remarks = (*remarks, f"{int((~kept).sum())} marks lie in voxels of unknown label and are not counted")
        return replace(result, remarks=(*result.remarks, *remarks)), hashes
    prediction = _read_mask(job.mask, job.case)
    probability = None if job.probability is None else read_volume(job.probability, Quantity.PROBABILITY)
    remarks = (*remarks, *_contradictions(job, prediction, probability))
    if unknown.any():
        known = without_unknown(prediction, probability, reference, unknown, job.settings.connectivity)
        prediction, probability, remarks = known.prediction, known.probability, (*remarks, *known.remarks)
    suv = None if job.pet is None else read_suv_image(job.pet)
    result = evaluate_case(
        job.case,
        job.patient,
        reference,
        prediction,
        probability,
        suv,
        job.settings,
        job.facts,
        job.tasks,
        organs,
    )
    return replace(result, remarks=(*result.remarks, *remarks)), hashes | {"prediction": hash_file(job.mask)}


def _contradictions(job: Job, prediction: Volume, probability: Volume | None) -> tuple[str, ...]:
    return () if probability is None else contradictions(prediction, probability, job.extraction)


def _read_organs(job: Job) -> tuple[OrganMap | None, tuple[str, ...]]:
    """The organ map of a cohort; one that cannot be used is said to be so, for lesions are scored without it."""
    if job.organs is None:
        return None, ()
    try:
        found = read_named_map(job.organs)
    except NetlesionError as error:
        return None, (f"lesions have no region by the organ map: {without_folders(str(error), [job.organs])}",)
    return OrganMap(found.volume.array, found.volume.geometry, found.names), ()


def _against_points(job: Job, points_mm: np.ndarray) -> tuple[CaseResult, dict[str, str]]:
    hashes = {"reference": hash_file(job.reference)}
    if job.marks is not None:
        found = evaluate_marks_against_points(job.case, job.patient, points_mm, job.marks, job.settings, job.facts)
        return found, hashes
    prediction = _read_mask(job.mask, job.case)
    probability = None if job.probability is None else read_volume(job.probability, Quantity.PROBABILITY)
    found = evaluate_masks_against_points(
        job.case,
        job.patient,
        points_mm,
        prediction,
        probability,
        None if job.pet is None else read_suv_image(job.pet),
        job.settings,
        job.facts,
    )
    remarks = _contradictions(job, prediction, probability)
    return replace(found, remarks=(*found.remarks, *remarks)), hashes | {"prediction": hash_file(job.mask)}


def _read_reference(job: Job) -> tuple[Volume, np.ndarray]:
    """The reference mask without its voxels of unknown label, and where those are, (I, J, K) bool."""
    reference = _read_mask(job.reference, job.case, job.unknown_label)
    if job.unknown_label is not None:
        unknown = reference.array == job.unknown_label
        return reference.with_array(np.where(unknown, 0, reference.array)), unknown
    unknown = np.zeros(reference.geometry.shape, dtype=bool)
    if job.unknown is not None:
        found = _read_mask(job.unknown, job.case)
        try:
            reference.geometry.require_same_grid(found.geometry, "the reference", "its mask of unknown voxels")
        except NetlesionError as error:
            raise type(error)(f"case {job.case}: {error}") from error
        unknown = (found.array > 0) & (reference.array == 0)
    return reference, unknown


def _read_mask(path: Path, case: str, unknown_label: int | None = None) -> Volume:
    """A mask of 0/1 or of lesion instances; a lone other value is an 8-bit mask and refused."""
    try:
        mask = read_volume(path, Quantity.LABEL)
    except NetlesionError as error:
        raise type(error)(f"case {case}: {error}") from error
    if unknown_label is not None:
        return mask
    top = int(mask.array.max(initial=0))
    if top == 255 and not ((mask.array > 0) & (mask.array < 255)).any():
        raise CohortError(
            f"case {case}: {path} holds only 0 and 255, an 8-bit picture of a mask; expected 0 and 1, or one label "
            "per lesion (divide by 255)"
        )
    return mask
