"""Both tracers of a case, their thresholds and transform; joint import puts the FDG where SimpleITK would put it."""

import json

import numpy as np
import pytest

from netlesion.datasets.deep_psma import list_deep_psma
from netlesion.datasets.importer import import_listing
from netlesion.errors import CohortError
from netlesion.image.volume import Quantity
from netlesion.io.bids.cohort import open_cohort
from netlesion.io.bids.visit_files import load_visit
from netlesion.io.nifti import read_volume
from tests.small_images import CT_GRID, PET_GRID, write_ct, write_mask, write_suv

sitk = pytest.importorskip("SimpleITK")
FDG_TO_PSMA = sitk.Euler3DTransform((10.0, 5.0, 20.0), 0.05, -0.02, 0.1, (4.0, -3.0, 12.0))


@pytest.fixture
def source(tmp_path):
    for tracer, threshold, transform in (("PSMA", 3.0, FDG_TO_PSMA.GetInverse()), ("FDG", 2.5, FDG_TO_PSMA)):
        folder = tmp_path / "src/train_0001" / tracer
        write_suv(folder / "PET.nii.gz", seed=len(tracer))
        write_ct(folder / "CT.nii.gz")
        write_mask(folder / "TTB.nii.gz")
        write_mask(folder / "totseg_24.nii.gz", CT_GRID, value=5)
        (folder / "threshold.json").write_text(json.dumps({"suv_threshold": threshold}))
        sitk.WriteTransform(transform, str(folder / "rigid.tfm"))
    return tmp_path / "src"


def test_the_tracers_are_two_sessions_of_one_time_point(source, tmp_path):
    result = import_listing(list_deep_psma(source), tmp_path / "cohort")
    assert result.failures == ()
    cohort = open_cohort(tmp_path / "cohort")
    assert [set(v.images) for v in cohort.visits] == [{"psma", "ct"}, {"fdg", "ct"}]
    table = (tmp_path / "cohort/sub-train0001/sub-train0001_sessions.tsv").read_text().splitlines()
    assert [line.split("\t")[:2] for line in table[1:]] == [["ses-01", "visit-1"], ["ses-02", "visit-1"]]
    visit = load_visit(cohort.visits[1], ["fdg", "ct"], ["fdg", "ct"], "lesions")
    assert visit.masks["fdg"].array.sum() == 2
    sidecar = json.loads(next((tmp_path / "cohort").rglob("*trc-fdg_desc-suvbw_pet.json")).read_text())
    assert sidecar["ContourThreshold"] == 2.5
    assert "not said" in sidecar["SUVConvention"]["Stated"]


def test_organs_come_from_the_grid_of_the_ct_with_their_names(source, tmp_path):
    import_listing(list_deep_psma(source), tmp_path / "cohort")
    (path,) = (tmp_path / "cohort").rglob("*trc-psma_desc-organs_dseg.nii.gz")
    organs = read_volume(path, Quantity.LABEL)
    assert organs.geometry.same_grid(PET_GRID)
    assert "5\tliver" in path.with_name(path.name.replace(".nii.gz", ".tsv")).read_text()


def test_the_stored_transform_takes_points_of_the_fdg_to_the_psma(source, tmp_path):
    import_listing(list_deep_psma(source), tmp_path / "cohort")
    (path,) = (tmp_path / "cohort").rglob("*ses-02_from-fdg_to-psma_mode-points_xfm.json")
    matrix = np.array(json.loads(path.read_text())["Matrix"])
    x, y, z = FDG_TO_PSMA.TransformPoint((-3.0, 4.0, 5.0))
    assert (matrix @ (3.0, -4.0, 5.0, 1.0))[:3] == pytest.approx((-x, -y, z))


def test_joint_import_resamples_like_simpleitk(source, tmp_path):
    import_listing(list_deep_psma(source, joint=True), tmp_path / "cohort")
    (files,) = open_cohort(tmp_path / "cohort").visits
    visit = load_visit(files, ["psma", "fdg", "ct"], ["psma", "fdg", "ct"], "lesions")
    fdg = visit.scans["fdg"].volume
    original = sitk.ReadImage(str(source / "train_0001/FDG/PET.nii.gz"))
    psma = sitk.ReadImage(str(source / "train_0001/PSMA/PET.nii.gz"))
    expected = sitk.Resample(original, psma, FDG_TO_PSMA.GetInverse(), sitk.sitkNearestNeighbor, -1.0)
    index = np.stack(np.meshgrid(*map(np.arange, PET_GRID.shape), indexing="ij"), axis=-1).reshape(-1, 3)
    at = np.rint(fdg.geometry.to_index(PET_GRID.to_world(index))).astype(int)
    inside = ((at >= 0) & (at < fdg.geometry.shape)).all(axis=1)
    found = np.full(len(at), -1.0)
    found[inside] = fdg.array[tuple(at[inside].T)]
    assert (found == sitk.GetArrayFromImage(expected).T.reshape(-1)).mean() > 0.99
    assert inside.any()
    assert np.array_equal(fdg.array, sitk.GetArrayFromImage(original).T)  # not one voxel was interpolated


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("FDG/threshold.json", None, "FDG/threshold.json is missing"),
        ("FDG/threshold.json", '{"threshold": 3}', 'expected {"suv_threshold"'),
        ("FDG/threshold.json", '{"suv_threshold": "3"}', "suv_threshold is '3'"),
        ("PSMA/rigid.tfm", None, "no such file"),
        ("PSMA/TTB.nii.gz", None, "PSMA/TTB.nii.gz is missing"),
    ],
)
def test_a_spoilt_case_is_one_line(source, tmp_path, name, content, words):
    path = source / "train_0001" / name
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(CohortError, match=words) as caught:
        import_listing(list_deep_psma(source), tmp_path / "cohort")
    assert str(caught.value).startswith("train_0001: ")
    assert not (tmp_path / "cohort").exists()


def test_transforms_that_do_not_undo_each_other_are_refused(source):
    sitk.WriteTransform(FDG_TO_PSMA, str(source / "train_0001/PSMA/rigid.tfm"))
    (problem,) = list_deep_psma(source).problems
    assert "undo each other" in problem


def test_a_folder_without_cases_is_refused(tmp_path):
    with pytest.raises(CohortError, match="holds no case"):
        list_deep_psma(tmp_path)
