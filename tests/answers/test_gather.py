"""A cohort or results on disk become the record that answers take; what is missing stays missing."""

from __future__ import annotations

import numpy as np
import pytest

from netlesion.answers.gather import Source
from netlesion.errors import CohortError
from netlesion.image.volume import Quantity
from netlesion.io.nifti import read_volume, write_volume
from netlesion.output.atomic import write_json, write_text
from netlesion.quantify.measure import measure
from netlesion.quantify.references import ReferenceOrgan, ReferenceOrgans, write_references
from netlesion.quantify.table import write_lesions
from tests.answers.small_cohort import GRID, make


@pytest.fixture
def cohort(tmp_path):
    return make(tmp_path / "cohort")


@pytest.fixture
def results(tmp_path, cohort):
    """Results of the first session alone, as infer.py leaves them."""
    folder, case = tmp_path / "results", "sub-001_ses-01_trc-dotatate"
    (patient,) = Source.open(cohort).patients()
    pet = patient.visits[0].pets[0]
    mask = read_volume(next(cohort.rglob("*ses-01*desc-lesions_dseg.nii.gz")), Quantity.LABEL)
    name = f"{case}_desc-lesions_dseg.nii.gz"
    write_volume(folder / "sub-001_ses-01" / name, mask)
    write_json(folder / "sub-001_ses-01" / "provenance.json", {"outputs": [name]})
    write_lesions(folder / "lesions.tsv", {case: measure(pet.read_suv(), mask)})
    organ = ReferenceOrgan(5.0, 0.4, 5.2, 14.0, (0.0, 0.0, 0.0), "organ map")
    write_references(folder / "reference_organs.tsv", {case: ReferenceOrgans({"liver": organ}, {})})
    write_text(folder / "diameters.tsv", f"case\tlesion_id\tlong_axis_mm\tshort_axis_mm\n{case}\t1\t21\tn/a\n")
    return folder


def test_a_cohorts_own_masks_are_measured_and_placed(cohort):
    (patient,) = Source.open(cohort).patients()
    assert (patient.patient_id, patient.primary_site, patient.disease) == ("001", "ileum", "net")
    assert [(v.name, [p.tracer for p in v.pets]) for v in patient.visits] == [
        ("visit-1", ["sstr", "fdg"]),
        ("visit-2", ["sstr"]),
    ]
    sstr, fdg = patient.visits[0].pets
    assert [(x.lesion_id, x.region) for x in sstr.lesions] == [(1, "small_bowel"), (2, "liver")]
    first = sstr.lesions[0]
    assert (first.suvmax, first.suvmean) == (pytest.approx(8.0, rel=1e-3), pytest.approx(8.0, rel=1e-3))
    assert np.allclose(first.centroid_mm, GRID.to_world(np.array([[8, 12, 10]]))[0])
    assert first.volume_ml == pytest.approx(len(first.points_mm) * 0.08)
    assert (sstr.frame, fdg.frame, fdg.placed, fdg.residual_mm) == ("ses-01", "ses-01", True, 0.5)
    assert (sstr.acquisition.uptake_s, sstr.reconstruction, fdg.days) == (3600.0, "OSEM", 9.0)
    assert sstr.sul_per_suv == pytest.approx((9270 * 70 / (8780 + 244 * 70 / 1.75**2)) / 70)
    assert fdg.lesions[0].placed_mm is not None


def test_without_transforms_each_visit_has_a_frame_and_no_other_pet_is_placed(tmp_path):
    (patient,) = Source.open(make(tmp_path / "apart", linked=False)).patients()
    assert [(p.frame, p.placed) for p in patient.pets] == [("ses-01", True), ("ses-01", False), ("ses-03", True)]
    assert patient.visits[0].pets[1].lesions[0].placed_mm is None


