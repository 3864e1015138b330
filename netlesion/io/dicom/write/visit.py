"""A synthetic Visit with its truth -> one DICOM study: a folder per series, contours and segmentations beside them.

All of it lies in one study and one frame of reference, as the images of a digital patient do; so both tracers come
back as one visit when the folder is imported. Knows nothing about how the visit was made.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from netlesion.errors import DicomError
from netlesion.image.volume import Quantity
from netlesion.io.dicom.write.ct import write_ct_series
from netlesion.io.dicom.write.exam import SyntheticExam
from netlesion.io.dicom.write.mr import MrContrast, write_mr_series
from netlesion.io.dicom.write.pet import PetFlavour, PetScan, write_pet_series
from netlesion.io.dicom.write.rtstruct import write_rtstruct
from netlesion.io.dicom.write.seg import SegmentationKind, write_segmentation
from netlesion.output.atomic import atomic_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from netlesion.image.visit import Scan, Visit
    from netlesion.image.volume import Volume
    from netlesion.io.dicom.write.lesions import LesionIdentity
    from netlesion.io.dicom.write.series import WrittenSeries

LABEL_OF_CHANNEL: Mapping[str, str] = MappingProxyType({"sstr": "dotatate", "fdg": "fdg"})
CONTRAST_OF_CHANNEL: Mapping[str, MrContrast] = MappingProxyType({"mr_t1": MrContrast.T1, "mr_t2": MrContrast.T2})
#: From one PET of the visit to the next [P]; a clinic would take two days.
BETWEEN_PETS = timedelta(hours=4)


def write_visit(
    visit: Visit,
    folder: str | Path,
    *,
    seed: int,
    start: datetime,
    instances: Mapping[str, Volume] = MappingProxyType({}),
    lesions: Sequence[LesionIdentity] = (),
    flavours: Mapping[str, PetFlavour] = MappingProxyType({}),
    contrasts: Mapping[MrContrast, Volume] = MappingProxyType({}),
    segmentation: SegmentationKind | None = None,
    sex: str = "O",
    compress: bool = False,
) -> tuple[Path, ...]:
    """Writes every scan of a visit below `folder`, which must not exist and appears whole; returns its sub-folders.

    start: local time of the study and of the first PET. instances: tracer channel -> LABEL volume on its PET's grid,
    written as RTSTRUCT; `lesions` names its values. segmentation: where there is a lesion, also as SEG of this kind
    (an import then finds every lesion twice). flavours: tracer channel -> header flavour, BQML_START where none is
    given. contrasts: MR series beyond the visit's channels. The same arguments give the same bytes.
    """
    pets = [visit.scans[channel] for channel in visit.tracer_channels]
    exam = SyntheticExam(visit.patient_id, start, seed, *_body(visit.visit_id, pets), sex)
    folder = Path(folder)
    with atomic_folder(folder) as part:
        written = {}
        for number, (channel, scan) in enumerate(visit.scans.items(), start=1):
            when = start + BETWEEN_PETS * pets.index(scan) if scan in pets else start
            flavour = flavours.get(channel, PetFlavour.BQML_START)
            written[channel] = _write_scan(scan, exam, part, when, flavour, number, compress)
        for number, (contrast, volume) in enumerate(contrasts.items(), start=50):
            more = {"contrast": contrast, "number": number, "when": start, "compress": compress}
            write_mr_series(volume, exam, part / f"MR_{contrast.name}", **more)
        for number, (channel, labels) in enumerate(instances.items(), start=1):
            if channel not in written:
                raise DicomError(f"{visit.visit_id}: lesion instances for channel {channel!r}, which has no scan")
            image, label = written[channel], LABEL_OF_CHANNEL[channel]
            path = part / f"RTSTRUCT_{label}" / "rtstruct.dcm"
            write_rtstruct(labels, image, lesions, exam, path, name=f"RTSTRUCT {label}", number=100 + number)
            if segmentation is not None and labels.array.any():
                path, more = part / f"SEG_{label}" / "seg.dcm", {"kind": segmentation, "name": f"SEG {label}"}
                write_segmentation(labels, image, lesions, exam, path, number=200 + number, **more)
        names = sorted(path.name for path in part.iterdir())
    return tuple(folder / name for name in names)


def _write_scan(
    scan: Scan, exam: SyntheticExam, part: Path, when: datetime, flavour: PetFlavour, number: int, compress: bool
) -> WrittenSeries:
    more = {"number": number, "compress": compress}
    if scan.tracer is not None:
        label = LABEL_OF_CHANNEL[scan.channel]
        facts = PetScan.of(scan.acquisition, label, when)
        return write_pet_series(scan.volume, facts, exam, part / f"PT_{label}", flavour=flavour, **more)
    if scan.volume.quantity is Quantity.HU:
        return write_ct_series(scan.volume, exam, part / "CT", when=when, **more)
    if scan.channel not in CONTRAST_OF_CHANNEL:
        raise DicomError(f"channel {scan.channel!r} has no DICOM series; known are {', '.join(CONTRAST_OF_CHANNEL)}")
    contrast = CONTRAST_OF_CHANNEL[scan.channel]
    return write_mr_series(scan.volume, exam, part / f"MR_{contrast.name}", contrast=contrast, when=when, **more)


def _body(visit_id: str, pets: Sequence[Scan]) -> tuple[float | None, float | None]:
    """Weight and height, on which the PETs of one study must agree."""
    bodies = {(scan.acquisition.weight_kg, scan.acquisition.height_cm) for scan in pets}
    if len(bodies) > 1:
        raise DicomError(f"{visit_id}: its PETs disagree on weight and height {sorted(bodies, key=str)}")
    return bodies.pop() if bodies else (None, None)
