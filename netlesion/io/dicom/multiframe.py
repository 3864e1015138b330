"""Enhanced and Legacy Converted Enhanced images -> one classic header per frame.

What the functional groups say once for all frames and once for each frame is put where a classic single-frame
header has it (PS3.3 C.7.6.16), so that geometry, rescaling and the facts of a PET are read in one way only.
Knows nothing about pixels.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset

from netlesion.errors import DicomError
from netlesion.io.dicom.file import MULTIFRAME_IMAGES, SEGMENTATIONS, integer_of, text_of
from netlesion.io.dicom.private import parse_datetime
from netlesion.io.dicom.value_ranges import SAME_SLOPE, VALUE_RANGES, ValueRange, value_range

if TYPE_CHECKING:
    from pathlib import Path

FRAME_GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
#: Attributes of functional groups whose classic name differs.
CLASSIC_NAME = {
    "EffectiveEchoTime": "EchoTime",
    "FrameType": "ImageType",
    "TemporalPositionIndex": "TemporalPositionIdentifier",
}
#: The units of an Enhanced PET (PS3.16 CID 84) that can carry a SUV, as Units and SUV Type of a classic one.
UNITS_OF_CODE = {
    "Bq/ml": ("BQML", None),
    "g/ml{SUVbw}": ("GML", "BW"),
    "g/ml{SUVlbm}": ("GML", "LBM"),
    "g/ml{SUVlbm(James128)}": ("GML", "LBMJAMES128"),
    "g/ml{SUVlbm(Janma)}": ("GML", "LBMJANMA"),
    "g/ml{SUVibw}": ("GML", "IBW"),
    "cm2/ml{SUVbsa}": ("CM2ML", "BSA"),
}


def is_multiframe(header: Dataset) -> bool:
    """Whether a header is of an image or segmentation class with functional groups."""
    sop_class = text_of(header, "SOPClassUID")
    return sop_class in MULTIFRAME_IMAGES or sop_class in SEGMENTATIONS


def frame_headers(path: Path, header: Dataset) -> list[Dataset]:
    """One flat header per frame, in stored order; raises DicomError when the groups do not fit the frames."""
    number = integer_of(header, "NumberOfFrames")
    try:
        per_frame = header.get("PerFrameFunctionalGroupsSequence") or ()
        shared = header.get("SharedFunctionalGroupsSequence") or ()
        if number is None or number < 1 or len(per_frame) != number or len(shared) > 1:
            raise DicomError(
                f"{path}: {number} frames with {len(per_frame)} per-frame and {len(shared)} shared functional groups; "
                "expected one per frame and one shared, restore the file from its source"
            )
        common = _without_groups(header)
        for group in shared:
            _flatten(group, common)
        frames = []
        for group in per_frame:
            frame = Dataset()
            frame.update(common)
            _flatten(group, frame)
            _as_classic(path, frame)
            frames.append(frame)
        return frames
    except DicomError:
        raise
    except Exception as error:  # pydicom raises many kinds for broken sequences
        raise DicomError(f"{path}: broken functional groups ({type(error).__name__}); restore it") from error


def _without_groups(header: Dataset) -> Dataset:
    flat = Dataset()
    for element in list(header.keys()):  # not the elements themselves: most are never looked at
        flat[element] = header.get_item(element)
    for name in (*FRAME_GROUPS, "NumberOfFrames"):
        if name in flat:
            del flat[name]
    if hasattr(header, "file_meta"):
        flat.file_meta = header.file_meta
    return flat


def _flatten(group: Dataset, into: Dataset) -> None:
    """Copies every attribute of the macros of one functional group into a flat header."""
    for macro in group:
        if macro.VR != "SQ":
            continue
        for item in macro.value[:1]:
            for element in item:
                keyword = element.keyword
                if element.tag.is_private or not keyword:
                    into[element.tag] = element
                else:
                    setattr(into, CLASSIC_NAME.get(keyword) or keyword, element.value)
        if macro.keyword == "RealWorldValueMappingSequence":
            into.RealWorldValueMappingSequence = macro.value  # one image may be mapped to several units


def _as_classic(path: Path, frame: Dataset) -> None:
    """Adds the classic fields that an enhanced header says in other words."""
    own = frame.get("FrameAcquisitionDateTime")
    acquired = own or ("AcquisitionTime" not in frame and frame.get("AcquisitionDateTime"))
    if acquired:
        _set_date_and_time(frame, "Acquisition", _on_scanner_clock(path, frame, str(acquired)))
    duration = frame.get("FrameAcquisitionDuration")
    if duration is not None and "ActualFrameDuration" not in frame:
        frame.ActualFrameDuration = int(round(float(duration)))
    if MULTIFRAME_IMAGES.get(str(frame.get("SOPClassUID"))) == "PT":
        _pet_as_classic(path, frame)


def _pet_as_classic(path: Path, frame: Dataset) -> None:
    """Units, corrections and decay reference of an Enhanced PET (PS3.3 C.8.22.6) as a classic PET has them.

    An Enhanced PET names the moment to which it is decay-corrected. That moment is the injection (ADMIN), or not
    after the start of the scan (START, where it takes the place of the series time); any other is refused. One that
    is not decay-corrected (NONE) has its frames' own times.
    """
    if "Units" not in frame:
        _set_units(path, frame)
    if "CorrectedImage" not in frame:
        flags = {"DECY": "DecayCorrected", "ATTN": "AttenuationCorrected", "SCAT": "ScatterCorrected"}
        frame.CorrectedImage = [flag for flag, name in flags.items() if frame.get(name) == "YES"]
    if "DecayCorrection" in frame:
        return
    if frame.get("DecayCorrected") == "NO":
        frame.DecayCorrection = "NONE"
    if frame.get("DecayCorrected") != "YES":
        return
    moment = str(frame.get("DecayCorrectionDateTime") or "")
    if not moment:
        raise DicomError(
            f"{path}: Decay Correction DateTime (0018,9701) is missing, but Decay Corrected (0018,9758) is YES: to "
            "which moment is not known; export it again"
        )
    if "AcquisitionTime" not in frame:
        raise DicomError(
            f"{path}: Frame Acquisition DateTime (0018,9074) is missing: whether it is decay-corrected to the start of "
            "the scan cannot be told; export it again"
        )
    doses = frame.get("RadiopharmaceuticalInformationSequence") or ()
    injected = str(doses[0].get("RadiopharmaceuticalStartDateTime") or "") if len(doses) == 1 else ""
    reference = _on_scanner_clock(path, frame, moment)
    if injected and reference == _on_scanner_clock(path, frame, injected):
        frame.DecayCorrection = "ADMIN"
    elif (began := parse_datetime(frame.AcquisitionDate + frame.AcquisitionTime)) is not None and reference <= began:
        frame.DecayCorrection = "START"
        _set_date_and_time(frame, "Series", reference)
    else:
        raise DicomError(
            f"{path}: Decay Correction DateTime (0018,9701) lies after the start of the frame; expected the injection "
            "or the start of the scan"
        )


def _set_units(path: Path, frame: Dataset) -> None:
    """The units of the rescaled values, or of real world value maps, whose ranges then replace the rescale slope.

    Bq/ml are taken where there are several. Where nothing tells that carries a SUV, Units stay away and are missed.
    Raises DicomError where rescale slope and map of one unit contradict each other.
    """
    maps: dict[str, list[ValueRange]] = {}
    for item in frame.get("RealWorldValueMappingSequence") or ():
        for unit in item.get("MeasurementUnitsCodeSequence") or ():
            if (code := units_code(unit)) in UNITS_OF_CODE and "RealWorldValueSlope" in item:
                maps.setdefault(code, []).append(value_range(item))
    if str(frame.get("RescaleType", "")).upper().replace("/", "") == "BQML":
        frame.Units = "BQML"
        slope = float(frame.get("RescaleSlope") or 0.0)
        for other in maps.get("Bq/ml", ()):
            if abs(other.slope - slope) > SAME_SLOPE * abs(slope):
                raise DicomError(
                    f"{path}: Rescale Slope (0028,1053) makes {slope:g} Bq/ml of one stored value, its real world "
                    f"value map (0040,9225) {other.slope:g}; export it again"
                )
        return
    for code in (c for c in UNITS_OF_CODE if c in maps):
        frame.Units, suv_type = UNITS_OF_CODE[code]
        if suv_type is not None:
            frame.SUVType = suv_type
        frame.RescaleSlope, frame.RescaleIntercept = maps[code][0].slope, maps[code][0].intercept
        setattr(frame, VALUE_RANGES, tuple(maps[code]))
        return


def units_code(unit: Dataset) -> str:
    """A UCUM code as CID 84 has it: mL is ml, and the older form `{SUVbw}g/ml` is `g/ml{SUVbw}` (clinical.md 9.1)."""
    code = str(unit.get("CodeValue") or unit.get("LongCodeValue")).replace("mL", "ml")
    annotation, brace, per_volume = code.partition("}")
    return f"{per_volume}{annotation}{brace}" if code.startswith("{") else code


def _on_scanner_clock(path: Path, frame: Dataset, text: str) -> datetime:
    """A DateTime as the scanner's clock showed it: moved to its time zone where both name one."""
    moment = parse_datetime(text)
    if moment is None:
        raise DicomError(f"{path}: a DateTime of its functional groups or corrections has no clock; export it again")
    zone = text_of(frame, "TimezoneOffsetFromUTC")
    offset = moment.utcoffset()
    if offset is not None and zone is not None:
        sign = -1 if zone.startswith("-") else 1
        moment = moment + sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[3:5])) - offset
    return moment.replace(tzinfo=None)


def _set_date_and_time(frame: Dataset, what: str, moment: datetime) -> None:
    setattr(frame, f"{what}Date", moment.strftime("%Y%m%d"))
    setattr(frame, f"{what}Time", moment.strftime("%H%M%S.%f"))
