"""Bad folders: what is refused in one line, what follows a stated rule, and what is never passed over in silence."""

import json

import numpy as np
import pytest

from netlesion.errors import CohortError, ConfigError, GeometryError, QuantityError
from netlesion.evaluate.cohort.score import EvaluationSettings, Part
from netlesion.evaluate.cohort.summary_text import summary_lines
from netlesion.io.nifti import write_volume
from netlesion.report.evaluation_folder import evaluate_folders
from tests.evaluate.mask_folders import AFFINE, OFF, ONE, SHAPE, TWO, mask


def test_a_partial_cohort_says_so_beside_every_number(folders, tmp_path):
    (folders[1] / "b.nii.gz").unlink()
    summary = evaluate_folders(*folders, tmp_path / "out")
    assert (summary["complete"], summary["cases_without_prediction"]) == (False, ["b"])
    remark = "partial cohort: 1 of 3 reference cases have no prediction and are not scored"
    for estimate in (
        summary["mean"]["dice"],
        summary["pooled_lesion_sensitivity"],
        summary["strata"][0]["sensitivity"],
    ):
        assert estimate["note"].startswith(remark)
    assert any(remark in line for line in summary_lines(summary))
    assert all(", n " in line for line in summary_lines(summary)[1:] if not line.startswith("note"))
    assert "Partial cohort: 1 of 3" in (tmp_path / "out" / "evaluation.html").read_text()


def test_grids_that_differ_are_one_line_that_names_the_case(folders, tmp_path):
    write_volume(folders[1] / "b.nii.gz", mask(ONE, affine=np.diag([2.0, 3.0, 4.5, 1.0])))
    with pytest.raises(GeometryError, match="^case b: the reference and the prediction are on different grids"):
        evaluate_folders(*folders, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_extra_case_is_refused_and_a_folder_with_none_in_common(folders, tmp_path):
    write_volume(folders[1] / "z.nii.gz", mask(ONE))
    with pytest.raises(CohortError, match=r"case z has no reference in .* \(1 such cases\)"):
        evaluate_folders(*folders, tmp_path / "out")


def test_a_mask_of_fractions_or_of_255_is_refused_and_whole_floats_are_taken(folders, tmp_path):
    import nibabel

    whole = mask(ONE, OFF).array.astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(whole, AFFINE), folders[1] / "b.nii.gz")
    assert evaluate_folders(*folders, tmp_path / "out")["num_cases"] == 3
    nibabel.save(nibabel.Nifti1Image(whole * 0.5, AFFINE), folders[1] / "b.nii.gz")
    with pytest.raises(QuantityError, match=r"case b: .*b.nii.gz: a label map holds 0.5; expected whole numbers"):
        evaluate_folders(*folders, tmp_path / "out")
    write_volume(folders[1] / "b.nii.gz", mask(ONE, values=255))
    with pytest.raises(CohortError, match="case b: .* holds only 0 and 255, an 8-bit picture of a mask"):
        evaluate_folders(*folders, tmp_path / "out")


def test_labels_in_many_places_are_remarked_upon(folders, tmp_path):
    array = np.zeros(SHAPE, np.uint8)
    array[0, 0, 0] = 1
    array[2:16:4, 2:12:4, 2:10:4] = 2
    write_volume(folders[0] / "b.nii.gz", mask().with_array(array))
    summary = evaluate_folders(*folders, tmp_path / "out")
    assert summary["remarks"] == [
        "b: the reference holds 2 labels in 25 separate places; each label is one lesion here, if they are tissue "
        "classes give a lesion mask instead"
    ]


def test_an_input_is_never_the_output(folders):
    for folder in folders:
        with pytest.raises(ConfigError, match="is the output and an input"):
            evaluate_folders(*folders, folder)


def test_a_probability_that_is_no_number_is_refused_with_its_file(results, tmp_path):
    import nibabel

    path = next(results[1].glob("sub-0*/*probseg.nii.gz"))
    nibabel.save(nibabel.Nifti1Image(np.full(SHAPE, np.nan, np.float32), AFFINE), path)
    with pytest.raises(QuantityError, match="desc-lesions_probseg.nii.gz: 2431 voxels are not finite"):
        evaluate_folders(*results, tmp_path / "out")


def test_a_folder_against_itself_is_refused(folders, tmp_path):
    with pytest.raises(CohortError, match="given as reference and as prediction"):
        evaluate_folders(folders[0], folders[0], tmp_path / "out")


