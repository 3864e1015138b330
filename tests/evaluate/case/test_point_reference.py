"""A reference of points: what hits, what is refused, and the same answers as a mask where both can be asked."""

import csv
import math

import numpy as np
import pytest

from netlesion.errors import CohortError, GeometryError, QuantityError
from netlesion.evaluate.case.marks import Marks, read_marks
from netlesion.evaluate.case.outcome import Criterion, MatchSettings
from netlesion.evaluate.case.point_reference import (
    evaluate_marks_against_points,
    evaluate_masks_against_points,
    read_reference_points,
)
from netlesion.evaluate.case.score import evaluate_case, evaluate_points
from netlesion.evaluate.cohort.score import EvaluationSettings
from netlesion.image.volume import Quantity
from netlesion.io.nifti import write_volume
from netlesion.report.evaluation_folder import evaluate_folders

SHAPE = (23, 19, 13)
HOT, WARM, COLD = np.s_[2:5, 2:5, 2:5], np.s_[12:15, 2:5, 2:5], np.s_[2:5, 12:15, 8:11]


@pytest.fixture
def case(label):
    """Three predictions of 27 voxels (0.9, 0.6, 0.3), and where their centres lie in mm."""
    mask = label(SHAPE, HOT, WARM, COLD)
    values = np.zeros(SHAPE, np.float32)
    for place, value in ((HOT, 0.9), (WARM, 0.6), (COLD, 0.3)):
        values[place] = value
    centres = mask.geometry.to_world(np.array([[3, 3, 3], [13, 3, 3], [3, 13, 9]]))
    return mask, mask.with_array(values, Quantity.PROBABILITY), centres


def by_score(result):
    return {round(s, 3): hit for s, hit in zip(result.candidates.scores, result.candidates.hits, strict=True)}


def test_the_culprit_on_second_place(case):
    mask, probability, centres = case
    result = evaluate_masks_against_points("a", "a", centres[1:2], mask, probability)
    assert by_score(result) == {0.9: False, 0.6: True, 0.3: False}
    assert result.candidates.first_hit_rank == 2
    assert result.candidates.has_culprit
    assert (result.num_true_positives, result.num_false_positives, result.num_false_negatives) == (1, 2, 0)
    assert result.max_score == pytest.approx(0.9)
    assert math.isnan(result.dice)
    assert math.isnan(result.volume_reference_ml)
    assert math.isnan(result.panoptic_quality)
    found = result.lesions[0]
    assert (found.source, found.outcome, found.num_voxels, found.size_bin) == ("reference", "true_positive", 0, "")
    assert found.volume_partner_ml == pytest.approx(27 * 0.024)
    assert (found.centroid_x_mm, found.centroid_z_mm) == pytest.approx((centres[1][0], centres[1][2]))
    assert [row.outcome for row in result.lesions[1:]] == ["false_positive"] * 2


def test_near_is_10_mm_from_the_centroid_and_inside_is_always_found(label, case):
    mask, probability, centres = case
    for mm, hit in ((9.99, True), (10.01, False)):
        point = centres[:1] + np.array([[0, 0, -mm]])
        far = MatchSettings(max_distance_mm=mm + 1)
        result = evaluate_masks_against_points("a", "a", point, mask, probability, settings=far)
        assert by_score(result)[0.9] is hit
        assert result.num_true_positives == 1
        near = MatchSettings(max_distance_mm=mm - 1)
        assert evaluate_masks_against_points("a", "a", point, mask, probability, settings=near).num_true_positives == 0
    long = label(SHAPE, np.s_[1:22, 3:5, 3:5])
    end = long.geometry.to_world(np.array([[1, 3, 3]]))
    result = evaluate_masks_against_points("a", "a", end, long, long.with_array(long.array * 0.5, Quantity.PROBABILITY))
    assert result.candidates.hits == (True,)
    assert result.num_true_positives == 1


