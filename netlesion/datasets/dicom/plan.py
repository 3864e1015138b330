"""Facts of every series -> what an import will do: a frozen plan, made without touching a file.

For each series: what it was taken for and why, the patient, session and name it gets, which PET it belongs to;
or why it is skipped (no part of a cohort: localisers, dose reports, uncorrected PET) or refused (it should have
been part of it, but is broken or cannot be told). Names once given are in the key and never change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256

from pydicom.uid import UID

from netlesion.datasets.dicom.facts import SeriesFacts
from netlesion.datasets.dicom.mr_contrast import NoContrast, mr_contrast
from netlesion.datasets.dicom.names import relation, seconds_apart, with_names
from netlesion.datasets.dicom.person import Person, contradiction
from netlesion.datasets.dicom.planned import Decision, ImportPlan, PlannedSeries
from netlesion.datasets.dicom.real_world_map import RealWorldMap, disagreement
from netlesion.datasets.dicom.roi_plan import plan_rois
from netlesion.datasets.key import Key
from netlesion.errors import NetlesionError
from netlesion.io.dicom.entry import one_line
from netlesion.io.dicom.file import IMAGES, RTSTRUCT, SEGMENTATIONS, floats_of
from netlesion.io.dicom.index import Index
from netlesion.io.dicom.pixels import undecodable
from netlesion.io.dicom.slices import stack_slices
from netlesion.io.hounsfield import is_hu, other_map

#: Sessions at most this many days after the first of a visit belong to it [P].
VISIT_WINDOW_DAYS = 31
#: Characters of an id or a name in DICOM (LO); longer ones are broken and would break the key's table.
LONGEST_ID = 64


def plan_import(
    index: Index,
    facts: Sequence[SeriesFacts],
    key: Key,
    existing: Iterable[str] = (),
    window_days: int = VISIT_WINDOW_DAYS,
) -> ImportPlan:
    """What an import of an indexed folder will do; pure: neither `key` nor a file is changed.

    existing: targets that are in the cohort already, as written in the key.
    """
    key, existing = key.copy(), frozenset(existing)
    people = {id(one): _person(one, key) for one in facts}
    strangers, torn = _ids_of_two_people(facts, people, key), _studies_of_two_days(facts)
    judged = [
        _judge(one, strangers, torn) if one.maps is None else _judge_maps(one, facts)
        for one in facts
        if not _holds_rois(one)
    ]
    for one in (p.facts for p in judged if p.decision is Decision.WRITE):
        if people[id(one)] != Person():
            key.people.setdefault(one.series.patient_id, set()).add(people[id(one)].to_text())
    judged = _with_sessions(judged, key)
    judged = [_with_pet(one, judged) for one in judged]
    images = with_names(judged, key, existing)
    rois = plan_rois([one for one in facts if _holds_rois(one)], images, key, existing)
    return ImportPlan(
        images=tuple(images),
        rois=tuple(rois),
        refused_files=tuple(issue.line for issue in index.issues),
        passed=tuple(f"{one.file}: {one.why}" for one in index.passed),
        visits=key.visits(window_days),
        key=key,
        num_files=index.num_files,
    )


def _holds_rois(facts: SeriesFacts) -> bool:
    return facts.series.sop_class == RTSTRUCT or facts.series.sop_class in SEGMENTATIONS


def _person(facts: SeriesFacts, key: Key) -> Person:
    birth_date = facts.series.birth_date or facts.person.birth_date
    return replace(facts.person, birth_date=birth_date).hidden(key.digest)


def _ids_of_two_people(facts: Iterable[SeriesFacts], people: Mapping[int, Person], key: Key) -> dict[str, str]:
    """Patient ID -> what tells that its series, or those of an earlier import, are of several people."""
    of_id: dict[str, list[Person]] = {}
    for one in facts:
        of_id.setdefault(one.series.patient_id, []).append(people[id(one)])
    told = {}
    for patient, found in of_id.items():
        earlier = [Person.from_text(text) for text in key.people.get(patient, ())]
        if why := contradiction(found):
            told[patient] = f"{why} under one Patient ID (0010,0020)"
        elif why := contradiction([*found, *earlier]):
            told[patient] = f"{why} under one Patient ID (0010,0020), one of them in an earlier import"
    return told


def _studies_of_two_days(facts: Iterable[SeriesFacts]) -> frozenset[str]:
    days: dict[str, set[str]] = {}
    for one in facts:
        if one.study_day and one.series.study_uid and one.series.sop_class in IMAGES:
            days.setdefault(one.series.study_uid, set()).add(one.study_day)
    return frozenset(study for study, found in days.items() if len(found) > 1)


def _judge(facts: SeriesFacts, strangers: Mapping[str, str], torn: frozenset[str]) -> PlannedSeries:
    """Whether a series is written, skipped or refused, and what it was taken for."""
    series = facts.series
    name = UID(series.sop_class).name if series.sop_class else "an object without class"
    if series.sop_class not in IMAGES:
        return PlannedSeries(facts, Decision.SKIP, name, "no image of a cohort")
    taken_for, place, warnings, reason = _taken_for(facts)
    if reason:
        return PlannedSeries(facts, Decision.SKIP, taken_for, reason)
    refusal = _refusal(facts, strangers, torn, place)
    if refusal:
        return PlannedSeries(facts, Decision.REFUSE, taken_for, refusal)
    try:
        stack = stack_slices(series.slices, series.label)
    except NetlesionError as error:
        return PlannedSeries(facts, Decision.REFUSE, taken_for, one_line(error, series.root))
    if stack.note:
        warnings = (*warnings, stack.note)
    if series.num_duplicates:
        warnings = (*warnings, f"{series.num_duplicates} duplicate files were left out")
    return PlannedSeries(facts, Decision.WRITE, taken_for, "", geometry=stack.geometry, warnings=warnings, place=place)


def _refusal(
    facts: SeriesFacts, strangers: Mapping[str, str], torn: frozenset[str], place: tuple[str, str, tuple[str, ...]]
) -> str:
    series = facts.series
    where = series.slices[0].file
    if facts.problem:
        return facts.problem
    if series.broken:
        total = len(series.files) + len(series.broken)
        return f"{where}: {len(series.broken)} of the {total} files of its series are broken; a part is no series"
    if not series.patient_id:
        return f"{where}: Patient ID (0010,0020) is missing; its patient cannot be told"
    if len(series.patient_id) > LONGEST_ID:
        return (
            f"{where}: Patient ID (0010,0020) has {len(series.patient_id)} characters, at most {LONGEST_ID} are allowed"
        )
    if series.patient_id in strangers:
        why = strangers[series.patient_id]
        return f"{where}: {why}; correct the id of one patient"
    if series.study_uid in torn:
        return (
            f"{where}: two Study Dates (0008,0020) under one Study Instance UID (0020,000D); give its series one date, "
            "or two studies an id each"
        )
    if facts.day is None:
        return f"{where}: Study Date (0008,0020) is missing or no date, expected YYYYMMDD"
    reason = undecodable(facts.transfer_syntax)
    if reason:
        return f"{where}: {reason}"
    if series.modality == "CT" and not is_hu(facts.rescale_type):
        return f"{where}: Rescale Type (0028,1054) is not HU; what its values are is not known, export the CT in HU"
    if series.modality == "PT" and not place[0]:
        return f"{where}: the tracer cannot be told from its radiopharmaceutical code or text; code it in the header"
    return facts.suv_problem


def _judge_maps(facts: SeriesFacts, others: Sequence[SeriesFacts]) -> PlannedSeries:
    """A Real World Value Mapping: which PET it is for, and where its SUV factors are not ours."""
    name = "Real World Value Mapping"
    if facts.problem or not facts.maps:
        return PlannedSeries(facts, Decision.SKIP, name, facts.problem or "maps to no SUV")
    warnings, named, where = [], [], facts.series.slices[0].file
    for one in facts.maps:
        pet = next((p for p in others if p.series.modality == "PT" and _is_of(one, p)), None)
        if pet is None or pet.suv is None:
            why = "of a series that is not here" if pet is None else "of a PET that is not imported"
            return PlannedSeries(facts, Decision.SKIP, name, f"SUV {one.suv_type} {why}")
        slope = floats_of(pet.series.header, "RescaleSlope", 1) or (1.0,)
        line = disagreement(one, *pet.suv, slope[0])
        named.append(f"SUV {one.suv_type} {'as ours' if line is None else 'not as ours'}")
        warnings += [] if line is None else [f"{where}: {line}"]
    why = f"factors of somebody else, for comparison: {', '.join(named)}"
    return PlannedSeries(facts, Decision.SKIP, name, why, warnings=tuple(warnings))


def _is_of(one: RealWorldMap, pet: SeriesFacts) -> bool:
    return pet.series.uid in one.series or any(s.instance in one.instances for s in pet.series.slices)


def _taken_for(facts: SeriesFacts) -> tuple[str, tuple[str, str, tuple[str, ...]], tuple[str, ...], str]:
    """What a series was taken for, its place in BIDS (folder, suffix, entities), warnings, and why it is skipped."""
    series, nowhere = facts.series, ("", "", ())
    types = set(series.kind.image_type)
    if facts.problem:
        return series.modality, nowhere, (), ""
    if "LOCALIZER" in types:
        return f"{series.modality} localiser", nowhere, (), "a localiser"
    if facts.colour:
        return f"{series.modality} in colour", nowhere, (), "a colour image: a screenshot or a fused view"
    if series.modality == "PT":
        return _taken_for_pet(facts, types)
    if series.modality == "CT":
        if types & {"REFORMATTED", "MPR", "MIP", "PROJECTION IMAGE", "CURVED"}:
            return "CT reformat", nowhere, (), "a reformat or projection, not an acquisition"
        if (shown := other_map(facts.rescale_type)) is not None:
            return "CT without HU", nowhere, (), f"{shown} (Rescale Type), not HU"
        return "CT", ("ct", "ct", ()), (), ""
    contrast = mr_contrast(
        facts.words, series.kind.image_type, series.kind.echo_ms, facts.repetition_ms, series.kind.b_value
    )
    if isinstance(contrast, NoContrast):
        return "MR", nowhere, (), contrast.why
    if series.split_by == "temporal":
        return f"MR {contrast.suffix}", nowhere, (), "a dynamic series of several time points"
    acquisition = (f"acq-{contrast.acquisition}",) if contrast.acquisition else ()
    return (
        f"MR {contrast.suffix}{' ' + contrast.acquisition if contrast.acquisition else ''} (by {contrast.by})",
        (contrast.folder, contrast.suffix, acquisition),
        (),
        "",
    )


def _taken_for_pet(facts: SeriesFacts, types: set[str]):
    nowhere: tuple[str, str, tuple[str, ...]] = ("", "", ())
    kind = next((k for k in ("DYNAMIC", "GATED") if k in (*facts.series_type[:1], *types)), "")
    if "REPROJECTION" in facts.series_type or types & {"MIP", "PROJECTION IMAGE", "REFORMATTED", "MPR"}:
        return "PET projection", nowhere, (), "a projection or reformat, not a tomogram"
    if kind or facts.series.split_by in ("temporal", "acquisition"):
        return (
            f"PET, {kind.lower() or 'dynamic'}",
            nowhere,
            (),
            "a dynamic or gated PET; only static ones carry a SUV here",
        )
    if facts.uncorrected:
        why = f"not corrected for attenuation, so it carries no SUV ({', '.join(facts.uncorrected)})"
        return "PET without attenuation correction", nowhere, (), why
    if facts.tracer is None:
        return "PET", nowhere, (), ""
    tracer, warnings = facts.tracer, ()
    if tracer.source != "code":
        warnings = (f"the tracer was told from {tracer.source}, its header has no code that is known",)
    return f"PET {tracer.label} (by {tracer.source})", ("pet", "pet", (f"trc-{tracer.label}",)), warnings, ""


def _with_sessions(judged: list[PlannedSeries], key: Key) -> list[PlannedSeries]:
    """Every series to be written under its patient's subject and session; new patients in an order of no meaning."""
    writes = [p for p in judged if p.decision is Decision.WRITE]
    days = {(p.facts.series.patient_id, p.day) for p in writes}
    for patient, day in sorted(days, key=lambda pair: (sha256(pair[0].encode()).digest(), pair[1])):
        key.day(patient, day)  # by hash: neither the order of ids, nor another one when the plan is made anew
    placed = []
    for one in judged:
        if one.decision is Decision.WRITE:
            place = key.day(one.facts.series.patient_id, one.day)
            one = replace(one, subject=place.subject, session=place.session)
        placed.append(one)
    return placed


def _with_pet(one: PlannedSeries, judged: Sequence[PlannedSeries]) -> PlannedSeries:
    """A CT or MR with the PET of its session it belongs to: by frame of reference, else study, else time."""
    if one.decision is not Decision.WRITE or one.facts.series.modality == "PT":
        return one
    pets = [
        p
        for p in judged
        if p.decision is Decision.WRITE
        and p.facts.series.modality == "PT"
        and (p.subject, p.session) == (one.subject, one.session)
    ]
    if not pets:
        return one
    pet = min(pets, key=lambda p: (relation(one, p), seconds_apart(one, p), p.facts.series.uid))
    by = ("frame of reference", "study", "time")[relation(one, pet)]
    return replace(one, belongs_by=by, pet_uid=pet.facts.series.uid)
