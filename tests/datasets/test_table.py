"""A table of NIfTI files: SUV needs its author, Bq/ml its facts; every complaint names the line."""

import numpy as np
import pytest

from netlesion.datasets.importer import import_listing
from netlesion.datasets.table import list_table
from netlesion.errors import CohortError
from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.io.bids.cohort import open_cohort
from netlesion.io.bids.visit_files import load_visit
from netlesion.io.nifti import write_volume
from tests.small_images import write_ct, write_mask, write_suv

HEADER = "patient session channel path quantity mask weight_kg dose_bq nuclide reference_s scan_start_s computed_by"
SUV = "p1 a fdg suv.nii.gz suvbw mask.nii.gz 70 n/a n/a n/a n/a clinic"
CT = "p1 a ct ct.nii.gz hu n/a n/a n/a n/a n/a n/a n/a"
BQML = "p1 b dotatate bqml.nii.gz bqml n/a 70 150e6 68Ga 3600 3600 n/a"


@pytest.fixture
def files(tmp_path):
    write_suv(tmp_path / "suv.nii.gz")
    write_suv(tmp_path / "bqml.nii.gz", scale=1000)
    write_ct(tmp_path / "ct.nii.gz")
    write_mask(tmp_path / "mask.nii.gz")
    return tmp_path


def table(folder, *rows, header=HEADER):
    text = "\n".join("\t".join(line.split()) for line in (header, *rows)) + "\n"
    (folder / "files.tsv").write_text(text)
    return folder / "files.tsv"


def test_both_quantities_open_as_suv(files):
    result = import_listing(list_table(table(files, SUV, CT, BQML)), files / "cohort")
    assert result.failures == ()
    given, computed = open_cohort(files / "cohort").visits
    visit = load_visit(given, ["fdg", "ct"], ["fdg", "ct"], "lesions")
    assert visit.scans["fdg"].acquisition.weight_kg == 70
    assert visit.scans["fdg"].acquisition.ref_time_source == "provided by clinic"
    assert visit.masks["fdg"].array.sum() == 2
    sstr = load_visit(computed, ["sstr"]).scans["sstr"].volume.array
    assert sstr.max() == pytest.approx(9000 * 70_000 / (150e6 * 2 ** (-3600 / 4062.6)))
    sessions = (files / "cohort/sub-p1/sub-p1_sessions.tsv").read_text()
    assert "ses-01\tvisit-1\t70" in sessions
    assert "ses-02\tvisit-2\t70" in sessions


def test_a_second_table_keeps_the_weights_of_the_first(files):
    import_listing(list_table(table(files, SUV)), files / "cohort")
    import_listing(list_table(table(files, BQML)), files / "cohort")
    assert "ses-01\tvisit-1\t70" in (files / "cohort/sub-p1/sub-p1_sessions.tsv").read_text()


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (SUV.replace("clinic", "n/a"), "line 2: computed_by is missing"),
        (SUV.replace("suvbw", "sul"), "quantity of fdg is 'sul', expected suvbw or bqml"),
        (SUV.replace("suvbw", "hu"), "quantity of fdg is 'hu'"),
        (SUV.replace("fdg", "water"), "channel is 'water'"),
        (SUV.replace("suv.nii.gz", "absent.nii.gz"), "absent.nii.gz is no file"),
        (SUV.replace("p1 a", "n/a a"), "patient is missing"),
        (BQML.replace("150e6", "n/a"), "dose_bq is missing, a PET in bqml needs it"),
        (BQML.replace("150e6", "150"), "dose_bq is '150', expected a number from 1e"),
        (BQML.replace("150e6", "nan"), "dose_bq is 'nan'"),
        (BQML.replace("68Ga", "15O"), "nuclide is '15O'"),
        (BQML.replace(" 70 ", " n/a "), "weight_kg is missing"),
        (CT.replace("hu n/a", "hu mask.nii.gz"), "a mask belongs to a PET"),
    ],
)
def test_a_row_that_cannot_be_meant_is_refused_with_its_line(files, row, words):
    with pytest.raises(CohortError, match=words) as caught:
        list_table(table(files, row))
    assert "\n" not in str(caught.value)


def test_a_channel_twice_and_weights_that_differ_are_refused(files):
    with pytest.raises(CohortError, match="line 3: fdg of patient p1, session a is there twice"):
        list_table(table(files, SUV, SUV))
    with pytest.raises(CohortError, match=r"weight_kg is 70.0 and 71.0 in one session"):
        list_table(table(files, SUV, CT.replace("hu n/a n/a", "hu n/a 71")))


def test_headers_are_checked(files):
    with pytest.raises(CohortError, match="column 'dose' is not known"):
        list_table(table(files, SUV, header=HEADER.replace("dose_bq", "dose")))
    with pytest.raises(CohortError, match="no column channel; expected patient"):
        list_table(table(files, SUV, header=HEADER.replace(" channel", "")))
    with pytest.raises(CohortError, match="holds no row"):
        list_table(table(files))


def test_a_mask_on_another_grid_is_refused(files):
    other = Geometry(np.diag([4.0, 4.0, 3.0, 1.0]), (9, 7, 5))
    write_volume(files / "mask.nii.gz", Volume(np.zeros(other.shape), other, Quantity.LABEL))
    with pytest.raises(CohortError, match="different grids"):
        import_listing(list_table(table(files, SUV)), files / "cohort")
    assert not (files / "cohort").exists()
