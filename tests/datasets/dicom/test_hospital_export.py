"""A messy export becomes patients, sessions and scans; names are given once; the result is BIDS."""

import json
import shutil
import subprocess
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from pydicom.uid import RLELossless, generate_uid

from netlesion.datasets.dicom.importer import import_dicom, prepare_import
from netlesion.datasets.dicom.plan_table import plan_json, plan_lines
from netlesion.datasets.dicom.planned import Decision
from netlesion.io.bids.cohort import open_cohort
from tests.io.dicom.dicom_objects import square, write_enhanced, write_rtstruct, write_seg
from tests.synthetic_dicom import write_series

STORED = np.arange(5 * 3 * 7, dtype=np.int16).reshape(5, 3, 7) * 50
STUDY, FRAME, OTHER_FRAME = (generate_uid() for _ in range(3))
FDG = {"dose.Radiopharmaceutical": "FDG", "dose.RadionuclideTotalDose": 300e6, "dose.RadionuclideHalfLife": 6586.2}


def one(folder, modality, study=STUDY, frame=FRAME, time="110000", origin=(-10.0, -20.0, 30.0), **changes):
    changes = {"StudyInstanceUID": study, "FrameOfReferenceUID": frame, "AcquisitionTime": time} | changes
    return write_series(folder, STORED, modality, origin=origin, changes=changes)


def without_extension(paths, prefix):
    return [path.rename(path.with_name(f"{prefix}{n}")) for n, path in enumerate(paths)]


