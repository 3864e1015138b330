"""One planted fault, one finding of its check; a clean visit has none."""

import json

import numpy as np
import pytest

from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.io.bids.cohort import open_cohort
from netlesion.io.nifti import write_volume
from netlesion.validate.finding import Level
from netlesion.validate.visit import Expectations, examine
from tests.validate.conftest import cut, mirrored, moved, scaled, with_slice, without_slices


def findings(root, **expect):
    (report,) = [examine(v, Expectations(**expect)) for v in open_cohort(root).visits]
    return report.findings


def of(found, check, image):
    """The findings of a check on an image; anything else found is a failure unless it follows from the fault."""
    return [f for f in found if (f.check, f.image) == (check, image)]


def test_a_clean_visit_has_no_finding_and_every_check_was_made(build):
    (files,) = open_cohort(build(channels=("sstr", "fdg", "ct"))).visits
    report = examine(files, Expectations())
    assert report.findings == ()
    made = {check for check, _ in report.made}
    assert made == {
        "readable", "suv", "activity", "liver", "slices", "alignment", "ct-coverage", "side", "mask-grid",
        "mask-gaps", "lesions-in-body", "lesion-uptake",
    }  # fmt: skip
    assert {check for check, _ in report.not_made} == {"field-of-view"}
    assert set(report.fingerprints) == {"sstr", "fdg"}


@pytest.mark.parametrize("factor", [0.2, 6.0, 1000.0])
def test_a_wrong_scale_is_found(build, factor):
    found = findings(build(images={"fdg": scaled(factor)}))
    assert of(found, "suv", "fdg") or of(found, "readable", "fdg")
    assert {f.image for f in found} == {"fdg"}
    if factor > 5:
        assert Level.ERROR in {f.level for f in found if f.check in ("suv", "activity", "readable")}


def test_a_wrong_weight_is_found_by_the_body_and_a_wrong_dose_by_the_activity(build, patients):
    facts = patients[0].visit.scans["fdg"].acquisition
    found = findings(build(record={"weight_kg": 3 * facts.weight_kg}))
    assert of(found, "suv", "fdg")
    assert not of(found, "activity", "fdg")
    found = findings(build(record={"dose_bq": facts.dose_bq / 4}))
    (finding,) = of(found, "activity", "fdg")
    assert finding.level is Level.ERROR
    assert "of the injected activity" in finding.value


def test_a_liver_out_of_range_is_found_with_and_without_an_organ_map(build, patients):
    root = build(images={"fdg": scaled(3.5)})
    (finding,) = of(findings(root), "liver", "fdg")
    assert "no organ map" in finding.value
    suv = patients[0].visit.scans["fdg"].volume
    organs = np.zeros(suv.geometry.shape, np.uint8)
    world = suv.geometry.to_world(np.argwhere(np.ones(organs.shape)))
    organs[np.linalg.norm(world - (70, 10, 60), axis=1).reshape(organs.shape) < 45] = 5
    (lesions,) = root.rglob("*trc-fdg_desc-lesions_dseg.nii.gz")
    path = lesions.with_name(lesions.name.replace("lesions", "organs"))
    write_volume(path, Volume(organs, suv.geometry, Quantity.LABEL))
    path.with_name(path.name.replace(".nii.gz", ".tsv")).write_text("index\tname\n5\tliver\n")
    (finding,) = of(findings(root), "liver", "fdg")
    assert "organ map" in finding.value
    assert "no organ map" not in finding.value


@pytest.mark.parametrize("shift", [{"x_mm": 18}, {"z_mm": 24}, {"y_mm": -20}])
def test_a_shifted_ct_is_found_with_its_shift(build, shift):
    found = findings(build(images={"ct": moved(**shift)}))
    (finding,) = of(found, "alignment", "fdg")
    assert finding.level is Level.WARNING
    assert not of(found, "side", "ct")


def test_a_ct_far_away_is_an_error(build):
    (finding,) = of(findings(build(images={"ct": moved(y_mm=42)})), "alignment", "fdg")
    assert finding.level is Level.ERROR


def test_a_ct_elsewhere_shares_no_body(build):
    (finding,) = of(findings(build(images={"ct": moved(x_mm=4000)})), "alignment", "fdg")
    assert "share no body" in finding.value