def test_a_lone_voxel_as_mask_and_as_point_are_one(case, label):
    """The criterion `distance` on a mask of one voxel, and a point in its middle."""
    mask, probability, _ = case
    rng = np.random.default_rng(0)
    settings = MatchSettings(criterion=Criterion.DISTANCE, min_reference_voxels=1)
    for _ in range(20):
        index = rng.integers(0, SHAPE, (2, 3))
        point = mask.geometry.to_world(index)
        voxels = label(SHAPE, {1: tuple(index[0])}, {2: tuple(index[1])})
        one = evaluate_masks_against_points("a", "a", point, mask, probability, settings=settings)
        other = evaluate_case("a", "a", voxels, mask, probability, settings=settings)
        inside = mask.array[tuple(index.T)].any()
        if not inside:  # a mask is not found by what covers it from afar, a point is
            assert one.num_true_positives == other.num_true_positives
            assert one.num_false_positives == other.num_false_positives
            assert one.detections == other.detections
        assert one.candidates == other.candidates


def test_marks_against_points_are_as_marks_against_a_voxel(label):
    rng = np.random.default_rng(1)
    settings = MatchSettings(min_reference_voxels=1)
    for n in range(20):
        index = rng.integers(0, SHAPE, (1, 3))
        voxel = label(SHAPE, {1: tuple(index[0])})
        point = voxel.geometry.to_world(index)
        marks = point + rng.normal(0, 6, (n % 4, 3))
        at = voxel.geometry.to_index(marks)
        marks = marks[((at > -0.5) & (at < np.array(SHAPE) - 0.5)).all(axis=1)]
        ratings = rng.random(len(marks))
        one = evaluate_marks_against_points(
            "a", "a", point, Marks(tuple(map(tuple, marks)), tuple(ratings)), settings=settings
        )
        other = evaluate_points("a", "a", voxel, marks, ratings, settings)
        names = ("num_true_positives", "num_false_positives", "num_false_negatives", "detections", "candidates")
        inside = (np.abs(voxel.geometry.to_index(marks) - index) <= 0.5).all(axis=1)
        assert not (inside & (np.linalg.norm(marks - point, axis=1) > 10)).any()
        assert [getattr(one, name) for name in names] == [getattr(other, name) for name in names]
        assert [r.outcome for r in one.lesions] == [r.outcome for r in other.lesions]
        assert not any(r.num_voxels for r in one.lesions)


def test_without_a_culprit_or_a_prediction(case, label):
    mask, probability, centres = case
    clean = evaluate_masks_against_points("a", "a", np.zeros((0, 3)), mask, probability)
    assert not clean.candidates.has_culprit
    assert (clean.num_false_positives, clean.num_lesions_reference) == (3, 0)
    missed = evaluate_masks_against_points("a", "a", centres[:1], label(SHAPE))
    assert (missed.num_false_negatives, missed.candidates) == (1, None)
    unread = evaluate_marks_against_points("a", "a", centres[:1], Marks((), ()))
    assert (unread.num_false_negatives, unread.candidates.hits) == (1, ())


def test_a_point_outside_the_image_is_refused(case):
    mask, _, centres = case
    with pytest.raises(GeometryError, match=r"case a: the reference point .* lies outside the predicted image"):
        evaluate_masks_against_points("a", "a", centres[:1] + np.array([[500.0, 0, 0]]), mask)
    with pytest.raises(QuantityError, match="case a: "):
        evaluate_masks_against_points("a", "a", centres[:1], mask.with_array(mask.array * 1.0, Quantity.PROBABILITY))


def write_case(root, name, mask, probability):
    write_volume(root / f"{name}_desc-lesions_dseg.nii.gz", mask)
    write_volume(root / f"{name}_desc-lesions_probseg.nii.gz", probability)