def test_the_old_masks_of_a_visit_that_failed_are_not_scored(results, tmp_path):
    summary = evaluate_folders(*results, tmp_path / "out")
    assert summary["num_cases"] == 2
    assert summary["cases_without_prediction"] == ["sub-1_ses-1_trc-fdg"]
    assert summary["unfinished_visits"] == ["sub-1_ses-1"]
    assert any("unfinished visits, not scored: sub-1_ses-1" in line for line in summary_lines(summary))
    reporting = json.loads((tmp_path / "out" / "reporting.json").read_text())
    assert reporting["exclusions"] == [
        {"case": "sub-1_ses-1_trc-fdg", "reason": "no prediction"},
        {"visit": "sub-1_ses-1", "reason": "unfinished inference"},
    ]
    assert reporting["weights_sha256"] == ["f00d"]
    assert reporting["tracers"] == {"fdg": 2}


def test_results_given_as_the_reference_look_swapped(results, tmp_path):
    with pytest.raises(CohortError, match="they look swapped, give the model's results as --prediction"):
        evaluate_folders(results[1], results[0], tmp_path / "out")


def test_no_finished_visit_at_all_is_refused(results, tmp_path):
    for record in results[1].glob("sub-*/provenance.json"):
        record.unlink()
    with pytest.raises(CohortError, match="no visit is finished"):
        evaluate_folders(*results, tmp_path / "out")


def test_the_same_case_twice_is_refused(folders, tmp_path):
    write_volume(folders[1] / "b.nii", mask(ONE))
    with pytest.raises(CohortError, match=r"case b is there twice, as .nii and as .nii.gz"):
        evaluate_folders(*folders, tmp_path / "out")


def test_a_label_below_zero_is_refused_and_large_ones_are_lesions(folders, tmp_path):
    array = mask(ONE, TWO).array.astype(np.int16)
    array[TWO] = 999
    write_volume(folders[0] / "b.nii.gz", mask().with_array(array))
    summary = evaluate_folders(*folders, tmp_path / "out")
    assert summary["counts"]["num_lesions_reference"] == 3
    array[TWO] = -1
    with pytest.raises(QuantityError, match=r"negative|-1"):
        write_volume(folders[0] / "b.nii.gz", mask().with_array(array))


def test_a_part_of_a_split_is_evaluated_and_the_rest_is_not_missing(folders, tmp_path):
    """Three cases, of which b was not predicted and is not of the test part; c is left out on both sides."""
    split = tmp_path / "split.json"
    split.write_text('{"train": ["b"], "val": ["c"], "test": ["a"]}')
    (folders[1] / "b.nii.gz").unlink()
    settings = EvaluationSettings(part=Part.parse(f"{split}:test"))
    summary = evaluate_folders(*folders, tmp_path / "out", settings=settings)
    assert (summary["num_cases"], summary["part"], summary["cases_without_prediction"]) == (1, "test", [])
    assert "partial" not in summary["mean"]["dice"]["note"]
    assert "1 cases of 1 patients of the part test" in (tmp_path / "out" / "evaluation.html").read_text()
    with pytest.raises(CohortError, match="predicts no case of .* in its part train"):
        evaluate_folders(*folders, tmp_path / "x", settings=EvaluationSettings(part=Part.parse(f"{split}:train")))


def test_a_part_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "split.json").write_text('{"train": ["b"], "val": [], "test": ["a"]}')
    for text, why in (
        ("split.json", "expected FILE:PART"),
        (f"{tmp_path}/split.json:tset", "split is 'tset', expected train, val, test or all"),
        (f"{tmp_path}/split.json:val", "its part val holds no patient"),
    ):
        with pytest.raises(ConfigError, match=why):
            Part.parse(text)
    with pytest.raises(CohortError, match="no such split file"):
        Part.parse(f"{tmp_path}/none.json:test")


def test_categories_of_a_part_are_those_of_its_patients(tmp_path):
    for name in ("r", "p"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "categories.tsv").write_text("case\tstage\na\tI\nb\tII\nc\tII\n")
    settings = EvaluationSettings(tasks=("categories",), part=Part("test", ("a", "c")))
    summary = evaluate_folders(tmp_path / "r", tmp_path / "p", tmp_path / "out", settings=settings)
    assert (summary["num_cases"], summary["categories"]["stage"]["num_pairs"]) == (2, 2)
