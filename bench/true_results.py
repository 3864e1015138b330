"""A digital cohort's truth as a folder of results: true lesions and mimics as candidates, for benches of answers.

    python -m bench.true_results COHORT OUT [--patients N] [--disease net|tio]

writes OUT/results (label maps in which mimic n is label 1000 + n, lesions.tsv, reference_organs.tsv), OUT/kinds.tsv
(case, lesion_id, kind: primary, metastasis, fracture, ...), and OUT/cohort, which links to COHORT and holds its true
transforms under the names of registered ones. Then `netlesion answer OUT/results --cohort OUT/cohort` works as on any
results.

Mimics are read from `desc-mimics`; a cohort made before there was such a map gets them drawn again from its seed, with
contrast judged on the noisy image.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy import ndimage
from tqdm import tqdm

from netlesion.image.transform import DisplacementField
from netlesion.image.visit import Tracer
from netlesion.image.volume import Quantity, Volume
from netlesion.io.bids.files import SessionRow, write_dataset
from netlesion.io.bids.pet import read_suv_image
from netlesion.io.bids.transforms import TransformFacts, frame_name, transform_path, write_transform
from netlesion.io.nifti import read_field, read_volume, write_volume
from netlesion.io.table_file import read_table
from netlesion.output.tables import write_table
from netlesion.phantom.body.labels import LABELS
from netlesion.phantom.chain import apart
from netlesion.phantom.paint import shares_of
from netlesion.phantom.patient import PatientDraw, draw_patient
from netlesion.phantom.posture import pose_of
from netlesion.phantom.render import LEAST_CONTRAST
from netlesion.phantom.settings import settings_of
from netlesion.phantom.stage import Stage
from netlesion.quantify.anatomy import AnatomicalImage
from netlesion.quantify.case import measure_case
from netlesion.quantify.organ_map import OrganMap
from netlesion.quantify.references import write_references
from netlesion.quantify.table import write_lesions

#: Added to a mimic's number, so that it is no lesion's.
MIMIC = 1000
WORDS = {
    "case": {"Description": "The PET: patient, session and tracer"},
    "lesion_id": {"Description": "Label of the candidate; that of mimic n is 1000 + n"},
    "kind": {"Description": "primary, metastasis, or the kind of mimic"},
    "participant_id": {"Description": "Patient"},
    "disease": {"Description": "net or tio"},
    "index": {"Description": "Label"},
    "name": {"Description": "Organ"},
}
TRUTH = Path("derivatives") / "netlesion"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cohort", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--patients", type=int)
    parser.add_argument("--skip", type=int, default=0, help="so many patients first")
    parser.add_argument("--disease", choices=("net", "tio"), help="only patients of this disease")
    arguments = parser.parse_args()
    cohort, out = arguments.cohort.absolute(), arguments.out
    config = json.loads((cohort / "phantom.json").read_text())["config"]
    tables = sorted((cohort / TRUTH).glob("sub-*/sub-*_lesions.tsv"))
    if arguments.disease is not None:
        tables = [t for t in tables if disease_of(config, t) == arguments.disease]
    tables = tables[arguments.skip :][: arguments.patients]
    rows, references, kinds = {}, {}, []
    link_tables(out / "cohort")
    for table in tqdm(tables, desc="true results", unit="patient"):
        subject = table.parent.name.removeprefix("sub-")
        link_patient(cohort, out / "cohort", subject, config)
        kind_of = {
            (r.cells["session"], r.cells["tracer"], r.whole("lesion_id")): r.cells["kind"]
            for r in read_table(table).rows
        }
        for path in sorted((cohort / f"sub-{subject}").glob("ses-*/pet/*_pet.nii.gz")):
            case = path.name.removesuffix("_pet.nii.gz")
            session = case.split("_ses-")[1].split("_")[0]
            tracer = "fdg" if case.endswith("trc-fdg") else "sstr"
            truth = cohort / TRUTH / f"sub-{subject}" / f"ses-{session}" / "pet"
            lesions = read_volume(truth / f"{case}_desc-lesions_dseg.nii.gz", Quantity.LABEL)
            suv = read_suv_image(path)
            mask = out / "results" / f"sub-{subject}" / f"{case}_desc-lesions_dseg.nii.gz"
            if mask.is_file():
                candidates, mimic_kind = read_volume(mask, Quantity.LABEL), kinds_of(config, truth)
            else:
                mimics, mimic_kind = mimics_of(config, truth, case, session, tracer, lesions, suv)
                labels = lesions.array.astype(np.uint16)
                free = (mimics > 0) & (labels == 0)
                labels[free] = mimics[free].astype(np.uint16) + MIMIC
                labels[np.isin(labels, faint_labels(config, truth, case, table, session, tracer))] = 0
                candidates = lesions.with_array(labels, Quantity.LABEL)
                write_volume(mask, candidates)
            organs = OrganMap(
                read_volume(truth / f"{case}_desc-organs_dseg.nii.gz", Quantity.LABEL).array, suv.geometry,
                {n: name for name, n in LABELS.items()},
            )  # fmt: skip
            measured = measure_case(suv, candidates, tracer=Tracer(tracer), organs=organs, images=anatomy(path))
            rows[case], references[case] = measured.rows, measured.references
            for row in rows[case]:
                n = row.lesion_id
                kind = mimic_kind[n - MIMIC] if n > MIMIC else kind_of[session, tracer, n]
                kinds.append({"case": case, "lesion_id": n, "kind": kind})
    diseases = [{"participant_id": table.parent.name, "disease": disease_of(config, table)} for table in tables]
    write_table(out / "cohort" / "participants.tsv", ("participant_id", "disease"), diseases, WORDS)
    write_lesions(out / "results" / "lesions.tsv", rows)
    write_references(out / "results" / "reference_organs.tsv", references)
    write_table(out / "kinds.tsv", ("case", "lesion_id", "kind"), kinds, WORDS)


def link_tables(to: Path) -> None:
    """The names of organs."""
    (to / TRUTH).mkdir(parents=True, exist_ok=True)
    names = [{"index": n, "name": name} for name, n in LABELS.items()]
    write_table(to / TRUTH / "desc-organs_dseg.tsv", ("index", "name"), names, WORDS)


def link_patient(cohort: Path, to: Path, subject: str, config: Mapping) -> None:
    """Links to a patient's folders; true transforms are copied under the names of registered ones.

    sessions.tsv is the cohort's, or made of the draw where the cohort is not finished.
    """
    name = f"sub-{subject}"
    (to / name).mkdir(exist_ok=True)
    for path in (cohort / name).iterdir():
        if path.is_dir() and not (to / name / path.name).exists():
            (to / name / path.name).symlink_to(path)
    told = cohort / name / f"{name}_sessions.tsv"
    if told.is_file():
        shutil.copyfile(told, to / name / told.name)
    else:
        drawn = drawn_patient(config, int(subject) - 1)
        cars = {p.parts[-3]: p for p in sorted((cohort / name).glob("ses-*/pet/*_pet.json"))}
        weights = {session: json.loads(p.read_text())["PatientWeight"] for session, p in cars.items()}
        facts = [SessionRow(e.session, e.visit, weights[f"ses-{e.session}"], drawn.body.height_cm) for e in drawn.exams]
        write_dataset(to, {subject: facts})
    folder = to / TRUTH / name
    folder.mkdir(exist_ok=True)
    for path in (cohort / TRUTH / name).iterdir():
        if not (folder / path.name).exists():
            (folder / path.name).symlink_to(path)
    for path in sorted(folder.glob("*_desc-true_xfm.json")):
        moving, fixed = (path.name.split(f"_{word}-")[1].split("_")[0] for word in ("from", "to"))
        target = transform_path(
            to / TRUTH, subject, frame_name(moving.removeprefix("ses")), frame_name(fixed.removeprefix("ses"))
        )
        field = DisplacementField(*read_field(path.with_name(path.name.replace(".json", ".nii.gz"))))
        facts = TransformFacts("the truth of a digital patient", 0.0, 0.0, 0.0, 1.0)
        write_transform(target, moving, fixed, field, facts)


@lru_cache(maxsize=1)
def _drawn(preset: str, spacing_mm: tuple[float, float, float], seed: int, index: int) -> PatientDraw:
    return draw_patient(index, seed=seed, settings=replace(settings_of(preset, index), spacing_mm=spacing_mm))


def drawn_patient(config: Mapping, index: int) -> PatientDraw:
    """Patient `index` as the cohort drew it."""
    return _drawn(config["preset"], tuple(config["spacing_mm"]), config["seed"], index)


def disease_of(config: Mapping, table: Path) -> str:
    """The disease of the patient whose table of lesions this is."""
    if config["settings"] is not None:
        return "tio" if "disease='tio'" in config["settings"] else "net"
    return settings_of(config["preset"], int(table.parent.name.removeprefix("sub-")) - 1).disease


def mimics_of(
    config: Mapping, truth: Path, case: str, session: str, tracer: str, lesions: Volume, suv: Volume
) -> tuple[np.ndarray, dict[int, str]]:
    """Instances of mimics on this PET's grid, and the kind of each."""
    path = truth / f"{case}_desc-mimics_dseg.nii.gz"
    if path.is_file():
        return read_volume(path, Quantity.LABEL).array, kinds_of(config, truth)
    drawn = drawn_patient(config, int(truth.parents[1].name.removeprefix("sub-")) - 1)
    exam = next(e for e in drawn.exams if e.session == session)
    stage = Stage(suv.geometry, pose_of(exam.posture, drawn.body))
    labels = np.zeros(suv.geometry.shape, dtype=np.uint16)
    for number, share in enumerate(shares_of(stage, [(apart(m.solid), m.segment) for m in drawn.mimics]), start=1):
        if share.share.size and share.share.max() > 0:
            inside = share.share >= 0.5 if (share.share >= 0.5).any() else share.share == share.share.max()
            mask = np.zeros(labels.shape, dtype=bool)
            mask[share.box][inside] = True
            if drawn.mimics[number - 1].suv[tracer] >= LEAST_CONTRAST * shell_mean(mask, suv):
                labels[mask] = number
    labels[lesions.array > 0] = 0
    return labels, {n: m.kind for n, m in enumerate(drawn.mimics, start=1)}


