"""Sessions of one visit are read as one where a transform is stored, and apart, with a word, where none is."""

import csv
import json

import numpy as np
import pytest

from netlesion.data.labels import IGNORE, LabelScheme
from netlesion.data.prepared import prepare_visit
from netlesion.image.geometry import Geometry
from netlesion.image.transform import RigidTransform
from netlesion.image.volume import Quantity, Volume
from netlesion.io.bids.cohort import DERIVATIVES, open_cohort
from netlesion.io.bids.files import (
    PetRecord,
    SessionRow,
    derivative_path,
    image_path,
    write_dataset,
    write_image,
    write_pet,
)
from netlesion.io.bids.masks import find_masks
from netlesion.io.bids.transforms import TransformFacts, frame_name, transform_path, write_transform
from netlesion.io.bids.visit_files import load_visit
from netlesion.io.nifti import write_volume
from netlesion.models.card import ModelCard

FACTS = TransformFacts("rigid", 0.1, 0.5, 0.7, 0.98)
SHAPE = (9, 7, 5)
SHIFT = (50.0, -8.0, 4.0)


def grid(origin=(0.0, 0.0, 0.0)):
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    affine[:3, 3] = origin
    return Geometry(affine, SHAPE)


def shift(by):
    matrix = np.eye(4)
    matrix[:3, 3] = by
    return RigidTransform(matrix)


def add_pet(root, session, label, origin=(0.0, 0.0, 0.0), frame=None):
    nuclide = ("18F", 6586.2) if label == "fdg" else ("68Ga", 4062.6)
    record = PetRecord(
        label, *nuclide, 150e6, 70.0, 3600.0, 3600.0, "10:00:00", "series", frame_of_reference_hash=frame
    )
    path = image_path(root, "001", session, "pet", "pet", f"trc-{label}")
    array = np.full(SHAPE, 1000.0)
    array[4, 3, 2] = 9000.0
    write_pet(path, Volume(array, grid(origin), Quantity.BQML), record)
    mask = Volume((array > 5000).astype(np.uint8), grid(origin), Quantity.LABEL)
    write_volume(derivative_path(root, path, "lesions", "dseg"), mask)


def add_ct(root, session, origin=(0.0, 0.0, 0.0), facts=None):
    ct = Volume(np.full(SHAPE, -40.0), grid(origin), Quantity.HU)
    write_image(image_path(root, "001", session, "ct", "ct"), ct, facts or {"Modality": "CT"})


def store(root, moving, fixed, by=SHIFT):
    write_transform(transform_path(root / DERIVATIVES, "001", moving, fixed), moving, fixed, shift(by), FACTS)


@pytest.fixture
def two_days(tmp_path):
    add_pet(tmp_path, "01", "dotatate")
    add_pet(tmp_path, "02", "fdg", SHIFT)
    add_ct(tmp_path, "02", SHIFT)
    add_pet(tmp_path, "03", "fdg")
    write_dataset(tmp_path, {"001": [SessionRow("01", 1), SessionRow("02", 1), SessionRow("03", 2)]})
    return tmp_path


CASES = ["sub-001_ses-01_trc-dotatate", "sub-001_ses-02_trc-fdg", "sub-001_ses-03_trc-fdg"]


def test_without_a_transform_each_session_is_a_visit_and_the_command_is_named(two_days):
    cohort = open_cohort(two_days)
    assert [v.visit_id for v in cohort.visits] == ["sub-001_ses-01", "sub-001_ses-02", "sub-001_ses-03"]
    (note,) = cohort.notes
    assert "sub-001_ses-02" in note
    assert f"netlesion register {two_days}" in note
    assert sorted(find_masks(two_days)) == CASES


def test_with_a_transform_the_second_tracer_joins_and_keeps_its_name(two_days):
    store(two_days, "ses02", "ses01")
    cohort = open_cohort(two_days)
    assert [v.visit_id for v in cohort.visits] == ["sub-001_ses-01", "sub-001_ses-03"]
    assert cohort.notes == ()
    joined = cohort.visits[0]
    assert [joined.case_id(c) for c in ("sstr", "fdg")] == CASES[:2]
    assert sorted(find_masks(two_days)) == CASES
    visit = load_visit(joined, ["sstr", "fdg", "ct"], mask_desc="lesions")
    assert visit.scans["sstr"].transform is None
    for channel in ("fdg", "ct"):
        assert np.allclose(visit.scans[channel].transform.matrix, shift(SHIFT).matrix)
    assert sorted(visit.masks) == ["fdg", "sstr"]


def test_a_ct_goes_through_its_own_pet(two_days):
    store(two_days, "ses02", "ses01")
    store(two_days, "ses02ct", "ses02", (1.0, 2.0, 3.0))
    visit = load_visit(open_cohort(two_days).visits[0], ["fdg", "ct"])
    assert np.allclose(visit.scans["ct"].transform.matrix[:3, 3], np.add(SHIFT, (1.0, 2.0, 3.0)))
    assert np.allclose(visit.scans["fdg"].transform.matrix[:3, 3], SHIFT)


