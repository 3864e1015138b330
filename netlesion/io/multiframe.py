"""Enhanced and Legacy Converted Enhanced images -> one classic header per frame.

What the functional groups say once for all frames and once for each frame is put where a classic single-frame
header has it (PS3.3 C.7.6.16), so that geometry, rescaling and the facts of a PET are read in one way only.
Knows nothing about pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom.dataset import Dataset
from pydicom.valuerep import DT

from netlesion.errors import DicomError
from netlesion.io.dicom_file import MULTIFRAME_IMAGES, SEGMENTATIONS, integer_of, text_of

if TYPE_CHECKING:
    from pathlib import Path

FRAME_GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
#: Attributes of functional groups whose classic name differs.
CLASSIC_NAME = {"EffectiveEchoTime": "EchoTime", "FrameType": "ImageType", "FrameAcquisitionDateTime": None}


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


def classic_header(path: Path, header: Dataset) -> Dataset:
    """A header as pet facts read it: itself when classic, else the frame acquired first."""
    if not is_multiframe(header):
        return header
    frames = frame_headers(path, header)
    return min(frames, key=lambda f: (f.get("AcquisitionDate", "9"), str(f.get("AcquisitionTime", "9"))))


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
                name = CLASSIC_NAME.get(element.keyword, element.keyword)
                if element.tag.is_private or not element.keyword:
                    into[element.tag] = element
                elif name is not None:
                    setattr(into, name, element.value)
                else:
                    setattr(into, element.keyword, element.value)


def _as_classic(path: Path, frame: Dataset) -> None:
    """Adds the classic fields that an enhanced header says in other words."""
    acquired = frame.get("FrameAcquisitionDateTime") or frame.get("AcquisitionDateTime")
    if acquired and "AcquisitionTime" not in frame:
        _set_date_and_time(frame, "Acquisition", str(acquired))
    duration = frame.get("FrameAcquisitionDuration")
    if duration is not None and "ActualFrameDuration" not in frame:
        frame.ActualFrameDuration = int(round(float(duration)))
    if MULTIFRAME_IMAGES.get(str(frame.get("SOPClassUID"))) == "PT":
        _pet_as_classic(path, frame)


def _pet_as_classic(path: Path, frame: Dataset) -> None:
    """Units, corrections and decay reference of an Enhanced PET (PS3.3 C.8.22.4) as a classic PET has them.

    An Enhanced PET names the moment to which it is decay-corrected. That moment is the injection (ADMIN), or not
    after the start of the scan (START, where it takes the place of the series time); any other is refused.
    """
    if "Units" not in frame:
        _set_units(frame)
    if "CorrectedImage" not in frame:
        flags = {"DECY": "DecayCorrected", "ATTN": "AttenuationCorrected", "SCAT": "ScatterCorrected"}
        frame.CorrectedImage = [flag for flag, name in flags.items() if frame.get(name) == "YES"]
    if "DecayCorrection" in frame or frame.get("DecayCorrected") != "YES":
        return
    moment = str(frame.get("DecayCorrectionDateTime") or "")
    doses = frame.get("RadiopharmaceuticalInformationSequence") or ()
    injected = str(doses[0].get("RadiopharmaceuticalStartDateTime") or "") if len(doses) == 1 else ""
    acquired = f"{frame.get('AcquisitionDate', '')}{frame.get('AcquisitionTime', '')}"
    if not moment or not acquired:
        return
    reference = DT(moment).replace(tzinfo=None)
    if injected and reference == DT(injected).replace(tzinfo=None):
        frame.DecayCorrection = "ADMIN"
    elif reference <= DT(acquired):
        frame.DecayCorrection = "START"
        _set_date_and_time(frame, "Series", moment)
    else:
        raise DicomError(
            f"{path}: Decay Correction DateTime (0018,9701) lies after the start of the frame; expected the injection "
            "or the start of the scan"
        )


def _set_units(frame: Dataset) -> None:
    """BQML where the rescale type says so, or the real world value map, whose slope then replaces the rescale slope."""
    if str(frame.get("RescaleType", "")).upper().replace("/", "") == "BQML":
        frame.Units = "BQML"
        return
    for code in frame.get("MeasurementUnitsCodeSequence") or ():
        if str(code.get("CodeValue", "")).lower() == "bq/ml" and "RealWorldValueSlope" in frame:
            frame.Units = "BQML"
            frame.RescaleSlope = float(frame.RealWorldValueSlope)
            frame.RescaleIntercept = float(frame.get("RealWorldValueIntercept", 0.0))


def _set_date_and_time(frame: Dataset, what: str, moment: str) -> None:
    digits = moment.split("+")[0].split("-")[0]
    setattr(frame, f"{what}Date", digits[:8])
    setattr(frame, f"{what}Time", digits[8:])
