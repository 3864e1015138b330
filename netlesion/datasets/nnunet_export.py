"""A cohort -> a data set in nnU-Net v2's raw format, so that nnU-Net can be trained on the same patients.

Layout: MIC-DKFZ/nnUNet documentation/dataset_format.md. nnU-Net wants all channels of a case on one grid: the PET's
own, the first tracer's where there are two; everything else is resampled onto it, labels by nearest neighbour. PET is
exported in SUVbw and never named `CT`, for nnU-Net would clip it by the CT's rule. `labelsTs` is not nnU-Net's own, but
keeps the reference of the test patients where it can be found. What is there is left alone, as long as dataset.json
says that it was made alike; it is written first, and nnU-Net itself compares its numTraining with the files, so that an
interrupted export is noticed. Knows nothing about networks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from netlesion.errors import CohortError, ConfigError
from netlesion.image.visit import CHANNEL_QUANTITY, Tracer, Visit
from netlesion.image.volume import Quantity
from netlesion.io.bids.cohort import UNKNOWN_DESC, Cohort
from netlesion.io.bids.visit_files import VisitFiles, load_visit
from netlesion.io.nifti import read_volume, write_volume
from netlesion.output.atomic import write_json
from netlesion.output.lock import alone
from netlesion.preprocess.harmonise import reference_geometry, resample

ENDING = ".nii.gz"
#: nnU-Net chooses its normalisation by the name of a channel; `CT` is the only one that means something to it.
NAME_OF_CHANNEL = {"ct": "CT"}
LESION_LABELS: Mapping[str, int] = {"background": 0, "lesion": 1}


@dataclass(frozen=True)
class NnunetExport:
    """Cases written, there before, and left out with the reason."""

    written: tuple[str, ...]
    skipped: tuple[str, ...]
    left_out: tuple[str, ...]


def export_nnunet(
    cohort: Cohort,
    out: str | Path,
    channels: Sequence[str],
    desc: str = "lesions",
    labels: Mapping[str, int] | None = None,
    test_patients: Sequence[str] = (),
    progress: Callable[[str], None] = lambda case: None,
) -> NnunetExport:
    """Writes OUT/{imagesTr,labelsTr,imagesTs,labelsTs,dataset.json}.

    labels: name -> value of the masks `desc`; None makes every value above zero `lesion`. Unknown voxels (desc-unknown)
    become nnU-Net's ignore label, the highest value. A visit that lacks a channel
    or its mask is left out and named. Raises CohortError when no visit is left, ConfigError for impossible channels.
    """
    out, channels = Path(out), tuple(channels)
    tracer = _tracer_of(channels)
    chosen, left_out = [], []
    for files in cohort.visits:
        absent = [c for c in channels if c not in files.images]
        if absent or desc not in files.masks.get(tracer, {}):
            missing = f"channel {absent[0]}" if absent else f"mask desc-{desc} of {tracer}"
            left_out.append(f"{files.visit_id}: has no {missing}")
        else:
            chosen.append((files, "Ts" if files.patient_id in test_patients else "Tr"))
    if not chosen:
        raise CohortError(f"{cohort.root}: no visit to export ({left_out[0] if left_out else 'it holds none'})")
    with alone(out, depth=1):
        written, skipped = _write(out, chosen, channels, tracer, desc, labels, progress)
    return NnunetExport(written, skipped, tuple(left_out))


def _write(out, chosen, channels, tracer, desc, named, progress) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the cases written, and of those that were there."""
    labels, ignore = named, None
    if any(UNKNOWN_DESC in files.masks[tracer] for files, _ in chosen):
        labels = dict(LESION_LABELS if labels is None else labels)
        ignore = labels["ignore"] = max(labels.values()) + 1
    _write_dataset(out, channels, desc, labels, sum(part == "Tr" for _, part in chosen))
    written, skipped = [], []
    for files, part in chosen:
        targets = _targets(out, files.visit_id, part, channels)
        elsewhere = _targets(out, files.visit_id, "Tr" if part == "Ts" else "Ts", channels)[0]
        if elsewhere.is_file():
            raise CohortError(f"{elsewhere}: {files.visit_id} now belongs to images{part}; export into another folder")
        if all(path.is_file() for path in targets):
            skipped.append(files.visit_id)
            continue
        _write_case(files, targets, channels, tracer, desc, named, ignore)
        written.append(files.visit_id)
        progress(files.visit_id)
    return tuple(written), tuple(skipped)


