"""A patient of two days: CT to PET, FDG to DOTATATE by their CTs, noise refused, all read back as one visit."""

import json

import numpy as np
import pytest

from netlesion.errors import CohortError
from netlesion.image.volume import Quantity
from netlesion.io.bids.cohort import DERIVATIVES, open_cohort
from netlesion.io.bids.files import PetRecord, SessionRow, image_path, write_dataset, write_image, write_pet
from netlesion.io.bids.transforms import read_record, transform_path
from netlesion.io.bids.visit_files import load_visit
from netlesion.register.cohort import RECORD, Settings, register_cohort
from tests.register.test_pair import error_mm, image, motion, noise

DAY = motion((0.0, 2.0, 4.0), (12.0, -8.0, 15.0))


def add(root, session, label, pet, ct):
    nuclide = ("18F", 6586.2) if label == "fdg" else ("68Ga", 4062.6)
    record = PetRecord(label, *nuclide, 150e6, 70.0, 3600.0, 3600.0, "10:00:00", "series")
    write_pet(
        image_path(root, "001", session, "pet", "pet", f"trc-{label}"),
        pet.with_array(pet.array * 1200.0, Quantity.BQML),
        record,
    )
    if ct is not None:
        write_image(image_path(root, "001", session, "ct", "ct"), ct, {"Modality": "CT"})


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    root = tmp_path_factory.mktemp("cohort")
    add(root, "01", "dotatate", image("pet"), image("ct", seed=1))
    add(root, "02", "fdg", image("pet", DAY, seed=2), image("ct", DAY, seed=3))
    add(root, "03", "fdg", noise(10, Quantity.SUVBW, 0.3, 2.0), None)
    write_dataset(root, {"001": [SessionRow("01", 1), SessionRow("02", 1), SessionRow("03", 2)]})
    stale = transform_path(root / DERIVATIVES, "001", "ses03", "ses01")
    stale.parent.mkdir(parents=True, exist_ok=True)
    stale.write_text("{}")
    register_cohort(root, Settings(followups=True))
    return root


def test_the_second_tracer_is_laid_over_the_first_and_joins_its_visit(cohort):
    visits = open_cohort(cohort).visits
    assert [v.visit_id for v in visits] == ["sub-001_ses-01", "sub-001_ses-03"]
    visit = load_visit(visits[0], ["sstr", "fdg", "ct"])
    points = np.random.default_rng(0).uniform([-120, -80, -180], [120, 80, 180], size=(50, 3))
    assert error_mm(visit.scans["fdg"].transform, DAY, points) < 5.0
    record = read_record(transform_path(cohort / DERIVATIVES, "001", "ses02", "ses01"))
    assert record["Quality"]["method"] == "rigid through ct"
    assert record["Quality"]["metric_after"] > record["Quality"]["metric_before"]


def test_noise_is_refused_said_and_leaves_no_older_transform(cohort):
    assert not transform_path(cohort / DERIVATIVES, "001", "ses03", "ses01").exists()
    pairs = {(p["moving"], p["fixed"]): p for p in json.loads((cohort / DERIVATIVES / RECORD).read_text())["pairs"]}
    assert pairs["ses03", "ses01"]["status"] == "refused"
    assert pairs["ses03", "ses01"]["reason"]
    assert pairs["ses02", "ses01"]["status"] == "stored"
    assert pairs["ses01ct", "ses01"]["status"] in ("stored", "headers")


def test_a_folder_that_is_no_cohort_is_refused(tmp_path):
    with pytest.raises(CohortError, match="no sub-"):
        register_cohort(tmp_path, Settings())
