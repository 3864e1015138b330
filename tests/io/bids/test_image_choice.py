"""Of several images of a channel the one the rule names is read, whatever their order, and that is said."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from netlesion.errors import CohortError
from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.io.bids.cohort import open_cohort
from netlesion.io.bids.files import PetRecord, SessionRow, image_path, write_dataset, write_image, write_pet
from netlesion.io.bids.image_choice import choose_image
from netlesion.io.bids.visit_files import load_visit
from netlesion.phantom.digital_cohort.bids import CohortPlan, make_cohort
from netlesion.phantom.settings import PRESETS

GRID = Geometry(np.diag([-4.0, 4.0, 3.0, 1.0]), (5, 7, 3))
RECORD = PetRecord(
    "dotatate", "68Ga", 4062.6, 150e6, 70.0, 3600.0, 3600.0, "10:00:00", "series", frame_of_reference_hash="a"
)


def paths(*names):
    return tuple(Path(f"sub-001_ses-01_{name}.nii.gz") for name in names)


@pytest.mark.parametrize(
    ("best", "others", "is_mr"),
    [
        ("ct", ("rec-2_ct", "run-2_ct"), False),
        ("rec-2_ct", ("rec-3_ct", "rec-10_ct"), False),
        ("run-2_ct", ("run-10_ct",), False),
        ("ct", ("acq-thorax_ct",), False),
        ("acq-water_T1w", ("acq-in_T1w", "acq-opp_T1w", "acq-fat_T1w"), True),
        ("acq-water_T1w", ("acq-water_run-2_T1w", "acq-fat_T1w"), True),
        ("T1w", ("acq-water_T1w", "run-2_T1w", "chunk-1_T1w"), True),
        ("T2w", ("acq-stir_T2w", "ce-gd_T2w"), True),
    ],
)
def test_the_plainest_name_wins_in_any_order(best, others, is_mr):
    for order in itertools.permutations(paths(best, *others)):
        choice = choose_image(order, {}, (), is_mr)
        assert choice.chosen == paths(best)[0]
        assert set(choice.others) == set(paths(*others))
        assert choice.because


@pytest.mark.parametrize(
    ("names", "is_mr"),
    [
        (("acq-in_T1w", "acq-opp_T1w"), True),
        (("acq-water_chunk-1_T1w", "acq-water_chunk-2_T1w"), True),
        (("acq-water_ct", "acq-low_ct"), False),
        (("rec-soft_ct", "rec-lung_ct"), False),
    ],
)
def test_what_the_rule_cannot_tell_is_left_to_the_user(names, is_mr):
    assert choose_image(paths(*names), {}, (), is_mr) is None


def test_the_side_car_counts_before_the_name():
    plain, second, third = paths("ct", "run-2_ct", "run-3_ct")
    of_study, in_time = {"IntendedForBy": "study"}, {"IntendedForBy": "time"}
    assert choose_image((plain, second), {plain: in_time, second: of_study}, (), False).chosen == second
    frames = {plain: of_study | {"FrameOfReferenceHash": "b"}, third: {"FrameOfReferenceHash": "a"}}
    choice = choose_image((plain, second, third), frames, {"a"}, False)
    assert (choice.chosen, choice.because) == (third, "nearest to the PET by its side-car")


@pytest.fixture
def cohort(tmp_path):
    path = image_path(tmp_path, "001", "01", "pet", "pet", "trc-dotatate")
    write_pet(path, Volume(np.full(GRID.shape, 1000.0), GRID, Quantity.BQML), RECORD)
    write_dataset(tmp_path, {"001": [SessionRow("01", 1, 70.0, 175.0)]})
    return tmp_path


def add(cohort, value, folder, suffix, *entities, frame="a"):
    quantity = Quantity.HU if folder == "ct" else Quantity.MR
    path = image_path(cohort, "001", "01", folder, suffix, *entities)
    write_image(path, Volume(np.full(GRID.shape, value), GRID, quantity), {"FrameOfReferenceHash": frame})


def test_the_chosen_image_is_read_and_named(cohort):
    add(cohort, -10.0, "ct", "ct", "run-2")
    add(cohort, -20.0, "ct", "ct")
    add(cohort, -30.0, "ct", "ct", "acq-other", frame="b")
    for n, name in enumerate(("fat", "in", "opp", "water")):
        add(cohort, float(n), "anat", "T1w", f"acq-{name}")
    opened = open_cohort(cohort)
    visit = load_visit(opened.visits[0], ["sstr", "ct", "mr_t1"], ["sstr"])
    assert visit.scans["ct"].volume.array.max() == -20.0
    assert visit.scans["mr_t1"].volume.array.max() == 3.0
    ct, mr = opened.notes
    assert "sub-001_ses-01_ct.nii.gz is read, not sub-001_ses-01_run-2_ct.nii.gz (lowest run-)" in ct
    assert "acq-water_T1w.nii.gz is read, not" in mr


def test_where_the_rule_does_not_decide_only_that_channel_is_refused(cohort):
    add(cohort, 1.0, "anat", "T1w", "acq-in")
    add(cohort, 2.0, "anat", "T1w", "acq-opp")
    (files,) = open_cohort(cohort).visits
    assert load_visit(files, ["sstr"], ["sstr"]).scans
    with pytest.raises(CohortError, match="acq-in_T1w.*acq-opp_T1w.*keep one") as caught:
        load_visit(files, ["mr_t1"])
    assert "\n" not in str(caught.value)


def test_a_digital_petmr_visit_loads_with_its_water_image(tmp_path):
    settings = replace(
        PRESETS["net-petmr"], tracers_apart=False, spacing_mm=(9.0, 9.0, 10.0), ends=("pubis", "diaphragm_dome")
    )
    make_cohort(tmp_path / "cohort", CohortPlan(1, 5, settings=settings), workers=1)
    opened = open_cohort(tmp_path / "cohort")
    visit = load_visit(opened.visits[0], ("sstr", "fdg", "ct", "mr_t1", "mr_t2"), ("mr_t1", "mr_t2"))
    assert {"mr_t1", "mr_t2"} <= set(visit.scans)
    assert opened.visits[0].image("mr_t1").path.name == "sub-001_ses-01_acq-dixonwater_T1w.nii.gz"
    assert sum("several images for mr_t1" in note for note in opened.notes) == 1
