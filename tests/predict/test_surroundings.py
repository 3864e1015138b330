"""What lesions of a visit are measured beside, from memory and from a cohort's files."""

import json

import numpy as np

from netlesion.image.transform import RigidTransform
from netlesion.image.visit import Acquisition, Scan, Tracer, Visit
from netlesion.image.volume import Quantity, Volume
from netlesion.io.bids.cohort import open_cohort
from netlesion.io.bids.label_maps import LabelMap
from netlesion.io.nifti import write_volume
from netlesion.predict.surroundings import of_files, of_visit
from netlesion.suv.body_size import PatientBody
from tests.small_images import CT_GRID, PET_GRID, write_ct, write_suv


def test_those_of_a_visit_in_memory_are_its_ct_and_what_its_pet_says_of_the_body():
    pet = Volume(np.ones(PET_GRID.shape), PET_GRID, Quantity.SUVBW)
    scans = {
        "fdg": Scan("fdg", pet, Tracer.FDG, Acquisition(weight_kg=70.0, height_cm=175.0)),
        "ct": Scan("ct", Volume(np.zeros(CT_GRID.shape), CT_GRID, Quantity.HU)),
    }
    found = of_visit(Visit("P", "V", scans))
    assert list(found.scans()) == ["ct"]
    assert found.body("fdg") == PatientBody(70.0, 175.0, None)
    assert found.organs("fdg") is None


def test_the_models_organ_map_is_moved_to_a_pet_of_another_day():
    pet = Volume(np.ones(PET_GRID.shape), PET_GRID, Quantity.SUVBW)
    labels = np.zeros(PET_GRID.shape, np.uint8)
    labels[4, 3, 2] = 1
    shift = np.eye(4)
    shift[:3, 3] = (8.0, 0.0, 3.0)
    later = Scan("fdg", pet, Tracer.FDG, transform=RigidTransform(shift))
    found = LabelMap("V", Volume(labels, PET_GRID, Quantity.LABEL), {1: "liver"}, ())
    visit = Visit("P", "V", {"fdg": later})
    place = PET_GRID.to_world(np.array([[4, 3, 2]]))
    moved = of_visit(visit).organs_of("fdg", later, found)
    assert moved.labels_near(place + shift[:3, 3], 0.0).tolist() == [[1]]
    assert moved.labels_near(place, 0.0).tolist() == [[0]]


def test_those_of_a_cohort_are_read_from_its_images_maps_and_tables(tmp_path):
    root = tmp_path / "cohort"
    folder = root / "derivatives" / "netlesion" / "sub-01" / "ses-1" / "pet"
    write_suv(folder / "sub-01_ses-1_trc-fdg_desc-suvbw_pet.nii.gz")
    facts = {"Units": "g/mL", "PatientWeight": 80.5, "SUVConvention": {"TakenAs": "SUVbw", "ComputedBy": "test"}}
    (folder / "sub-01_ses-1_trc-fdg_desc-suvbw_pet.json").write_text(json.dumps(facts))
    labels = Volume(np.full(PET_GRID.shape, 5), PET_GRID, Quantity.LABEL)
    write_volume(folder / "sub-01_ses-1_trc-fdg_desc-organs_dseg.nii.gz", labels)
    (folder / "sub-01_ses-1_trc-fdg_desc-organs_dseg.tsv").write_text("index\tname\n5\tliver\n")
    write_ct(root / "sub-01" / "ses-1" / "ct" / "sub-01_ses-1_ct.nii.gz")
    (root / "sub-01" / "sub-01_sessions.tsv").write_text(
        "session_id\tvisit\tweight\theight\nses-1\tvisit-1\t80.5\t181\n"
    )
    (root / "participants.tsv").write_text("participant_id\tsex\nsub-01\tF\n")
    found = of_files(open_cohort(root)[0])
    assert found.scans()["ct"].volume.geometry.same_grid(CT_GRID)
    assert found.organs("fdg").organ_of_label == {5: "liver"}
    assert found.body("fdg") == PatientBody(80.5, 181.0, "F")
    assert found.organs_of("fdg", None, None).organ_of_label == {5: "liver"}