def test_a_folder_and_a_reader_against_a_table_of_points(case, tmp_path):
    mask, probability, centres = case
    for name in ("sub-1", "sub-2", "sub-3"):
        write_case(tmp_path / "model", name, mask, probability)
    rows = [f"sub-{n + 1},{x:.3f},{y:.3f},{z:.3f}" for n, (x, y, z) in enumerate(centres[:2])]
    table = tmp_path / "culprits.csv"
    table.write_text("case,x_mm,y_mm,z_mm\n" + "\n".join(rows) + "\nsub-3,,,\n")
    settings = EvaluationSettings(workers=1)
    summary = evaluate_folders(table, tmp_path / "model", tmp_path / "out", settings=settings)
    found = summary["localisation"]
    assert (found["num_cases_with_culprit"], found["num_cases_without_culprit"]) == (2, 1)
    assert (found["hit_at_1"]["value"], found["hit_at_3"]["value"]) == (0.5, 1.0)
    assert found["mean_reciprocal_rank"]["value"] == pytest.approx((1 + 1 / 2) / 2)
    # tops of 0.9 tie with the healthy case's: a half for the right one, nothing for the wrong one
    assert found["lroc_area"]["value"] == pytest.approx(0.25)
    assert summary["pooled_lesion_sensitivity"]["value"] == 1.0
    assert summary["challenge"] == {"not_run": "points have no extent"}
    assert summary["mean"]["dice"]["value"] is None
    with (tmp_path / "out" / "lesions.tsv").open(encoding="utf-8") as lines:
        lesions = [row for row in csv.DictReader(lines, delimiter="\t") if row["source"] == "reference"]
    assert [(r["volume_ml"], r["size_bin"], r["outcome"]) for r in lesions] == [("n/a", "n/a", "true_positive")] * 2
    assert "Hit at rank 1" in (tmp_path / "out" / "evaluation.html").read_text()
    marks = tmp_path / "anna.csv"
    x, y, z = centres[0]
    marks.write_text(f"case,x_mm,y_mm,z_mm,rating\nsub-1,{x},{y},{z},4\nsub-2,,,,\nsub-3,,,,\n")
    anna = evaluate_folders(table, read_marks(marks)[0], tmp_path / "anna", settings=settings)
    assert (anna["localisation"]["hit_at_1"]["value"], anna["localisation"]["lroc_area"]["value"]) == (0.5, 0.5)
    table.write_text("case,x_mm,y_mm,z_mm\nsub-1,,,\n")
    with pytest.raises(CohortError, match=r"case sub-2 has no reference in .*culprits.csv"):
        evaluate_folders(table, tmp_path / "model", tmp_path / "out", settings=settings)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("case,x_mm,y_mm\na,1,2\n", "no column z_mm"),
        ("case,x_mm,y_mm,z_mm\n", "holds no row"),
        ("case,x_mm,y_mm,z_mm\na,1,2,\n", "line 2: a mark needs x_mm, y_mm and z_mm; leave"),
        ("case,x_mm,y_mm,z_mm\n,1,2,3\n", "line 2: no case"),
        ("case,x_mm,y_mm,z_mm\na,1,2,3\na,1,2,3.0\n", "line 3: the same point of case a is there twice"),
    ],
)
def test_a_table_with_a_fault_names_the_line(text, message, tmp_path):
    (tmp_path / "points.csv").write_text(text)
    with pytest.raises(CohortError, match=message):
        read_reference_points(tmp_path / "points.csv")


def test_a_table_of_points(tmp_path):
    (tmp_path / "points.tsv").write_text("case\tx_mm\ty_mm\tz_mm\nb\t1\t2\t3\na\tn/a\tn/a\tn/a\nb\t4\t5\t6\n")
    found = read_reference_points(tmp_path / "points.tsv")
    assert list(found) == ["a", "b"]
    assert found["a"].shape == (0, 3)
    assert found["b"].tolist() == [[1, 2, 3], [4, 5, 6]]
    (tmp_path / "points.tsv").write_text("case\tx_mm\ty_mm\tz_mm\nb\t1\tnan\t3\n")
    with pytest.raises(CohortError, match="line 2: y_mm is 'nan', expected a finite number"):
        read_reference_points(tmp_path / "points.tsv")
