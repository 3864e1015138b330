"""A data set in nnU-Net v2's raw format -> a Listing.

Layout (MIC-DKFZ/nnUNet documentation/dataset_format.md): dataset.json with channel_names, labels, numTraining and
file_ending; imagesTr/<case>_<nnnn><ending>, labelsTr/<case><ending>; imagesTs (and, of our own export, labelsTs).
All images of a case share one grid. A channel is named for nnU-Net's normalisation, so its meaning must be known:
`CT` and this project's channel and tracer names are, anything else is said with `channels`.

nnU-Net does not know patients. A case is taken as one, unless `patient` (a regular expression with one group) finds
the patient in its name; without it two scans of one person may end up in two parts of a split.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from netlesion.datasets.source import Listing, SourceLabels, SourcePet, SourceVisit
from netlesion.errors import CohortError, ConfigError
from netlesion.image.visit import CHANNEL_QUANTITY, TRACER_OF_LABEL
from netlesion.io.bids.suv import SuvConvention
from netlesion.io.files import is_there, visible

#: Names that a channel may have in dataset.json -> our name; `sstr` is a channel, its tracer is taken as dotatate.
KNOWN = {label: label for label in TRACER_OF_LABEL} | {"sstr": "dotatate"} | {c: c for c in ("ct", "mr_t1", "mr_t2")}
CONVENTION = SuvConvention(
    stated="PET channel of an nnU-Net data set (its unit is not said)",
    computed_by="whoever made the data set",
    documentation="dataset.json",
)
IGNORE = "ignore"
BACKGROUND_NAMES = ("background", "physiologic", IGNORE)


def list_nnunet(
    source: str | Path,
    channels: Mapping[str, str] | None = None,
    lesions: tuple[str, ...] = (),
    patient: str | None = None,
) -> Listing:
    """Every case of imagesTr and imagesTs.

    channels: number in dataset.json -> ct, mr_t1, mr_t2 or a tracer label. lesions: names of labels that are lesion;
    by default all but background, physiologic and ignore; what is labelled ignore becomes desc-unknown. Raises
    CohortError for what dataset.json does not allow.
    """
    source = Path(source)
    content = _dataset(source)
    ending = content["file_ending"]
    if ending not in (".nii.gz", ".nii"):
        raise CohortError(f"{source / 'dataset.json'}: file_ending is {ending!r}; only .nii.gz and .nii are read")
    meaning = _meanings(source, content["channel_names"], channels or {})
    names = _label_names(source, content["labels"])
    wanted = set(lesions) or {n for n in names.values() if n not in BACKGROUND_NAMES}
    unknown = sorted(wanted - set(names.values()))
    if unknown:
        raise CohortError(f"{source / 'dataset.json'}: no label {unknown[0]!r}; there are {', '.join(names.values())}")
    if IGNORE in wanted:
        raise ConfigError("--lesion ignore: voxels of nnU-Net's ignore label are unknown, and no lesion")
    values = frozenset(v for v, name in names.items() if name in wanted)
    unknown = next((v for v, name in names.items() if name == IGNORE), None)
    keep = "labels" if len(set(names.values()) - {IGNORE}) > 2 else None
    visits, problems, seen = [], [], {}
    for part in ("Tr", "Ts"):
        for case in _cases(source / f"images{part}", ending):
            if case in seen:
                raise CohortError(
                    f"{source}: case {case} is in images{seen[case]} and in images{part}; a case is there once"
                )
            seen[case] = part
            labels = source / f"labels{part}" / (case + ending)
            files = {n: source / f"images{part}" / f"{case}_{int(n):04d}{ending}" for n in meaning}
            absent = [p for p in files.values() if not p.is_file()]
            if part == "Tr" and not labels.is_file():
                absent.append(labels)
            if absent:
                problems.append(f"{case}: {absent[0].parent.name}/{absent[0].name} is missing")
                continue
            found = SourceLabels(labels, names, values, keep, unknown) if is_there(labels) else None
            visits.append(_visit(case, _patient(case, patient), meaning, files, found))
    count = sum(part == "Tr" for part in seen.values())
    if content["numTraining"] != count:
        problems.append(f"dataset.json: numTraining is {content['numTraining']}, but imagesTr holds {count} cases")
    return Listing("nnunet", tuple(visits), tuple(problems))


def _visit(
    case: str, patient: str, meaning: Mapping[str, str], files: Mapping[str, Path], labels: SourceLabels | None
) -> SourceVisit:
    pets = tuple(
        SourcePet(name, files[n], CONVENTION, labels=labels) for n, name in meaning.items() if name in TRACER_OF_LABEL
    )
    others = {name: files[n] for n, name in meaning.items() if name not in TRACER_OF_LABEL}
    return SourceVisit(case, patient, case, pets, others, one_grid=True)


def _dataset(source: Path) -> dict[str, Any]:
    path = source / "dataset.json"
    if not path.is_file():
        raise CohortError(f"{path}: no such file; expected a data set in nnU-Net's raw format")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CohortError(f"{path}: not valid JSON ({error})") from error
    kinds = {"channel_names": dict, "labels": dict, "numTraining": int, "file_ending": str}
    for name, kind in kinds.items():
        if not isinstance(content, dict) or not isinstance(content.get(name), kind):
            raise CohortError(f"{path}: {name} is missing or no {kind.__name__}; expected nnU-Net v2's dataset.json")
    return content


def _meanings(source: Path, names: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Channel number -> tracer label or channel of ours."""
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise CohortError(f"{source / 'dataset.json'}: no channel {unknown[0]}; there are {', '.join(sorted(names))}")
    meaning = {}
    for n, name in sorted(names.items(), key=lambda item: int(item[0])):
        ours = KNOWN.get(str(given.get(n, name)).lower())
        if ours is None:
            raise CohortError(
                f"{source / 'dataset.json'}: what channel {n} ({given.get(n, name)!r}) shows cannot be told; "
                f"say it with --channel {n}=NAME, one of {', '.join(sorted(KNOWN))}"
            )
        if ours in meaning.values():
            raise CohortError(f"{source / 'dataset.json'}: two channels are {ours}; a visit holds one")
        meaning[n] = ours
    if not any(name in TRACER_OF_LABEL for name in meaning.values()):
        raise CohortError(f"{source / 'dataset.json'}: none of its channels is a PET; lesions are found on PET here")
    assert all(name in CHANNEL_QUANTITY or name in TRACER_OF_LABEL for name in meaning.values())
    return meaning


def _label_names(source: Path, labels: Mapping[str, Any]) -> dict[int, str]:
    regions = [name for name, value in labels.items() if isinstance(value, bool) or not isinstance(value, int)]
    if regions:
        raise CohortError(
            f"{source / 'dataset.json'}: label {regions[0]!r} is {labels[regions[0]]!r}, expected a whole number "
            "(regions of several values are not read)"
        )
    return {value: name for name, value in labels.items()} | ({} if 0 in labels.values() else {0: "background"})


def _cases(folder: Path, ending: str) -> list[str]:
    names = [p.name.removesuffix(ending) for p in visible(folder, f"*{ending}")]
    return sorted({re.sub(r"_\d{4}$", "", name) for name in names})


def _patient(case: str, pattern: str | None) -> str:
    if pattern is None:
        return case
    try:
        found = re.search(pattern, case)
        return found.group(1) if found else _no_patient(case, pattern)
    except (re.error, IndexError) as error:
        raise CohortError(f"--patient {pattern!r}: not a regular expression with one group ({error})") from error


def _no_patient(case: str, pattern: str) -> str:
    raise CohortError(f"{case}: --patient {pattern!r} does not find its patient; correct the expression")