def shell_mean(mask: np.ndarray, suv: Volume) -> float:
    """Mean SUV of a shell some 6 to 12 mm around a mask."""
    steps = max(1, round(6.0 / min(suv.geometry.spacing_mm)))
    at = np.argwhere(mask)
    box = tuple(slice(max(0, a - 3 * steps), b + 3 * steps + 1) for a, b in zip(at.min(0), at.max(0), strict=True))
    near = ndimage.binary_dilation(mask[box], iterations=steps)
    return float(suv.array[box][ndimage.binary_dilation(near, iterations=steps) & ~near].mean())


def anatomy(pet: Path) -> dict[str, AnatomicalImage]:
    """The CT, or the T2 MR, of a PET's session."""
    session = pet.parents[1]
    found = {"ct": (sorted(session.glob("ct/*_ct.nii.gz")), Quantity.HU),
             "mr_t2": (sorted(session.glob("anat/*_T2w.nii.gz")), Quantity.MR)}  # fmt: skip
    return {c: AnatomicalImage(read_volume(paths[0], q)) for c, (paths, q) in found.items() if paths}


def faint_labels(config: Mapping, truth: Path, case: str, table: Path, session: str, tracer: str) -> list[int]:
    """Labels of lesions and mimics that are not above the blood pool of their PET: newer cohorts leave them out."""
    blood = json.loads((truth / f"{case}_desc-truth_pet.json").read_text())["suv_of_tissue"]["blood"]
    here = [r for r in read_table(table).rows if (r.cells["session"], r.cells["tracer"]) == (session, tracer)]
    faint = [r.whole("lesion_id") for r in here if r.number("suv_mean_true") <= blood]
    mimics = table.with_name(table.name.replace("_lesions", "_mimics"))
    if mimics.is_file():
        rows = [r for r in read_table(mimics).rows if (r.cells["session"], r.cells["tracer"]) == (session, tracer)]
        return faint + [MIMIC + r.whole("lesion_id") for r in rows if r.number("suv_mean_true") <= blood]
    drawn = drawn_patient(config, int(table.parent.name.removeprefix("sub-")) - 1)
    return faint + [MIMIC + n for n, m in enumerate(drawn.mimics, start=1) if m.suv[tracer] <= blood]


def kinds_of(config: Mapping, truth: Path) -> dict[int, str]:
    """Number of a mimic -> its kind."""
    table = truth.parents[1] / f"{truth.parents[1].name}_mimics.tsv"
    if table.is_file():
        return {row.whole("lesion_id"): row.cells["kind"] for row in read_table(table).rows}
    drawn = drawn_patient(config, int(truth.parents[1].name.removeprefix("sub-")) - 1)
    return {n: m.kind for n, m in enumerate(drawn.mimics, start=1)}


if __name__ == "__main__":
    main()
