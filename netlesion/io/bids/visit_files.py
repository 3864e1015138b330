"""The files of one visit of a cohort, and how they become a Visit in memory: PET as SUVbw, CT, MR, reference masks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from netlesion.errors import CohortError
from netlesion.image.transform import compose
from netlesion.image.visit import CHANNEL_QUANTITY, TRACER_OF_LABEL, Acquisition, Scan, Tracer, Visit
from netlesion.image.volume import Quantity, Volume
from netlesion.io.bids.image_choice import ImageChoice, choose_image
from netlesion.io.bids.pet import (
    bqml_as_suv,
    frame_of_reference,
    given_suv,
    read_suv_image,
    sidecar_of,
    sidecar_path,
)
from netlesion.io.bids.transforms import read_transform
from netlesion.io.hounsfield import require_negative_hu
from netlesion.io.nifti import read_volume

#: The mask a cohort is evaluated against and, unless configured otherwise, trained on.
REFERENCE_DESC = "lesions"


@dataclass(frozen=True)
class ImageFile:
    """One image of a visit: its path, what its voxels mean, and for PET the BIDS tracer label.

    transforms: stored files that take points of the visit's first PET to this image, first to last; owner: the id of
    the session it came from, where that is not the visit's own.
    """

    path: Path
    quantity: Quantity
    tracer_label: str | None = None
    transforms: tuple[Path, ...] = ()
    owner: str | None = None


@dataclass(frozen=True)
class VisitFiles:
    """The files of one visit: images by channel, reference masks by channel and BIDS `desc-` label."""

    patient_id: str
    visit_id: str
    images: Mapping[str, tuple[ImageFile, ...]]
    masks: Mapping[str, Mapping[str, Path]] = field(default_factory=dict)

    def load(self, channels: Iterable[str] | None = None, mask_desc: str | None = REFERENCE_DESC) -> Visit:
        """Reads the images, PET as SUVbw, and the reference masks.

        Args:
            channels: Which images to read; None: all that there are.
            mask_desc: BIDS `desc-` label of the reference masks, where there are any; None: no masks.

        Raises:
            CohortError: for a channel whose image cannot be chosen or read.
        """
        return load_visit(self, self.images if channels is None else channels, mask_desc=mask_desc)

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every file of the visit: images, transforms, masks."""
        images = [p for files in self.images.values() for f in files for p in (f.path, *f.transforms)]
        return (*images, *(path for masks in self.masks.values() for path in masks.values()))

    def case_id(self, channel: str) -> str:
        """The name of one PET: patient, its own session (also in a visit of several) and tracer."""
        image = self.images[channel][0]
        return f"{self.visit_id if image.owner is None else image.owner}_trc-{image.tracer_label}"

    def choice(self, channel: str) -> ImageChoice | None:
        """Which of several CTs or MRs of a channel is read and why; None where there is one, or no rule decides."""
        found = self.images[channel]
        if len(found) == 1 or CHANNEL_QUANTITY[channel] is Quantity.SUVBW:
            return None
        pets = [f for t in Tracer for f in self.images.get(t.value, ()) if f.owner == found[0].owner]
        frames = {frame for f in pets if (frame := frame_of_reference(f.path)) is not None}
        facts = {f.path: sidecar_of(f.path) or {} for f in found}
        return choose_image([f.path for f in found], facts, frames, CHANNEL_QUANTITY[channel] is Quantity.MR)

    def decides(self, channel: str) -> bool:
        """Whether one image of a channel is read, be it the only one or the one chosen."""
        return len(self.images[channel]) == 1 or self.choice(channel) is not None

    def image(self, channel: str) -> ImageFile:
        """The image of a channel that is read; raises CohortError when several compete and no rule decides."""
        found = self.images[channel]
        if len(found) == 1:
            return found[0]
        choice = self.choice(channel)
        if choice is None:
            raise CohortError(
                f"{self.visit_id}: {len(found)} images for channel {channel!r} "
                f"({', '.join(f.path.name for f in found)}); keep one, e.g. by moving the others out of the cohort"
            )
        return next(f for f in found if f.path == choice.chosen)


def load_visit(
    files: VisitFiles,
    channels: Iterable[str],
    required: Iterable[str] = (),
    mask_desc: str | Sequence[str] | None = None,
) -> Visit:
    """Reads the channels named (those that are there) and, of each PET, the reference mask of this BIDS `desc-`.

    Of several `desc-` the first that a PET has is read.

    PET comes out as SUVbw. Raises CohortError when a required channel is missing.
    """
    channels = tuple(channels)
    require_channels(files, required)
    for channel in channels:
        if channel not in CHANNEL_QUANTITY:
            raise CohortError(f"unknown channel {channel!r}; known are {', '.join(CHANNEL_QUANTITY)}")
    descs = (mask_desc,) if isinstance(mask_desc, str) else mask_desc or ()
    images = {c: files.image(c) for c in channels if c in files.images}
    scans: dict[str, Scan] = {}
    masks: dict[str, Volume] = {}
    with ThreadPoolExecutor(max(1, len(images))) as pool:  # isal inflates them side by side
        volumes = list(pool.map(_read_image, images.values()))
    for (channel, image), (volume, acquisition) in zip(images.items(), volumes, strict=True):
        tracer = TRACER_OF_LABEL[image.tracer_label] if image.tracer_label else None
        transform = compose([read_transform(p) for p in image.transforms])
        scans[channel] = Scan(channel, volume, tracer, acquisition, transform, image.tracer_label)
        stored = files.masks.get(channel, {})
        if (desc := next((d for d in descs if d in stored), None)) is not None:
            masks[channel] = read_volume(stored[desc], Quantity.LABEL)
    return Visit(files.patient_id, files.visit_id, scans, masks)


def require_channels(files: VisitFiles, required: Iterable[str], any_of: Collection[str] = ()) -> None:
    """Raises CohortError unless every channel that the model needs, and one of `any_of`, is among the files."""
    if any_of and not any(c in files.images for c in any_of):
        raise CohortError(
            f"{files.visit_id}: none of the channels {', '.join(any_of)} is there, the model requires one of them "
            f"(there are {', '.join(files.images) or 'none'}); add the image or use a model for what is there"
        )
    missing = [c for c in required if c not in files.images]
    if missing:
        works = any(t.value in files.images for t in (Tracer.SSTR, Tracer.FDG))
        instead = "run checkpoint=shipped, which takes what is here" if works else "use a model without that channel"
        raise CohortError(
            f"{files.visit_id}: channel {', '.join(missing)} is missing, the model requires it "
            f"(there are {', '.join(files.images) or 'none'}); add the image or {instead}"
        )


def _read_image(image: ImageFile) -> tuple[Volume, Acquisition]:
    if image.tracer_label is None:
        volume = read_volume(image.path, image.quantity)
        if image.quantity is Quantity.HU:
            require_negative_hu(volume, str(image.path))
        return volume, Acquisition()
    if image.quantity is Quantity.SUVBW:
        return read_suv_image(image.path), given_suv(image.path)
    sidecar = sidecar_of(image.path)
    if sidecar is None:
        raise CohortError(f"{image.path}: no side-car {sidecar_path(image.path).name}, so no SUV; restore it")
    return bqml_as_suv(image.path, read_volume(image.path, Quantity.BQML), sidecar)