@pytest.mark.parametrize("image", ["sstr", "fdg", "ct"])
def test_a_mirrored_image_is_suspected_and_the_others_are_quoted(build, image):
    channels = ("fdg", "ct") if image == "ct" else (image, "ct")
    found = findings(build(images={image: mirrored}, channels=channels))
    (finding,) = [f for f in found if f.check == "side"]
    assert finding.image == image
    assert "confidence" in finding.value
    assert "right (" in finding.value


def test_empty_and_repeated_slices_are_found(build):
    found = findings(build(images={"fdg": with_slice(70, 0.0), "ct": with_slice(71, 70)}))
    for image, words in (
        ("fdg", "constant, the first is slice 70"),
        ("ct", "equal to the one before, the first is slice 71"),
    ):
        finding = of(found, "slices", image)[0]
        assert finding.level is Level.ERROR
        assert words in finding.value


def test_a_lost_slab_is_suspected_where_it_was(build):
    (finding,) = of(findings(build(images={"ct": without_slices(40, 8)})), "slices", "ct")
    assert finding.level is Level.WARNING
    assert "slices 39 and 40 differ" in finding.value


def test_a_ct_that_ends_early_and_is_too_narrow_is_found(build):
    found = of(findings(build(images={"ct": lambda ct: cut(0, 18, -18)(cut(2, 0, -12)(ct))})), "ct-coverage", "fdg")
    assert any("beyond the head end" in f.value for f in found)
    assert any("beside the CT's field of view" in f.value for f in found)


def test_a_ct_whose_padding_is_named_is_too_narrow_where_it_was_padded(build):
    def padded(ct):
        array = ct.array.copy()
        array[:18], array[-18:] = -1024.0, -1024.0
        return ct.with_array(array)

    root = build(images={"ct": padded})
    sidecar = next(root.rglob("*_ct.json"))
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | {"PaddingHU": -1024.0}))
    found = of(findings(root), "ct-coverage", "fdg")
    share = float(found[0].value.partition("%")[0])
    assert "beside the CT's field of view" in found[0].value
    assert share > 1.0


def test_a_field_of_view_is_an_error_only_where_more_was_expected(build):
    root = build()
    assert findings(root, field_of_view="thigh") == ()
    found = findings(root, field_of_view="vertex-toe")
    assert {(f.check, f.level) for f in found} == {("field-of-view", Level.ERROR)}
    assert "cut at the head and the foot" in found[0].value


def test_a_mask_in_air_and_one_in_cold_tissue_are_found(build):
    def in_the_corner(mask):
        array = np.zeros(mask.array.shape, np.uint16)
        array[0:2, 0:2, 40:43] = 1
        return mask.with_array(array)

    (finding,) = of(findings(build(masks={"fdg": in_the_corner})), "lesions-in-body", "fdg")
    assert finding.level is Level.ERROR
    assert "1 of 1 lesions outside the body" in finding.value

    def in_the_lung(mask):
        array = np.zeros(mask.array.shape, np.uint16)
        at = np.rint(mask.geometry.to_index(np.array([[75.0, 0.0, 200.0]]))).astype(int)[0]
        array[tuple(slice(n, n + 2) for n in at)] = 1
        return mask.with_array(array)

    (finding,) = of(findings(build(masks={"fdg": in_the_lung})), "lesion-uptake", "fdg")
    assert "colder than the body's mean" in finding.value


def test_masks_of_another_grid_or_of_numbers_are_found(build):
    root = build(masks={"fdg": moved(z_mm=3)})
    (finding,) = of(findings(root), "mask-grid", "fdg")
    assert "different grids" in finding.value
    (path,) = root.rglob("*trc-fdg_desc-lesions_dseg.nii.gz")
    grid = Geometry(np.eye(4), (3, 5, 7))
    write_volume(path, Volume(np.full(grid.shape, 0.5), grid, Quantity.MR))
    (finding,) = of(findings(root), "mask-grid", "fdg")
    assert "expected whole numbers" in finding.value


def test_an_image_without_its_sidecar_is_an_error_and_the_rest_is_looked_at(build):
    root = build(images={"sstr": mirrored}, channels=("sstr", "fdg", "ct"))
    next(root.rglob("*trc-fdg_pet.json")).unlink()
    found = findings(root)
    (finding,) = of(found, "readable", "fdg")
    assert "side-car" in finding.value
    assert of(found, "side", "sstr")


def test_a_weight_that_contradicts_the_sidecar_is_an_error_of_reading(build):
    root = build()
    path = next(root.rglob("*trc-fdg_pet.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"PatientWeight": 0}))
    assert of(findings(root), "readable", "fdg")
