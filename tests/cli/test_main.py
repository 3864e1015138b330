"""The command line as a user meets it: what it prints, and one line with exit status 1 for bad input."""

import json
import subprocess

import numpy as np
import pytest

from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.io.nifti import write_volume
from tests.synthetic_dicom import write_series
from tests.typed import netlesion

STORED = np.arange(5 * 3 * 7, dtype=np.int16).reshape(5, 3, 7) * 50
GRID = Geometry(np.diag([-4.0, 4.0, 3.0, 1.0]), (7, 5, 11))


def assert_one_line(done, *words):
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    for word in words:
        assert word in lines[0], lines[0]


def pet_and_mask(folder, suv=None):
    array = np.ones(GRID.shape)
    mask = np.zeros(GRID.shape, np.uint8)
    array[2:4, 2, 5], mask[2:4, 2, 5], mask[6, 4, 10] = 7.0, 1, 1
    write_volume(folder / "pet.nii.gz", Volume(array if suv is None else suv, GRID, Quantity.SUVBW))
    write_volume(folder / "mask.nii.gz", Volume(mask, GRID, Quantity.LABEL))
    return folder / "pet.nii.gz", folder / "mask.nii.gz"


def test_suv_writes_an_image_its_provenance_and_prints_the_facts(tmp_path):
    for n, path in enumerate(write_series(tmp_path / "pet", STORED)):
        path.rename(path.with_name(f"DOE_JANE_4711_{n}.dcm"))
    done = netlesion("suv", tmp_path / "pet", tmp_path / "suv.nii.gz", "--json")
    facts = json.loads(done.stdout)
    assert facts["ref_time_source"] == "series"
    assert facts["suvmax_g_per_ml"] == pytest.approx(
        STORED.max() * facts["suv_factor_g_per_ml_per_bq_per_ml"], rel=1e-5
    )
    record = json.loads((tmp_path / "suv.json").read_text())
    assert record["Units"] == "g/mL"
    assert len(record["provenance"]["inputs_sha256"]) == 7
    assert "4711" not in (tmp_path / "suv.json").read_text() + done.stdout


def test_a_missing_weight_is_refused_and_an_override_is_logged(tmp_path):
    write_series(tmp_path / "pet", STORED, changes={"PatientWeight": None})
    assert_one_line(netlesion("suv", tmp_path / "pet", tmp_path / "suv.nii.gz"), "Weight", "missing", "--weight-kg")
    assert not (tmp_path / "suv.nii.gz").exists()
    done = netlesion("suv", tmp_path / "pet", tmp_path / "suv.nii.gz", "--weight-kg", "70", "--json")
    assert json.loads(done.stdout)["overrides"] == {"weight_kg": 70.0}


def test_another_suv_is_named_in_its_side_car_and_never_measured_as_suvbw(tmp_path):
    write_series(tmp_path / "pet", STORED, changes={"PatientSex": "F"})
    options = ("--type", "sul", "--sul-formula", "james", "--height-cm", "160", "--injection-time", "10:00")
    done = netlesion("suv", tmp_path / "pet", tmp_path / "sul.nii.gz", *options, "--weight-kg", "100")
    assert 'ref_time_source\t"series"' in done.stdout
    assert "above 92.5 kg" in done.stderr
    assert all(line.startswith(f"warning: {tmp_path / 'pet'}: ") for line in done.stderr.splitlines())
    record = json.loads((tmp_path / "sul.json").read_text())
    assert record["Units"] == "g/mL (lean body mass)"
    assert record["suv"]["suv_per_suvbw"] == pytest.approx(0.492, abs=5e-4)
    assert record["suv"]["overrides"] == {"weight_kg": 100.0, "height_cm": 160.0, "injection_time": "10:00:00"}
    assert record["suv"]["warnings"] == [line.split("pet: ")[1] for line in done.stderr.splitlines()]
    _, mask = pet_and_mask(tmp_path)
    assert_one_line(netlesion("measure", "--pet", tmp_path / "sul.nii.gz", "--mask", mask), "lean body mass")
    assert_one_line(netlesion("suv", tmp_path / "pet", tmp_path / "no.nii.gz", "--type", "lbm"), "suvbw, sul, suvbsa")


def test_an_empty_folder_a_ct_and_a_truncated_file(tmp_path):
    (tmp_path / "empty").mkdir()
    assert_one_line(netlesion("suv", tmp_path / "empty", tmp_path / "out.nii.gz"), "holds no DICOM")
    write_series(tmp_path / "ct", STORED, modality="CT")
    assert_one_line(netlesion("suv", tmp_path / "ct", tmp_path / "out.nii.gz"), "expected one PT", "CT")
    path = write_series(tmp_path / "pet", STORED)[2]
    path.write_bytes(path.read_bytes()[:-40])
    assert_one_line(netlesion("suv", tmp_path / "pet", tmp_path / "out.nii.gz"), "002.dcm")
    assert not list(tmp_path.glob("out*"))


def test_import_of_an_empty_folder(tmp_path):
    (tmp_path / "empty").mkdir()
    assert_one_line(netlesion("import", "dicom", tmp_path / "empty", tmp_path / "cohort"), "holds no DICOM")
    assert not (tmp_path / "cohort").exists()


