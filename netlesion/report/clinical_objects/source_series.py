"""Which DICOM series of a folder a case of results was made of. Several are never chosen between; none is guessed.

A series is the case's PET where its slices are whole, lie where the label map lies, show the same tracer, and give the
SUVmax of every lesion again that the results state: another patient, visit or reconstruction does not. With the key of
the cohort its identity is known beyond that. A case without a lesion has nothing to compare and needs the key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from netlesion.datasets.dicom.names import identity_of
from netlesion.datasets.key import Key
from netlesion.errors import DicomError, NetlesionError
from netlesion.image.same_voxels import alignment, on_same_voxels
from netlesion.image.volume import Volume
from netlesion.io.dicom.index import Index
from netlesion.io.dicom.objects.source_images import SourceImages, source_images, stack_without_gaps
from netlesion.io.dicom.pet_header import tracer_of_series
from netlesion.io.dicom.pet_image import read_suvbw, series_facts
from netlesion.io.dicom.series import Series
from netlesion.io.dicom.slices import Stack

#: A SUVmax is found again within this fraction: single precision and scanners' rounding, nothing else.
SAME_SUV = 2e-3


@dataclass(frozen=True, eq=False)
class Wanted:
    """What is known of a case's PET: its label map, tracer, and lesion_id -> SUVmax as the results state it."""

    case: str
    labels: Volume
    tracer_label: str
    suvmax: Mapping[int, float]


@dataclass(frozen=True, eq=False)
class Candidate:
    """One PET series of the source; what is read of it is kept."""

    series: Series

    @cached_property
    def stack(self) -> Stack:
        return stack_without_gaps(self.series)

    @cached_property
    def tracer_label(self) -> str | None:
        found = tracer_of_series(self.series)
        return None if found is None else found.label

    def suv(self) -> Volume:
        return read_suvbw(self.series, series_facts(self.series)[1])


@dataclass(frozen=True, eq=False)
class Found:
    """The source of a case: its headers, and the lesion ids on its grid."""

    source: SourceImages
    labels_IJK: np.ndarray


def candidates_of(index: Index) -> tuple[Candidate, ...]:
    """Every PET series of a folder."""
    return tuple(Candidate(one) for one in index.series if one.modality == "PT")


def find_source(wanted: Wanted, candidates: Sequence[Candidate], key: Key | None) -> Found:
    """The series that a case was made of.

    Raises DicomError, naming the case, and the series and what is wrong with it, where none fits, or several do.
    """
    if key is None and not wanted.suvmax:
        raise DicomError(
            f"{wanted.case}: has no lesion whose SUV could tell its series; give the key of its cohort (--key)"
        )
    known = None if key is None else _named_by(key, wanted, candidates)
    fits, reasons = [], []
    for one in candidates if known is None else known:
        why, passed = _fault(one, wanted)
        if why:
            reasons.append((passed, why))
        else:
            fits.append(one)
    if len(fits) > 1:
        names = ", ".join(one.series.label for one in fits)
        raise DicomError(f"{wanted.case}: fits several series ({names}); give the key of its cohort (--key)")
    if not fits:
        if not candidates:
            raise DicomError(f"{wanted.case}: the source holds no PET series; give the DICOM that it was imported from")
        _, reason = max(reasons)
        others = f" (of {len(reasons)} PET series none fits, this one comes nearest)" if len(reasons) > 1 else ""
        raise DicomError(f"{wanted.case}: {reason}{others}")
    return Found(
        source_images(fits[0].series),
        on_same_voxels(wanted.labels.array, wanted.labels.geometry, fits[0].stack.geometry),
    )


def _named_by(key: Key, wanted: Wanted, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The series that the key names for a case; raises DicomError where they are not there or have changed."""
    target = f"{wanted.case}_pet.nii.gz"
    known = {digest: one for digest, one in key.series.items() if one.target.endswith(f"/{target}")}
    if not known:
        raise DicomError(f"{wanted.case}: {key.path} names no series of it; give the key of the cohort it came from")
    found = [c for c in candidates if key.digest(identity_of(c.series)) in known]
    if found:
        expected = known[key.digest(identity_of(found[0].series))].num_files
        if sum(len(c.series.files) for c in found) < expected:
            raise DicomError(
                f"{wanted.case}: {found[0].series.label} has {len(found[0].series.files)} files, {expected} were "
                "imported; slices are missing, export the series again"
            )
        return found
    subject, session = (wanted.case.split("_")[n].partition("-")[2] for n in (0, 1))
    patients = {p.patient for p in key.places.values() if (p.subject, p.session) == (subject, session)}
    same = [c for c in candidates if " ".join(c.series.patient_id.split()) in patients]
    if candidates and not same:
        raise DicomError(
            f"{wanted.case}: {candidates[0].series.label} is of another patient; give the DICOM of this one"
        )
    where = f"{same[0].series.label} is another series of its patient, in another frame of reference or reconstruction"
    raise DicomError(
        f"{wanted.case}: {where if same else 'the source holds no PET series'}; give the DICOM it came from"
    )


def _fault(one: Candidate, wanted: Wanted) -> tuple[str, int]:
    """What tells that a series is not the case's, empty where nothing does, and how many checks it passed before."""
    checks: tuple[Callable[[Candidate, Wanted], str], ...] = (_place, _tracer, _suv)
    for passed, check in enumerate(checks):
        try:
            why = check(one, wanted)
        except NetlesionError as error:
            why = str(error)
        if why:
            return why, passed
    return "", len(checks)


def _place(one: Candidate, wanted: Wanted) -> str:
    grid, own = one.stack.geometry, wanted.labels.geometry
    if alignment(own, grid) is not None:
        return ""
    if sorted(grid.shape) == sorted(own.shape):
        return (
            f"{one.series.label} lies elsewhere ({grid.describe()} against {own.describe()}): it is of another frame "
            "of reference, or another scan"
        )
    if grid.shape[:2] == own.shape[:2] and grid.shape[2] < own.shape[2]:
        return f"{one.series.label} has {grid.shape[2]} slices, the results have {own.shape[2]}; slices are missing"
    return f"{one.series.label} has another grid ({grid.describe()} against {own.describe()})"


def _tracer(one: Candidate, wanted: Wanted) -> str:
    if one.tracer_label is None or one.tracer_label == wanted.tracer_label:
        return ""
    return f"{one.series.label} shows {one.tracer_label}, the results {wanted.tracer_label}"


def _suv(one: Candidate, wanted: Wanted) -> str:
    suv, labels = one.suv().array, on_same_voxels(wanted.labels.array, wanted.labels.geometry, one.stack.geometry)
    for lesion, stated in wanted.suvmax.items():
        inside = labels == lesion
        if not inside.any():
            return f"lesion {lesion} of the table is not in the label map; measure the results again"
        found = float(suv[inside].max())
        if abs(found - stated) > SAME_SUV * max(abs(stated), 1e-3):
            return (
                f"{one.series.label} has SUVmax {found:.3f} in lesion {lesion}, the results say {stated:.3f}: it is of "
                "another patient, another visit or another reconstruction"
            )
    return ""