def test_the_reference_sessions_ct_wins_and_may_have_a_transform_of_its_own(two_days):
    store(two_days, "ses02", "ses01")
    add_ct(two_days, "01")
    assert load_visit(open_cohort(two_days).visits[0], ["ct"]).scans["ct"].transform is None
    store(two_days, "ses01ct", "ses01", (0.0, 0.0, 2.0))
    assert load_visit(open_cohort(two_days).visits[0], ["ct"]).scans["ct"].transform.matrix[2, 3] == 2.0


def test_two_scans_of_one_tracer_in_a_visit_stay_apart(two_days):
    write_dataset(two_days, {"001": [SessionRow("01", 1), SessionRow("02", 1), SessionRow("03", 1)]})
    store(two_days, "ses02", "ses01")
    store(two_days, "ses03", "ses01")
    cohort = open_cohort(two_days)
    assert [v.visit_id for v in cohort.visits] == ["sub-001_ses-01", "sub-001_ses-03"]
    assert cohort.notes == ()


def test_no_visit_column_no_visit_of_several(two_days):
    store(two_days, "ses02", "ses01")
    table = two_days / "sub-001" / "sub-001_sessions.tsv"
    rows = list(csv.reader(table.read_text().splitlines(), delimiter="\t"))
    table.write_text("\n".join("\t".join([r[0], "n/a" if n else r[1], *r[2:]]) for n, r in enumerate(rows)) + "\n")
    assert len(open_cohort(two_days).visits) == 3
    table.unlink()
    assert len(open_cohort(two_days).visits) == 3


def test_a_session_of_mr_alone_joins_by_its_own_transform(two_days):
    mr = Volume(np.full(SHAPE, 300.0), grid(SHIFT), Quantity.MR)
    write_image(image_path(two_days, "001", "00", "anat", "T1w"), mr, {"Modality": "MR"})
    rows = [SessionRow("00", 1), SessionRow("01", 1), SessionRow("02", 1), SessionRow("03", 2)]
    write_dataset(two_days, {"001": rows})
    assert "sub-001_ses-00" in [v.visit_id for v in open_cohort(two_days).visits]
    store(two_days, frame_name("ses-00", "mr_t1"), "ses01")
    visits = open_cohort(two_days).visits
    assert [v.visit_id for v in visits] == ["sub-001_ses-01", "sub-001_ses-02", "sub-001_ses-03"]
    assert np.allclose(load_visit(visits[0], ["mr_t1"]).scans["mr_t1"].transform.matrix[:3, 3], SHIFT)


def test_a_ct_of_another_frame_comes_back_with_a_transform(tmp_path):
    add_pet(tmp_path, "01", "dotatate", frame="a")
    add_ct(tmp_path, "01", SHIFT, {"Modality": "CT", "FrameOfReferenceHash": "b"})
    write_dataset(tmp_path, {"001": [SessionRow("01", 1)]})
    assert "ct" not in open_cohort(tmp_path).visits[0].images
    store(tmp_path, "ses01ct", "ses01")
    assert "ct" in open_cohort(tmp_path).visits[0].images


CARD = ModelCard(
    ("sstr", "fdg", "ct"),
    ("sstr",),
    dict.fromkeys(("sstr", "fdg"), ("background", "lesion")),
    (4.0, 4.0, 4.0),
    (4, 4, 4),
    {},
)
LABELS = LabelScheme("lesions", {t: {0: ("background",), 1: ("lesion",)} for t in ("sstr", "fdg")})


def test_training_sees_both_tracers_on_one_grid_and_no_label_where_the_second_was_not_imaged(two_days):
    store(two_days, "ses02", "ses01", np.add(SHIFT, (8.0, 0.0, 0.0)))  # two voxels over: two columns leave its view
    made = prepare_visit(open_cohort(two_days).visits[0], CARD, LABELS)
    assert made.image.shape == (3, *SHAPE)
    assert np.argwhere(made.label[0] == 1).tolist() == [[4, 3, 2]]
    assert np.argwhere(made.label[1] == 1).tolist() == [[2, 3, 2]]
    assert (made.label[1, -2:] == IGNORE).all()
    assert (made.label[1, :-2] != IGNORE).all()
    assert np.isfinite(made.image).all()


def test_a_broken_transform_is_an_error_not_an_identity(two_days):
    store(two_days, "ses02", "ses01")
    path = transform_path(two_days / DERIVATIVES, "001", "ses02", "ses01")
    path.write_text(json.dumps({"Type": "rigid"}))
    with pytest.raises(ValueError, match="Matrix"):
        load_visit(open_cohort(two_days).visits[0], ["fdg"])


def test_nor_where_both_lie_in_one_frame_and_the_second_saw_less(tmp_path):
    add_pet(tmp_path, "01", "dotatate")
    add_pet(tmp_path, "01", "fdg", (8.0, 0.0, 0.0))
    write_dataset(tmp_path, {"001": [SessionRow("01", 1)]})
    made = prepare_visit(open_cohort(tmp_path).visits[0], CARD, LABELS)
    assert (made.label[0] != IGNORE).all()
    assert (made.label[1, :2] == IGNORE).all(), "two columns before its field of view"
    assert (made.label[1, 2:] != IGNORE).all()
    assert np.argwhere(made.label[1] == 1).tolist() == [[6, 3, 2]]
