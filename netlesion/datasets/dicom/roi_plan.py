"""Contours and segments -> the masks that they become: one on the image they were drawn on, and one on each PET of its
session, in its frame of reference, where that image is a CT or MR.

A mask keeps its name for good; the key holds it with the name of the contour. Takes planned images; opens no file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from netlesion.datasets.dicom.facts import Roi, SeriesFacts
from netlesion.datasets.dicom.planned import Decision, PlannedRoi, PlannedSeries
from netlesion.datasets.dicom.roi_image import image_of
from netlesion.datasets.key import Key, KnownSeries
from netlesion.io.bids.files import derivative_path
from netlesion.io.vocabulary import roi_label

#: Characters of a name in DICOM (LO) that the key keeps.
LONGEST_NAME = 64
APART = "it does not lie in the same frame of reference"


def _is_here(image: PlannedSeries) -> bool:
    return image.decision in (Decision.WRITE, Decision.PRESENT)


def plan_rois(
    contours: Sequence[SeriesFacts], images: Sequence[PlannedSeries], key: Key, existing: frozenset[str]
) -> list[PlannedRoi]:
    """What becomes of every contour and segment; new names go into `key`."""
    planner = _Planner(images, key, existing)
    planned = []
    for facts in contours:
        where = facts.series.slices[0].file
        if facts.problem or not facts.rois:
            why = facts.problem or f"{where}: holds no contour or segment"
            nothing = Roi(where, "", 0, "", None, None)
            planned.append(PlannedRoi(facts, nothing, Decision.REFUSE if facts.problem else Decision.SKIP, why))
            continue
        planned += [planner.drawn(facts, roi) for roi in facts.rois]
    return planned + [brought for one in planned for brought in planner.brought(one)]


class _Planner:
    """Gives out names; `own` holds the labels that contours drawn on an image have there."""

    def __init__(self, images: Sequence[PlannedSeries], key: Key, existing: frozenset[str]) -> None:
        self.images, self.key, self.existing = images, key, existing
        self.used = {known.target for known in key.rois.values()}
        self.own: set[tuple[PurePosixPath, str]] = set()

    def drawn(self, facts: SeriesFacts, roi: Roi) -> PlannedRoi:
        """The mask of a contour on the image that it was drawn on."""
        what = f"{roi.file}: ROI {roi.number}"
        match = image_of(roi, facts.series.patient_id, self.images, self.key, self.existing)
        if match.image is None:
            return PlannedRoi(facts, roi, Decision.REFUSE if match.refused else Decision.SKIP, f"{what} {match.why}")
        warnings = (f"{what} names no series; {match.image} was matched by {match.by}",) if match.by else ()
        self.own.add((match.image, roi.name))
        return self._named(facts, roi, match.image, f"{roi.instance} {roi.number}", warnings)

    def brought(self, one: PlannedRoi) -> list[PlannedRoi]:
        """The masks of a contour that was drawn on a CT or MR, on the PETs of its session and frame of reference."""
        if one.image is None or one.image.parent.name == "pet":
            return []
        frames = {i.target: i.facts.frame_of_reference for i in self.images if i.target is not None}
        session = one.image.parent.parent
        there = {PurePosixPath(name) for name in self.existing} | {i.path for i in self.images if _is_here(i)}
        found = []
        for pet in sorted(p for p in there if p.parent == session / "pet" and p.name.endswith("_pet.nii.gz")):
            if (pet, one.roi.name) in self.own:
                continue
            if pet in frames and one.image in frames and (frames[pet] or "?") != frames[one.image]:
                why = f"{one.roi.file}: ROI {one.roi.number}: {pet} gets no mask of it, {APART} as {one.image}"
                found.append(replace(one, decision=Decision.SKIP, why=why, image=pet, target=None, warnings=()))
            else:
                identity = f"{one.roi.instance} {one.roi.number} {pet}"
                found.append(self._named(one.facts, one.roi, pet, identity, (), one.image))
        return found

    def _named(
        self,
        facts: SeriesFacts,
        roi: Roi,
        image: PurePosixPath,
        identity: str,
        warnings: tuple[str, ...],
        drawn_on: PurePosixPath | None = None,
    ) -> PlannedRoi:
        """Under the name of the key, or the first that is free."""
        what, digest = f"{roi.file}: ROI {roi.number}", self.key.digest(identity)
        known = self.key.rois.get(digest)
        if known is not None:
            decision = Decision.PRESENT if known.target in self.existing else Decision.WRITE
            target = PurePosixPath(known.target)
            return PlannedRoi(facts, roi, decision, "", image, target, digest, warnings, drawn_on)
        label = roi_label(roi.name)
        if label is None:
            label = f"ROI{roi.number}"
            line = f"{what} has a name that is no known term; it is called {label}, its name stands in the key"
            warnings = warnings if drawn_on else (*warnings, line)
        number, target = 1, str(derivative_path(PurePosixPath(), image, label, "mask"))
        while target in self.used or target in self.existing:
            number += 1
            target = str(derivative_path(PurePosixPath(), image, f"{label}n{number}", "mask"))
        if number > 1:
            line = f"{what}: its label {label} is taken on this image; it is called {label}n{number}"
            warnings = (*warnings, line)
        if drawn_on:
            warnings = (*warnings, f"{target}: drawn on {drawn_on}, brought to the PET by majority of volume")
        self.used.add(target)
        name = "".join(c for c in roi.name[:LONGEST_NAME] if c.isprintable())
        self.key.rois[digest] = KnownSeries(target, 1, name)
        return PlannedRoi(facts, roi, Decision.WRITE, "", image, PurePosixPath(target), digest, warnings, drawn_on)