def _write_dataset(
    out: Path, channels: tuple[str, ...], desc: str, labels: Mapping[str, int] | None, training: int
) -> None:
    """dataset.json; raises CohortError when the one that is there was made otherwise."""
    made_from = {"channels": list(channels), "desc": desc}
    content = {
        "channel_names": {str(n): NAME_OF_CHANNEL.get(c, c) for n, c in enumerate(channels)},
        "labels": dict(labels if labels is not None else LESION_LABELS),
        "numTraining": training,
        "file_ending": ENDING,
        "netlesion": made_from,
    }
    path = out / "dataset.json"
    if path.is_file():
        there = json.loads(path.read_text(encoding="utf-8"))
        differs = next((k for k in ("netlesion", "labels") if there.get(k) != content[k]), None)
        if differs is not None:
            raise CohortError(
                f"{path}: was made with {there.get(differs)}, now it is {content[differs]}; export into another folder"
            )
    write_json(path, content)


def _tracer_of(channels: tuple[str, ...]) -> str:
    unknown = [c for c in channels if c not in CHANNEL_QUANTITY]
    tracers = [t.value for t in Tracer if t.value in channels]
    if unknown or not tracers or len(set(channels)) < len(channels):
        raise ConfigError(
            f"channels are {', '.join(channels) or 'none'}; expected each once, at least one PET "
            f"({', '.join(t.value for t in Tracer)}), of {', '.join(CHANNEL_QUANTITY)}"
        )
    return tracers[0]


def _targets(out: Path, case: str, part: str, channels: tuple[str, ...]) -> list[Path]:
    """The files of a case, its labels last."""
    images = [out / f"images{part}" / f"{case}_{n:04d}{ENDING}" for n in range(len(channels))]
    return [*images, out / f"labels{part}" / f"{case}{ENDING}"]


def _write_case(
    files: VisitFiles,
    targets: list[Path],
    channels: tuple[str, ...],
    tracer: str,
    desc: str,
    labels: Mapping[str, int] | None,
    ignore: int | None,
) -> None:
    visit = load_visit(files, channels, channels, desc)
    mask = _mask(visit, tracer, labels)
    if ignore is not None and UNKNOWN_DESC in files.masks[tracer]:
        unknown = read_volume(files.masks[tracer][UNKNOWN_DESC], Quantity.LABEL)
        geometry = visit.masks[tracer].geometry
        geometry.require_same_grid(unknown.geometry, f"{visit.visit_id}: the mask", "its unknown voxels")
        assert ignore is not None, "a data set with unknown voxels has a label for them"
        mask = np.where((unknown.array > 0) & (mask == 0), ignore, mask)
    grid = reference_geometry(visit, channels)
    for path, channel in zip(targets, channels, strict=False):
        write_volume(path, resample(visit.scans[channel].volume, grid))
    write_volume(targets[-1], visit.masks[tracer].with_array(mask, Quantity.LABEL))


def _mask(visit: Visit, tracer: str, labels: Mapping[str, int] | None) -> np.ndarray:
    mask = visit.masks[tracer].array
    if labels is None:
        return (mask > 0).astype(np.uint8)
    unknown = sorted(set(np.unique(mask).tolist()) - set(labels.values()) - {0})
    if unknown:
        raise CohortError(
            f"{visit.visit_id}: label {unknown[0]} of {tracer} has no name; name it with --label NAME={unknown[0]}"
        )
    return mask