def test_measure_prints_a_json_list_with_null_scores(tmp_path):
    pet, mask = pet_and_mask(tmp_path)
    rows = json.loads(netlesion("measure", "--pet", pet, "--mask", mask, "--json").stdout)
    assert list(rows[0])[:7] == [
        "lesion_id",
        "num_voxels",
        "volume_ml",
        "suvmax_g_per_ml",
        "suvmean_g_per_ml",
        "suvpeak_g_per_ml",
        "score",
    ]
    assert [(r["lesion_id"], r["num_voxels"], r["score"]) for r in rows] == [(1, 2, None), (2, 1, None)]
    assert "lesion_id\tnum_voxels" in netlesion("measure", "--pet", pet, "--mask", mask).stdout


def test_measure_refuses_nan_another_grid_a_float_mask_and_bqml(tmp_path):
    import nibabel

    pet, mask = pet_and_mask(tmp_path)
    bad = np.ones(GRID.shape, np.float32)
    bad[1, 2, 3] = np.nan
    nibabel.save(nibabel.Nifti1Image(bad, GRID.affine_ras), tmp_path / "nan.nii.gz")
    assert_one_line(netlesion("measure", "--pet", tmp_path / "nan.nii.gz", "--mask", mask), "nan.nii.gz", "(1, 2, 3)")
    nibabel.save(nibabel.Nifti1Image(np.ones((2, 3, 5), np.uint8), np.eye(4)), tmp_path / "other.nii.gz")
    assert_one_line(netlesion("measure", "--pet", pet, "--mask", tmp_path / "other.nii.gz"), "different grids")
    nibabel.save(nibabel.Nifti1Image(np.full(GRID.shape, 0.5, np.float32), GRID.affine_ras), tmp_path / "soft.nii.gz")
    assert_one_line(netlesion("measure", "--pet", pet, "--mask", tmp_path / "soft.nii.gz"), "0.5")
    nibabel.save(nibabel.Nifti1Image(np.full(GRID.shape, 9e4, np.float32), GRID.affine_ras), tmp_path / "bq.nii.gz")
    assert_one_line(netlesion("measure", "--pet", tmp_path / "bq.nii.gz", "--mask", mask), "Bq/ml")
    assert_one_line(netlesion("measure", "--pet", tmp_path / "no.nii.gz", "--mask", mask), "no such file")


def test_measure_converts_a_cohorts_pet_and_refuses_it_without_a_sidecar(tmp_path):
    write_series(tmp_path / "pet", STORED)
    facts = json.loads(netlesion("suv", tmp_path / "pet", tmp_path / "suv.nii.gz", "--json").stdout)
    assert netlesion("import", "dicom", tmp_path / "pet", tmp_path / "cohort").returncode == 0
    pet = tmp_path / "cohort/sub-001/ses-01/pet/sub-001_ses-01_trc-dotatate_pet.nii.gz"
    whole = np.ones(STORED.shape, np.uint8)
    from netlesion.io.nifti import read_volume

    grid = read_volume(pet, Quantity.BQML).geometry
    write_volume(tmp_path / "mask.nii.gz", Volume(whole, grid, Quantity.LABEL))
    rows = json.loads(netlesion("measure", "--pet", pet, "--mask", tmp_path / "mask.nii.gz", "--json").stdout)
    assert rows[0]["suvmax_g_per_ml"] == pytest.approx(facts["suvmax_g_per_ml"], rel=1e-6)
    pet.with_name("sub-001_ses-01_trc-dotatate_pet.json").unlink()
    assert_one_line(netlesion("measure", "--pet", pet, "--mask", tmp_path / "mask.nii.gz"), "side-car")


def test_evaluate_writes_a_table_and_counts_what_was_not_predicted(tmp_path):
    for name in ("reference", "prediction"):
        (tmp_path / name).mkdir()
    _, mask = pet_and_mask(tmp_path)
    for case in ("a", "b", "c"):
        (tmp_path / "reference" / f"{case}.nii.gz").write_bytes(mask.read_bytes())
    for case in ("a", "b"):
        (tmp_path / "prediction" / f"{case}.nii.gz").write_bytes(mask.read_bytes())
    folders = (
        "--reference",
        tmp_path / "reference",
        "--prediction",
        tmp_path / "prediction",
        "--out",
        tmp_path / "out",
    )
    done = netlesion("evaluate", *folders)
    assert done.returncode == 0, done.stderr
    assert "1 reference cases without a prediction" in done.stdout
    header, *rows = [line.split("\t") for line in (tmp_path / "out" / "cases.tsv").read_text().splitlines()]
    assert [row[header.index("dice")] for row in rows] == ["1", "1"]
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["cases_without_prediction"] == ["c"]
    assert "below 10" in summary["mean"]["dice"]["note"]
    (tmp_path / "prediction" / "z.nii.gz").write_bytes(mask.read_bytes())
    assert_one_line(netlesion("evaluate", *folders), "case z has no reference")


def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("needs root: a small tmpfs is mounted")
    try:
        noise = np.random.default_rng(0).integers(0, 30000, size=(64, 64, 32)).astype(np.int16)
        write_series(tmp_path / "pet", noise)
        assert_one_line(netlesion("suv", tmp_path / "pet", disk / "suv.nii.gz"), "No space left", "suv.nii.gz")
        assert list(disk.iterdir()) == []
        assert_one_line(netlesion("import", "dicom", tmp_path / "pet", disk / "cohort"), "No space left")
        assert not [p for p in disk.rglob("*") if p.name.startswith(".part-") or p.suffix == ".gz"]
    finally:
        subprocess.run(["umount", disk], check=True)


def test_help_and_version():
    assert "Research software" in netlesion("--help").stdout
    assert netlesion("--version").stdout.startswith("netlesion 0.")
