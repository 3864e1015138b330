"""Who was imaged, when, and with what: patients, visits and scans.

A Scan is one image with the facts of its acquisition; a Visit is one clinical time point of one patient
(one or more days); a channel is the name under which a scan reaches the network. Knows nothing about files.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING

from netlesion.errors import CohortError
from netlesion.image.volume import Quantity, Volume
from netlesion.output.html import row_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netlesion.image.transform import Transform


class Tracer(Enum):
    """What a PET shows; the value is the channel name it feeds."""

    SSTR = "sstr"
    FDG = "fdg"
    PSMA = "psma"


#: BIDS `trc-` labels -> tracer. Somatostatin analogues share one channel.
TRACER_OF_LABEL: Mapping[str, Tracer] = MappingProxyType(
    {
        "dotatate": Tracer.SSTR,
        "dotatoc": Tracer.SSTR,
        "dotanoc": Tracer.SSTR,
        "fdg": Tracer.FDG,
        "psma": Tracer.PSMA,
    }
)

#: Channel name -> the quantity its volume must have when it reaches the network.
CHANNEL_QUANTITY: Mapping[str, Quantity] = MappingProxyType(
    {
        "sstr": Quantity.SUVBW,
        "fdg": Quantity.SUVBW,
        "psma": Quantity.SUVBW,
        "ct": Quantity.HU,
        "mr_t1": Quantity.MR,
        "mr_t2": Quantity.MR,
    }
)


@dataclass(frozen=True)
class Acquisition:
    """Facts of a PET acquisition that travel with the image; None where the source does not tell.

    Times are seconds relative to the start of the scan; uptake_s is scan start minus injection. warnings: what the
    rules of SUV had to say of them.
    """

    manufacturer: str | None = None
    model: str | None = None
    weight_kg: float | None = None
    height_cm: float | None = None
    dose_bq: float | None = None
    half_life_s: float | None = None
    uptake_s: float | None = None
    suv_factor: float | None = None
    ref_time_source: str | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Scan:
    """One image under its channel name, with its tracer (PET only) and facts of acquisition.

    transform: takes points of the frame of the visit's first PET to this image's own; None where that is one frame.
    tracer_label: the BIDS `trc-` label (dotatate, dotatoc, fdg), finer than `tracer`; None where it is not known.
    """

    channel: str
    volume: Volume
    tracer: Tracer | None = None
    acquisition: Acquisition = field(default_factory=Acquisition)
    transform: Transform | None = None
    tracer_label: str | None = None

    def __post_init__(self) -> None:
        expected = CHANNEL_QUANTITY.get(self.channel)
        if expected is None:
            raise CohortError(f"unknown channel {self.channel!r}; known are {', '.join(CHANNEL_QUANTITY)}")
        if self.volume.quantity is Quantity.BQML and expected is Quantity.SUVBW:
            return  # a PET not yet turned into SUV is a legitimate scan
        if self.volume.quantity is not expected:
            raise CohortError(f"channel {self.channel!r} holds {self.volume.quantity.name}, expected {expected.name}")


@dataclass(frozen=True, eq=False)
class Visit:
    """One clinical time point of one patient: its scans by channel, and reference masks by tracer channel.

    Args:
        patient_id: Research id of the patient.
        visit_id: Name of the visit.
        scans: Channel (sstr, fdg, psma, ct, mr_t1, mr_t2) -> scan.
        masks: Tracer channel -> LABEL volume on that PET's own grid; empty where there is no reference.

    Raises:
        CohortError: for a scan under another channel's name, or a mask without a PET.
        GeometryError: for a mask on another grid than its PET.

    Example:
        >>> pet = nl.read_volume("pet_suv.nii.gz", nl.Quantity.SUVBW)
        >>> nl.Visit.from_volumes({"fdg": pet}).tracer_channels
        ('fdg',)
    """

    patient_id: str
    visit_id: str
    scans: Mapping[str, Scan]
    masks: Mapping[str, Volume] = field(default_factory=dict[str, Volume])

    def __post_init__(self) -> None:
        for channel, scan in self.scans.items():
            if scan.channel != channel:
                raise CohortError(f"{self.visit_id}: scan of channel {scan.channel!r} filed under {channel!r}")
        for channel, mask in self.masks.items():
            if channel not in self.scans:
                raise CohortError(f"{self.visit_id}: a mask for channel {channel!r}, which has no scan")
            if mask.quantity is not Quantity.LABEL:
                raise CohortError(f"{self.visit_id}: the mask of {channel!r} holds {mask.quantity.name}, not LABEL")
            self.scans[channel].volume.geometry.require_same_grid(
                mask.geometry, f"{self.visit_id}: the {channel} image", "its mask"
            )

    @classmethod
    def from_volumes(cls, volumes: Mapping[str, Volume], patient_id: str = "n/a", visit_id: str = "n/a") -> Visit:
        """A visit of images that share one frame of reference.

        Args:
            volumes: Channel -> image: SUVbw for sstr, fdg and psma, HU for ct, MR for mr_t1 and mr_t2.
            patient_id: Research id of the patient.
            visit_id: Name of the visit, used in messages.

        Raises:
            CohortError: for a channel that is not known, or an image of another quantity.
        """
        tracer = {t.value: t for t in Tracer}
        return cls(patient_id, visit_id, {c: Scan(c, v, tracer.get(c)) for c, v in volumes.items()})

    def __repr__(self) -> str:
        return f"<Visit {self.visit_id}: {', '.join(self.scans)}>"

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        rows = [
            (
                channel,
                scan.volume.quantity.name,
                scan.volume.geometry.describe(),
                f"{scan.volume.range[0]:g} to {scan.volume.range[1]:g}",
                "yes" if channel in self.masks else "no",
            )
            for channel, scan in self.scans.items()
        ]
        return row_table(f"Visit {self.visit_id}", ("channel", "quantity", "grid", "range", "reference mask"), rows)

    @property
    def tracer_channels(self) -> tuple[str, ...]:
        """Channels that are PET, in a fixed order."""
        return tuple(t.value for t in Tracer if t.value in self.scans)
