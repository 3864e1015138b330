"""The public autoPET data sets as NIfTI -> a Listing.

Two layouts are told apart by what lies in the folder:

* PSMA-FDG-PET-CT-Lesions, the nnU-Net layout of autoPET III, IV and V (fdat.uni-tuebingen.de/records/6gjsg-zcg93;
  autopet-iv.grand-challenge.org/dataset; ClinicalDataScience/tcia-psma-pet-ct-preprocessing):
      imagesTr/<tracer>_<patient>_<study>_0000.nii.gz   CT resampled to PET
      imagesTr/<tracer>_<patient>_<study>_0001.nii.gz   PET in SUV
      labelsTr/<tracer>_<patient>_<study>.nii.gz        1 tumour lesion
  tracer is `fdg` or `psma`.
* FDG-PET-CT-Lesions converted with lab-midas/TCIA_processing (10.7937/gkr0-xv29):
      <patient>/<study>/{SUV,CTres,CT,SEG,PET}.nii.gz   CTres is CT resampled to PET; PET is Bq/ml without its facts

The SUV is the converter's, not ours: clinical.md 1.4 says what is wrong with it. PET.nii.gz is not used, for dose,
weight and times are not there. Knows nothing about cohorts on disk.
"""

from __future__ import annotations

from pathlib import Path

from netlesion.datasets.source import Listing, SourceLabels, SourcePet, SourceVisit
from netlesion.errors import CohortError
from netlesion.io.bids.suv import SuvConvention
from netlesion.io.files import visible

LABELS = {0: "background", 1: "lesion"}
CONVENTION = {
    "fdg": SuvConvention(
        stated="SUV (body weight)",
        computed_by="data set converter lab-midas/TCIA_processing tcia_dicom_to_nifti.py",
        documentation="doi:10.7937/gkr0-xv29",
        known_issues=("decay reference is the Acquisition Time of the first file listed, not that of the series",),
    ),
    "psma": SuvConvention(
        stated="SUV",
        computed_by="data set converter ClinicalDataScience/tcia-psma-pet-ct-preprocessing",
        documentation="doi:10.7937/r7ep-3x37",
    ),
}
STUDY_FILES = ("SUV.nii.gz", "SEG.nii.gz", "CT.nii.gz", "CTres.nii.gz", "PET.nii.gz")


def list_autopet(source: str | Path) -> Listing:
    """Every study of either layout; raises CohortError for a folder of neither."""
    source = Path(source)
    if not source.is_dir():
        raise CohortError(f"{source}: no such folder; expected imagesTr and labelsTr, or <patient>/<study>/SUV.nii.gz")
    if (source / "imagesTr").is_dir():
        return _nnunet_layout(source)
    studies = sorted({path.parent for name in STUDY_FILES for path in visible(source, f"*/*/{name}")})
    if not studies:
        raise CohortError(f"{source}: holds neither imagesTr and labelsTr nor <patient>/<study>/SUV.nii.gz")
    return _study_folders(studies)


def _nnunet_layout(source: Path) -> Listing:
    images = visible(source / "imagesTr", "*.nii.gz")
    cases = sorted({_case(path) for path in images})
    visits, problems = [], []
    for case in cases:
        ct, suv = (source / "imagesTr" / f"{case}_{n}.nii.gz" for n in ("0000", "0001"))
        mask = source / "labelsTr" / f"{case}.nii.gz"
        absent = [
            f"{what} {p.parent.name}/{p.name}"
            for what, p in (("CT", ct), ("SUV", suv), ("labels", mask))
            if not p.is_file()
        ]
        parts = case.split("_", 2)
        if len(parts) < 3 or parts[0] not in CONVENTION:
            problems.append(f"{case}: name is not fdg_<patient>_<study> or psma_<patient>_<study>")
        elif absent:
            problems.append(f"{case}: {absent[0]} is missing")
        else:
            tracer, patient, study = parts
            pet = SourcePet(tracer, suv, CONVENTION[tracer], labels=SourceLabels(mask, LABELS, frozenset({1})))
            visits.append(SourceVisit(case, patient, study, (pet,), {"ct": ct}, one_grid=True))
    unknown = {p.name.removesuffix(".nii.gz") for p in visible(source / "labelsTr", "*.nii.gz")} - set(cases)
    problems += [f"{case}: labels without images in imagesTr" for case in sorted(unknown)]
    return Listing("autopet", tuple(visits), tuple(problems))


def _case(path: Path) -> str:
    return path.name.removesuffix(".nii.gz").rsplit("_", 1)[0]


def _study_folders(studies: list[Path]) -> Listing:
    visits, problems = [], []
    for folder in studies:
        case = f"{folder.parent.name}/{folder.name}"
        cts = [folder / name for name in ("CT.nii.gz", "CTres.nii.gz")]
        ct = next((path for path in cts if path.is_file() or path.is_symlink()), None)  # a broken link is told later
        absent = [name for name in ("SUV.nii.gz", "SEG.nii.gz") if not (folder / name).is_file()]
        if absent or ct is None:
            problems.append(f"{case}: {absent[0] if absent else 'CT.nii.gz or CTres.nii.gz'} is missing")
            continue
        labels = SourceLabels(folder / "SEG.nii.gz", LABELS, frozenset({1}))
        pet = SourcePet("fdg", folder / "SUV.nii.gz", CONVENTION["fdg"], labels=labels)
        one_grid = ct.name == "CTres.nii.gz"
        visits.append(SourceVisit(case, folder.parent.name, folder.name, (pet,), {"ct": ct}, one_grid=one_grid))
    return Listing("autopet", tuple(visits), tuple(problems))