def test_results_alone_know_lesions_and_nothing_of_images(results):
    (patient,) = Source.open(results).patients()
    (pet,) = patient.visits[0].pets
    assert (patient.primary_site, pet.visit, pet.read_suv, pet.read_organs) == (None, "ses-01", None, None)
    assert len(pet.lesions) == 2
    assert pet.references.liver.mean == 5.0
    assert pet.references.why_not("spleen") == "it was not measured"
    assert patient.diameters[pet.lesions[0].key].long_axis_mm == 21.0


def test_results_with_their_cohort_know_both(results, cohort):
    (patient,) = Source.open(results, cohort).patients()
    (pet,) = patient.visits[0].pets
    assert (patient.primary_site, pet.visit, pet.modality) == ("ileum", "visit-1", None)
    assert pet.read_suv().array.max() == pytest.approx(8.0, rel=1e-3)


def test_the_networks_organ_map_serves_where_the_cohort_has_none(results, cohort):
    organs = next(cohort.rglob("*ses-01*desc-organs_dseg.nii.gz"))
    (results / "sub-001_ses-01" / organs.name).write_bytes(organs.read_bytes())
    table = "index\tname\n1\tliver\n2\tcolon\n"
    (results / "sub-001_ses-01" / organs.name.replace(".nii.gz", ".tsv")).write_text(table)
    (patient,) = Source.open(results).patients()
    assert [x.region for x in patient.visits[0].pets[0].lesions] == ["colon", "liver"]
    (patient,) = Source.open(results, cohort).patients()
    assert [x.region for x in patient.visits[0].pets[0].lesions] == ["small_bowel", "liver"], "the cohort's comes first"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("participants.tsv", "participant_id\tprimary_site\nsub-001\tliver\n", "primary_site is 'liver', expected"),
        ("participants.tsv", "participant_id\tsex\nsub-001\tfemale\n", "sex is 'female'"),
        ("sub-001/sub-001_sessions.tsv", "session_id\ttherapy\nses-01\tmiracle\n", "therapy is 'miracle'"),
        ("sub-001/sub-001_sessions.tsv", "session_id\tcycles_completed\nses-01\t-1\n", "cycles_completed is -1"),
        ("sub-001/sub-001_sessions.tsv", "session_id\tsurgery_date\nses-01\tlast May\n", "surgery_date is 'last May'"),
    ],
)  # fmt: skip
def test_a_value_outside_the_vocabulary_is_refused_with_its_line(cohort, name, text, said):
    (cohort / name).write_text(text)
    with pytest.raises(CohortError, match=f"line 2: {said}"):
        list(Source.open(cohort).patients())


def test_impossible_diameters_are_refused(results):
    head = "case\tlesion_id\tlong_axis_mm\tshort_axis_mm\n"
    for row in ("a\t1\t10\t12", "a\t1\t0\tn/a", "a\tn/a\t10\t5"):
        (results / "diameters.tsv").write_text(head + row + "\n")
        with pytest.raises(CohortError, match="expected a lesion_id and 0 < short <= long"):
            Source.open(results)


def test_a_resection_bed_is_points_or_a_mask(cohort):
    path = cohort / "derivatives/netlesion/sub-001/sub-001_desc-bed_points.tsv"
    path.write_text("x_mm\ty_mm\tz_mm\n1\t2\t3\n")
    (patient,) = Source.open(cohort).patients()
    assert patient.bed_mm.tolist() == [[1.0, 2.0, 3.0]]
    mask = next(cohort.rglob("*ses-01*desc-lesions_dseg.nii.gz"))
    write_volume(mask.with_name(mask.name.replace("lesions_dseg", "bed_mask")), read_volume(mask, Quantity.LABEL))
    (patient,) = Source.open(cohort).patients()
    assert len(patient.bed_mm) == sum(len(x.points_mm) for x in patient.visits[0].pets[0].lesions)


def test_a_mask_that_the_table_does_not_know_is_refused(results):
    text = (results / "lesions.tsv").read_text().splitlines()
    (results / "lesions.tsv").write_text("\n".join(text[:-1]) + "\n")
    with pytest.raises(CohortError, match="lesion 2 of the mask is not in lesions.tsv"):
        list(Source.open(results).patients())
