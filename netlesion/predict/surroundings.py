"""What lesions of a visit are measured beside: its CT and MR, maps of its organs, the patient's body.

For a visit in memory its own images; for one of a cohort they are read again when the network is done, so that no CT
waits in memory while it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from netlesion.image.visit import Scan, Visit
from netlesion.io.bids.clinical import body_of
from netlesion.io.bids.label_maps import ORGANS_DESC, LabelMap, read_named_map
from netlesion.io.bids.visit_files import VisitFiles, load_visit
from netlesion.quantify.case import ANATOMICAL
from netlesion.quantify.organ_map import OrganMap
from netlesion.suv.body_size import PatientBody


@dataclass(frozen=True, eq=False)
class Surroundings:
    """Read when they are asked for.

    Args:
        scans: Channel -> CT or MR of the visit.
        organs: Tracer channel -> organ map in the frame of that PET, where somebody made one; None where nobody did.
        body: Tracer channel -> what is known of the patient's body.
    """

    scans: Callable[[], Mapping[str, Scan]]
    organs: Callable[[str], OrganMap | None] = lambda channel: None
    body: Callable[[str], PatientBody] = lambda channel: PatientBody()

    def organs_of(self, channel: str, pet: Scan, found: LabelMap | None) -> OrganMap | None:
        """The organ map of a PET: the one that lies beside it, else the model's, in the visit's frame, moved to it."""
        beside = self.organs(channel)
        if beside is not None or found is None:
            return beside
        organs = OrganMap(found.volume.array, found.volume.geometry, found.names)
        return organs if pet.transform is None else organs.moved(pet.transform)


def of_visit(visit: Visit) -> Surroundings:
    """Those of a visit in memory."""

    def body(channel: str) -> PatientBody:
        facts = visit.scans[channel].acquisition
        return PatientBody(facts.weight_kg, facts.height_cm)

    return Surroundings(lambda: {c: s for c, s in visit.scans.items() if c in ANATOMICAL}, body=body)


def of_files(files: VisitFiles) -> Surroundings:
    """Those of a visit of a cohort; an image of which several compete, without a rule that chooses, is left out."""

    def scans() -> Mapping[str, Scan]:
        return load_visit(files, [c for c in ANATOMICAL if c in files.images and files.decides(c)]).scans

    def organs(channel: str) -> OrganMap | None:
        path = files.masks.get(channel, {}).get(ORGANS_DESC)
        if path is None:
            return None
        found = read_named_map(path)
        return OrganMap(found.volume.array, found.volume.geometry, found.names)

    def body(channel: str) -> PatientBody:
        return body_of(files.image(channel).path)

    return Surroundings(scans, organs, body)