def make_export(root: Path) -> Path:
    """Two patients, one with DOTATATE and FDG on two days, every kind of thing a hospital sends along."""
    pet = without_extension(one(root / "A" / "1", "PT"), "IM")
    one(root / "A" / "2", "PT", CorrectedImage=["DECY"])
    one(root / "A" / "3" / "low dose", "CT", time="105900")
    one(root / "A" / "3" / "diagnostic", "CT", time="113000")
    one(root / "A" / "3" / "other table", "CT", frame=OTHER_FRAME, time="110000")
    one(root / "A" / "4", "CT", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    shutil.copytree(root / "A" / "1", root / "again" / "1")
    for part, kind in (("W", "WATER"), ("F", "FAT")):
        one(
            root / "A" / "5" / part,
            "MR",
            SeriesDescription="t1_vibe_dixon",
            ImageType=["DERIVED", "PRIMARY", "M", kind],
        )
    one(root / "A" / "6", "MR", SeriesDescription="t2_haste_tra")
    diffusion = generate_uid()
    for b in (50, 800):
        one(
            root / "A" / "7" / f"b{b}",
            "MR",
            SeriesDescription="ep2d_diff",
            SeriesInstanceUID=diffusion,
            DiffusionBValue=b,
        )
    one(root / "A" / "8", "MR", SeriesDescription="ep2d_diff_ADC", ImageType=["DERIVED", "PRIMARY", "DIFFUSION", "ADC"])
    for n, z in enumerate((30.0, 54.0, 78.0)):
        one(root / "A" / "9" / str(n), "MR", origin=(-10.0, -20.0, z), SeriesDescription="t1_tse_cor wb")
    one(root / "A" / "10", "MR", SeriesDescription="AAHead_Scout")
    _rest(root, pet)
    return root


def _rest(root: Path, pet: list[Path]) -> None:
    report = pydicom.dcmread(pet[0])
    for name in ("PixelData", "Rows", "Columns"):
        delattr(report, name)
    report.file_meta.MediaStorageSOPClassUID = report.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.67"
    report.Modality, report.SeriesInstanceUID, report.SOPInstanceUID = "SR", generate_uid(), generate_uid()
    report.save_as(root / "A" / "dose")
    directory = pydicom.dcmread(pet[0])
    directory.clear()
    directory.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    directory.FileSetID = "HOSPITAL"
    directory.save_as(root / "DICOMDIR")
    lesion = square(-6, -14, 34, 3)
    rois = [
        ("GTV_Mass", [("CLOSED_PLANAR", lesion)]),
        ("GTV Mass", [("CLOSED_PLANAR", square(-6, -14, 42, 3))]),
        ("Doe Jane", [("CLOSED_PLANAR", lesion)]),
        ("isocentre", [("POINT", [(0, 0, 0)])]),
    ]
    write_rtstruct(root / "A" / "rs", pet[0], rois)
    frame = {"position": (-10, -20, 34), "orientation": (1, 0, 0, 0, 1, 0), "spacing": (3, 2), "segment": 1}
    write_seg(root / "A" / "seg", pet[0], [frame | {"pixels": np.eye(3, 5, dtype=bool)}], labels=("lesion 1",))
    second = {"study": generate_uid(), "frame": generate_uid(), "StudyDate": "20240328", "SeriesDate": "20240328"}
    one(root / "B" / "1", "PT", AcquisitionDate="20240328", **second, **FDG)
    for path in (root / "B" / "1").iterdir():
        dataset = pydicom.dcmread(path)
        nuclide = dataset.RadiopharmaceuticalInformationSequence[0].RadionuclideCodeSequence[0]
        nuclide.CodeValue, nuclide.CodeMeaning = "C-111A1", "^18^Fluorine"
        dataset.compress(RLELossless, generate_instance_uid=False)
        dataset.save_as(path)
    classic = one(root / "classic", "CT", **second)
    write_enhanced(root / "B" / "2", classic, "CT", [2, 0, 1, 6, 5, 4, 3])
    shutil.rmtree(root / "classic")
    one(root / "C", "PT", study=generate_uid(), frame=generate_uid(), PatientID="OTHER", PatientBirthDate="19600102")


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    root = tmp_path_factory.mktemp("hospital")
    export = make_export(root / "export")
    plan = prepare_import(export, root / "cohort")
    assert [p.name for p in root.iterdir()] == ["export"], "a plan writes nothing"
    return root, plan, import_dicom(export, root / "cohort")


def names(result, subject="001"):
    return {path.name.removesuffix(".nii.gz") for path in result.written if subject in path.name}


def subjects(root):
    rows = [line.split("\t") for line in (root / "cohort.key.tsv").read_text().splitlines()]
    return {row[1]: row[3] for row in rows if row[0] == "session"}


def test_every_scan_has_its_place(imported):
    root, _, result = imported
    assert result.failures == ()
    s = f"sub-{subjects(root)['HOSPITAL-4711']}"
    assert {path.name.removesuffix(".nii.gz") for path in result.written if s in path.name} == {
        f"{s}_ses-01_{name}"
        for name in (
            "trc-dotatate_pet", "ct", "run-2_ct", "run-3_ct", "acq-water_T1w", "acq-fat_T1w", "T2w", "acq-b50_trace",
            "acq-b800_trace", "ADC", "chunk-1_T1w", "chunk-2_T1w", "chunk-3_T1w", "trc-dotatate_desc-GTVMass_mask",
            "trc-dotatate_desc-GTVMassn2_mask", "trc-dotatate_desc-ROI3_mask", "trc-dotatate_desc-lesion1_mask",
        )
    } | {f"{s}_ses-02_trc-fdg_pet", f"{s}_ses-02_ct"}  # fmt: skip


def test_what_is_no_part_of_a_cohort_is_skipped_with_its_reason(imported):
    _, plan, result = imported
    skipped = "\n".join(result.skipped)
    for reason in (
        "a localiser",
        "not corrected for attenuation",
        "Radiation Dose SR",
        "DICOMDIR",
        "no closed contour",
    ):
        assert reason in skipped
    assert sum(p.decision is Decision.SKIP for p in plan.images) == 4


def test_the_ct_of_the_pet_comes_first_and_says_to_which_pet_it_belongs(imported):
    root, plan, _ = imported
    cts = {p.facts.series.folder.split("/")[-1]: p for p in plan.images if p.target and p.target.parts[2] == "ct"}
    assert cts["low dose"].target.name.endswith("ses-01_ct.nii.gz")
    assert cts["low dose"].belongs_by == "frame of reference"
    assert cts["other table"].belongs_by == "study"
    sidecar = json.loads((root / "cohort" / str(cts["low dose"].target).replace(".nii.gz", ".json")).read_text())
    assert sidecar["IntendedFor"][0].endswith("trc-dotatate_pet.nii.gz")
    assert sidecar["FacesRemoved"] is False


def test_stations_are_numbered_from_head_to_foot(imported):
    root, _, _ = imported
    tops = []
    for n in (1, 2, 3):
        (path,) = (root / "cohort").rglob(f"*chunk-{n}_T1w.nii.gz")
        tops.append(nibabel.load(path).affine[2, 3])
    assert tops == sorted(tops, reverse=True)


def test_compressed_and_multi_frame_images_hold_the_stored_values(imported):
    root, _, _ = imported
    for pattern, intercept in (("*trc-fdg_pet.nii.gz", 0), ("*ses-02_ct.nii.gz", -1000)):
        (path,) = (root / "cohort").rglob(pattern)
        assert np.array_equal(np.asarray(nibabel.load(path).dataobj), STORED + intercept)


def test_visits_group_sessions_within_their_window(imported):
    root, plan, _ = imported
    subject = subjects(root)["HOSPITAL-4711"]
    assert plan.visits[subject, "01"] == plan.visits[subject, "02"] == 1
    strict = prepare_import(root / "export", root / "cohort", visit_window_days=7)
    assert strict.visits[subject, "02"] == 2


def test_the_cohort_opens(imported):
    root, _, _ = imported
    assert sorted(c for v in open_cohort(root / "cohort").visits for c in v.images if c in ("sstr", "fdg")) == [
        "fdg", "sstr", "sstr",
    ]  # fmt: skip


def test_a_plan_is_a_table_and_json(imported):
    _, plan, _ = imported
    rows = json.loads(plan_json(plan))["series"]
    assert len(rows) == len(plan_lines(plan)) - 1 == len(plan.images) + len(plan.rois)
    assert {row["decision"] for row in rows} == {"write", "skip"}


def test_a_rerun_writes_nothing_and_a_later_ct_of_the_same_day_gets_a_name_of_its_own(imported):
    root, _, result = imported
    before = {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in (root / "cohort").rglob("*.nii.gz")}
    again = import_dicom(root / "export", root / "cohort")
    assert again.written == ()
    assert len(again.present) == len(result.written)
    one(root / "later", "CT", time="150000")
    later = import_dicom(root / "later", root / "cohort")
    assert [p.name.split("_", 1)[1] for p in later.written] == ["ses-01_run-4_ct.nii.gz"]
    assert {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in before} == before
    later.written[0].unlink()
    restored = import_dicom(root / "later", root / "cohort")
    assert restored.written == later.written, "a lost image comes back under its own name"


def test_a_series_that_has_grown_is_refused_not_taken_for_the_old_one(tmp_path):
    paths = one(tmp_path / "e", "CT")
    last = paths[-1].rename(tmp_path / "last")
    import_dicom(tmp_path / "e", tmp_path / "cohort")
    last.rename(paths[-1])
    result = import_dicom(tmp_path / "e", tmp_path / "cohort")
    assert "has 7 files now" in result.failures[0]


def test_the_bids_validator_finds_no_error(imported):
    validator = shutil.which("bids-validator-deno")
    if validator is None:
        pytest.skip("bids-validator-deno is not installed")
    root, _, _ = imported
    done = subprocess.run(
        [validator, "--json", str(root / "cohort")], capture_output=True, text=True, timeout=120, check=False
    )
    issues = json.loads(done.stdout)["issues"]["issues"]
    assert not [i for i in issues if i["severity"] == "error"], [i for i in issues if i["severity"] == "error"]


def test_every_name_is_a_file_of_the_bids_schema(imported):
    schema = pytest.importorskip("bidsschematools.schema").load_schema()
    entity = {e["name"]: key for key, e in schema.objects.entities.to_dict().items()}
    root, _, _ = imported
    for path in (root / "cohort").glob("sub-*/ses-*/*/*.nii.gz"):
        if path.parent.name == "ct":
            continue
        *pairs, suffix = path.name.removesuffix(".nii.gz").split("_")
        used = {entity[pair.split("-")[0]] for pair in pairs}
        rules = schema.rules.files.raw[path.parent.name].to_dict().values()
        assert any(suffix in r["suffixes"] and used <= set(r["entities"]) for r in rules), path.name
    assert (root / "cohort" / ".bidsignore").read_text() == "**/ct\n**/ct/\n"
