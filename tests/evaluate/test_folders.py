"""`netlesion evaluate` on folders: what is written, what is refused, and what is never passed over in silence."""

import csv
import dataclasses
import json

import numpy as np
import pytest

from netlesion.errors import CohortError, ConfigError, GeometryError, QuantityError
from netlesion.evaluate.folders import evaluate_folders
from netlesion.evaluate.readers import read_marks
from netlesion.evaluate.reference_standard import ReferenceStandard
from netlesion.evaluate.scoring import EvaluationSettings, score
from netlesion.evaluate.study import evaluate_predictions
from netlesion.evaluate.summary_text import summary_lines
from netlesion.geometry import Geometry
from netlesion.io.nifti import write_volume
from netlesion.volume import Quantity, Volume

SHAPE = (17, 13, 11)
AFFINE = np.diag([2.0, 3.0, 4.0, 1.0])


def mask(*boxes, shape=SHAPE, values=1, affine=AFFINE):
    array = np.zeros(shape, np.uint8)
    for box in boxes:
        array[box] = values
    return Volume(array, Geometry(affine, shape), Quantity.LABEL)


ONE, TWO, OFF = np.s_[2:6, 2:6, 2:6], np.s_[9:13, 7:11, 5:9], np.s_[14:17, 0:3, 0:3]


@pytest.fixture
def folders(tmp_path):
    """Three cases: found, half found with an invention, lesion-free."""
    truth = {"a": mask(ONE), "b": mask(ONE, TWO), "c": mask()}
    found = {"a": mask(ONE), "b": mask(ONE, OFF), "c": mask()}
    for name, masks in (("reference", truth), ("prediction", found)):
        for case, volume in masks.items():
            write_volume(tmp_path / name / f"{case}.nii.gz", volume)
    return tmp_path / "reference", tmp_path / "prediction"


def table(path):
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def test_everything_is_written_and_says_what_it_is(folders, tmp_path):
    out = tmp_path / "out"
    summary = evaluate_folders(*folders, out)
    assert sorted(p.name for p in out.iterdir()) == [
        "cases.json",
        "cases.tsv",
        "evaluation.html",
        "lesions.json",
        "lesions.tsv",
        "reporting.json",
        "summary.json",
    ]
    assert json.loads((out / "summary.json").read_text()) == summary
    cases = table(out / "cases.tsv")
    assert list(cases[0]) == list(json.loads((out / "cases.json").read_text()))
    assert [(c["case"], c["dice"], c["autopet_dice"], c["lesion_sensitivity"]) for c in cases] == [
        ("a", "1", "1", "1"),
        ("b", "0.584475", "0.584475", "0.5"),
        ("c", "1", "n/a", "n/a"),
    ]
    lesions = table(out / "lesions.tsv")
    assert list(lesions[0]) == list(json.loads((out / "lesions.json").read_text()))
    assert [(row["case"], row["source"], row["outcome"]) for row in lesions] == [
        ("a", "reference", "true_positive"),
        ("b", "reference", "true_positive"),
        ("b", "reference", "false_negative"),
        ("b", "prediction", "false_positive"),
    ]
    assert lesions[0]["hd95_mm"] == "0"
    assert lesions[0]["tlsre_g"] == lesions[3]["region"] == "n/a"
    assert summary["challenge"]["hecktor_dice_aggregated"]["value"] == pytest.approx(4 * 64 / (3 * 64 + 2 * 64 + 27))
    assert summary["challenge"]["hecktor_f1_aggregated"]["value"] == pytest.approx(4 / 6)
    page = (out / "evaluation.html").read_text()
    assert "HECKTOR aggregated Dice" in page
    assert "Research software, not a medical device" in page
    assert "only 3 patients: the interval is not reliable below 10" in page
    assert "<svg" in page
    assert "data:image/png" in page
    assert "<script" not in page
    assert "froc: not run, 3 of 3 cases have no score" in page
    reporting = json.loads((out / "reporting.json").read_text())
    assert (reporting["n_scans"], reporting["n_lesions"]["all"]) == (3, 3)
    assert reporting["cross_table"]["by_case"]["neither"] == 1
    assert "eligibility criteria" in reporting["to_be_filled"]["CLAIM"]


def test_processes_give_the_same_as_one(folders, tmp_path):
    alone = score(*folders, EvaluationSettings(workers=1))
    together = score(*folders, EvaluationSettings(workers=2))
    for one, other in zip(alone.results, together.results, strict=True):
        assert one.row() == pytest.approx(other.row(), nan_ok=True)
        assert str(one.lesions) == str(other.lesions)
    assert alone.hashes == together.hashes


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
    assert "Partial cohort: 1 of 3" in (tmp_path / "out" / "evaluation.html").read_text()


def test_tasks_choose_columns_and_an_unknown_one_is_refused(folders, tmp_path):
    evaluate_folders(*folders, tmp_path / "out", settings=EvaluationSettings(tasks=("detection",)))
    header = list(table(tmp_path / "out" / "cases.tsv")[0])
    assert "lesion_f1" in header
    assert not {"dice", "autopet_dice"} & set(header)
    (folders[0] / "categories.tsv").write_text("case\tstage\na\tI\n")
    (folders[1] / "categories.tsv").write_text("case\tstage\na\tI\n")
    only = evaluate_folders(*folders, tmp_path / "only", settings=EvaluationSettings(tasks=("categories",)))
    assert only["categories"]["stage"]["accuracy"]["value"] == 1.0
    assert only["mean"] == {}
    for given, task in (({"calibration": tmp_path}, "detection"), ({"category_orders": {"a": ("b",)}}, "categories")):
        with pytest.raises(ConfigError, match=f"is given, and {task} is not among the tasks .segmentation.; add it"):
            EvaluationSettings(tasks=("segmentation",), **given)
    alone = EvaluationSettings(tasks=("categories",))
    with pytest.raises(CohortError, match="categories.tsv: no such table"):
        evaluate_folders(tmp_path / "none", tmp_path / "neither", tmp_path / "x", settings=alone)
    with pytest.raises(ConfigError, match="tasks are speed; expected some of detection, segmentation"):
        EvaluationSettings(tasks=("speed",))


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


def results_folder(root, cases, unfinished=()):
    """What infer leaves: a folder and a record per visit; an unfinished one has its old masks and no record."""
    for case, volume in cases.items():
        folder, name = root / case.split("_trc")[0], f"{case}_desc-lesions_dseg.nii.gz"
        write_volume(folder / name, volume)
        values = volume.array.astype(np.float32) * 0.75
        write_volume(
            folder / f"{case}_desc-lesions_probseg.nii.gz", Volume(values, volume.geometry, Quantity.PROBABILITY)
        )
        if case not in unfinished:
            record = {"outputs": [name], "checkpoint_sha256": "f00d", "cases": {"fdg": case}}
            (folder / "provenance.json").write_text(json.dumps(record))
    (root / "provenance.json").write_text(json.dumps({"visits_done": [], "checkpoint_sha256": "f00d"}))


@pytest.fixture
def results(tmp_path):
    cases = {f"sub-{n}_ses-1_trc-fdg": mask(ONE) for n in range(3)}
    for case, volume in cases.items():
        write_volume(tmp_path / "truth" / f"{case}.nii.gz", volume)
    results_folder(tmp_path / "results", cases, unfinished=["sub-1_ses-1_trc-fdg"])
    return tmp_path / "truth", tmp_path / "results"


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


def test_probabilities_give_curves(results, tmp_path):
    summary = evaluate_folders(*results, tmp_path / "out")
    assert summary["froc"]["froc_score"]["value"] == summary["froc"]["average_precision"]["value"] == 1.0
    assert summary["froc"]["num_normal_cases"] == 0
    assert summary["froc"]["jafroc"]["value"] is None
    assert "needs lesion-free cases" in summary["froc"]["jafroc"]["note"]
    assert summary["localisation"]["hit_at_1"]["value"] == 1.0
    assert summary["localisation"]["hit_at_1"]["exact_interval"] == pytest.approx((0.158, 1.0), abs=1e-3)
    assert summary["reliability"][0]["mean_score"] == pytest.approx(0.75)
    assert "FROC curve" in (tmp_path / "out" / "evaluation.html").read_text()


def test_results_given_as_the_reference_look_swapped(results, tmp_path):
    with pytest.raises(CohortError, match="they look swapped, give the model's results as --prediction"):
        evaluate_folders(results[1], results[0], tmp_path / "out")


def test_no_finished_visit_at_all_is_refused(results, tmp_path):
    for record in results[1].glob("sub-*/provenance.json"):
        record.unlink()
    with pytest.raises(CohortError, match="no visit is finished"):
        evaluate_folders(*results, tmp_path / "out")


def cohort_of(root, desc):
    for n in range(2):
        stem = f"sub-{n}_ses-1_trc-fdg"
        pet = mask(ONE)
        write_volume(
            root / f"sub-{n}" / "ses-1" / "pet" / f"{stem}_pet.nii.gz",
            Volume(pet.array.astype(np.float32) * 1000, pet.geometry, Quantity.BQML),
        )
        facts = {
            "Units": "Bq/mL",
            "InjectedRadioactivity": 70.0,
            "InjectedRadioactivityUnits": "MBq",
            "RadionuclideHalfLife": 6586.2,
            "PatientWeight": 70.0,
            "InjectionStart": -3600,
            "ImageDecayCorrectionTime": 0,
            "ScanStart": 0,
            "Manufacturer": "Acme",
            "ManufacturersModelName": "P1",
        }
        (root / f"sub-{n}" / "ses-1" / "pet" / f"{stem}_pet.json").write_text(json.dumps(facts))
        folder = root / "derivatives" / "netlesion" / f"sub-{n}" / "ses-1" / "pet"
        write_volume(folder / f"{stem}_desc-{desc}_dseg.nii.gz", mask(ONE))


def test_the_mask_asked_for_is_taken_or_none(tmp_path):
    cohort_of(tmp_path / "cohort", "reader1")
    for n in range(2):
        write_volume(tmp_path / "found" / f"sub-{n}_ses-1_trc-fdg.nii.gz", mask(ONE))
    with pytest.raises(CohortError, match="no mask desc-lesions for fdg; there are reader1, choose one with --desc"):
        evaluate_folders(tmp_path / "cohort", tmp_path / "found", tmp_path / "out")
    summary = evaluate_folders(tmp_path / "cohort", tmp_path / "found", tmp_path / "out", "reader1")
    assert summary["desc"] == "reader1"


def test_a_cohort_gives_suv_scanner_and_uptake_time(tmp_path):
    cohort_of(tmp_path / "cohort", "lesions")
    for n in range(2):
        write_volume(tmp_path / "found" / f"sub-{n}_ses-1_trc-fdg.nii.gz", mask(ONE, OFF))
    settings = EvaluationSettings(cohort=tmp_path / "cohort")
    summary = evaluate_folders(tmp_path / "cohort", tmp_path / "found", tmp_path / "out", settings=settings)
    case = table(tmp_path / "out" / "cases.tsv")[0]
    assert case["scanner"] == "Acme P1"
    suv = float(table(tmp_path / "out" / "lesions.tsv")[0]["suvmax_g_per_ml"])
    assert suv == pytest.approx(1000 * 70e3 / (70e6 * 2 ** (-3600 / 6586.2)), rel=1e-4)
    assert float(case["tlsre_reference_g"]) == pytest.approx(suv * 64 * 0.024, rel=1e-4)
    assert case["tlsre_prediction_g"] == case["tlsre_reference_g"]  # the invention lies in background of SUV 0
    assert float(case["deep_psma_suv_mean_ratio"]) == pytest.approx(64 / 91, rel=1e-4)
    assert [(s["by"], s["name"]) for s in summary["strata"][-2:]] == [("tracer", "fdg"), ("scanner", "Acme P1")]
    reporting = json.loads((tmp_path / "out" / "reporting.json").read_text())
    assert reporting["uptake_min"]["mean"] == 60.0
    assert reporting["dose_mbq"]["mean"] == 70.0
    write_volume(tmp_path / "other" / "a.nii.gz", mask(ONE))
    write_volume(tmp_path / "more" / "a.nii.gz", mask(ONE))
    with pytest.raises(CohortError, match=r"has no PET of case a \(1 such cases\)"):
        evaluate_folders(tmp_path / "other", tmp_path / "more", tmp_path / "x", settings=settings)


def test_regions_and_types_come_from_a_table(folders, tmp_path):
    lines = ["case\tlesion_id\tregion\tlesion_type", "a\t1\tliver\tmetastasis", "b\t1\tliver\tn/a", "b\t2\tbone\tn/a"]
    (tmp_path / "lesions.tsv").write_text("\n".join(lines) + "\n")
    settings = EvaluationSettings(lesion_table=tmp_path / "lesions.tsv")
    summary = evaluate_folders(*folders, tmp_path / "out", settings=settings)
    found = {(s["by"], s["name"]): s["sensitivity"]["value"] for s in summary["strata"]}
    assert (found["region", "liver"], found["region", "bone"]) == (1.0, 0.0)
    assert found["lesion_type", "metastasis"] == 1.0
    assert found["lesion_type", "n/a"] == 0.5
    rows = table(tmp_path / "out" / "lesions.tsv")
    assert [row["region"] for row in rows] == ["liver", "liver", "bone", "n/a"]
    (tmp_path / "lesions.tsv").write_text("case\tlesion_id\treference_standard\na\t1\thistology\nb\t1\tguess\n")
    with pytest.raises(CohortError, match="line 3: reference_standard is 'guess', expected one of histology"):
        evaluate_folders(*folders, tmp_path / "out", settings=settings)
    (tmp_path / "lesions.tsv").write_text("\n".join([*lines, lines[-1]]) + "\n")
    with pytest.raises(CohortError, match="line 5: lesion 2 of b is there twice"):
        evaluate_folders(*folders, tmp_path / "out", settings=settings)


def test_the_reference_standard_of_every_lesion_is_written(folders, tmp_path):
    facts = tmp_path / "facts.tsv"
    header = "case\tlesion_id\treference_standard\treference_source\n"
    facts.write_text(header + "a\t1\thistology\tbiopsy\nb\t1\tn/a\treader2\n")
    settings = EvaluationSettings(lesion_table=facts, reference_standard=ReferenceStandard.FOLLOWUP, workers=1)
    summary = evaluate_folders(*folders, tmp_path / "out", settings=settings)
    rows = [row for row in table(tmp_path / "out" / "lesions.tsv") if row["source"] == "reference"]
    assert [(r["reference_standard"], r["reference_source"]) for r in rows] == [
        ("histology", "biopsy"),
        ("followup", "reader2"),
        ("followup", "n/a"),
    ]
    found = {s["name"]: s["num_lesions"] for s in summary["strata"] if s["by"] == "reference_standard"}
    assert found == {"followup": 2, "histology": 1}
    assert summary["remarks"] == []
    facts.write_text(header + "b\t3\thistology\tbiopsy\n")
    with pytest.raises(CohortError, match="case b: the table of lesions names lesion 3, the reference has 1, 2; an id"):
        evaluate_folders(*folders, tmp_path / "out", settings=settings)


def test_a_test_is_not_judged_by_the_reference_it_made(folders, tmp_path):
    facts = tmp_path / "facts.tsv"
    header = "case\tlesion_id\treference_standard\treference_source\n"
    facts.write_text(header + "b\t1\tsame_modality_reader\tprediction\n")
    with pytest.raises(CohortError, match="lesion 1 of case b has prediction as its reference .same_modality_reader"):
        evaluate_folders(*folders, tmp_path / "out", settings=EvaluationSettings(lesion_table=facts))
    facts.write_text(header + "b\t1\tsame_modality_reader\tanna\n")
    (tmp_path / "marks.csv").write_text(MARKS + "b,anna,7,10,14,70\n")
    anna = read_marks(tmp_path / "marks.csv")[0]
    with pytest.raises(CohortError, match="lesion 1 of case b has anna as its reference"):
        evaluate_folders(folders[0], anna, tmp_path / "out", settings=EvaluationSettings(lesion_table=facts))
    assert not (tmp_path / "out").exists()
    for path in folders[0].iterdir():
        (folders[1] / path.name).write_bytes(path.read_bytes())
    summary = evaluate_folders(*folders, tmp_path / "out")
    assert summary["remarks"][0].startswith("every prediction with a lesion is the file of its reference")


def test_size_bins_count_found_and_invented(folders, tmp_path):
    summary = evaluate_folders(*folders, tmp_path / "out")
    sizes = {s["name"]: s for s in summary["strata"] if s["by"] == "size"}  # 64 voxels are 1.5 ml, 27 are 0.65 ml
    assert (sizes["1-5"]["num_lesions"], sizes["1-5"]["sensitivity"]["value"]) == (3, pytest.approx(2 / 3))
    assert (sizes["0.5-1"]["num_lesions"], sizes["0.5-1"]["num_false_positives"]) == (0, 1)
    assert sizes["<0.5"]["sensitivity"]["value"] is None


MARKS = "case,reader,x_mm,y_mm,z_mm,rating\n"


def test_readers_marks_are_predictions_like_any_other(folders, tmp_path):
    """Anna finds the lesion of a and one of b's, and marks c in vain; Ben read a and c and marked nothing."""
    rows = ["a,anna,7,10,14,90", "b,anna,7,10,14,70", "c,anna,7,10,14,20", "a,ben,,,,", "c,ben,,,,"]
    (tmp_path / "marks.csv").write_text(MARKS + "\n".join(rows) + "\n")
    anna, ben = evaluate_predictions(folders[0], [tmp_path / "marks.csv"], tmp_path / "out", EvaluationSettings(), 0)
    assert (anna.name, ben.name) == ("anna", "ben")
    assert anna.summary["pooled_lesion_sensitivity"]["value"] == pytest.approx(2 / 3)
    assert anna.summary["false_positives_per_case"]["value"] == pytest.approx(1 / 3)
    assert anna.summary["froc"]["jafroc"]["value"] == pytest.approx(2 / 3)
    assert anna.summary["reliability"] is None  # ratings are no probabilities
    assert anna.summary["mean"]["dice"]["value"] is None
    assert anna.summary["challenge"] == {"not_run": "points have no extent"}
    assert (ben.summary["num_cases"], ben.summary["cases_without_prediction"]) == (2, ["b"])
    assert ben.summary["pooled_lesion_sensitivity"]["value"] == 0.0
    rows = table(tmp_path / "out" / "readers.tsv")
    assert [(r["reader"], r["num_cases"], r["dice"]) for r in rows] == [("anna", "3", "n/a"), ("ben", "2", "n/a")]
    assert (tmp_path / "out" / "ben" / "evaluation.html").is_file()


def test_a_model_and_a_reader_stand_in_one_table(folders, tmp_path):
    (tmp_path / "carla.tsv").write_text("case\tx_mm\ty_mm\tz_mm\trating\na\t7\t10\t14\t1\n")
    found = evaluate_predictions(
        folders[0], [folders[1], tmp_path / "carla.tsv"], tmp_path / "out", EvaluationSettings(), 0
    )
    assert [e.name for e in found] == ["prediction", "carla"]
    agreement = json.loads((tmp_path / "out" / "agreement.json").read_text())
    assert agreement["readers"] == ["prediction", "carla"]
    assert agreement["case_called"]["note"] == "2 of 3 cases were not read by all and are left out"
    with pytest.raises(ConfigError, match="2 predictions are called prediction; rename one"):
        evaluate_predictions(folders[0], [folders[1], folders[1]], tmp_path / "out", EvaluationSettings(), 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("case,x_mm,y_mm,z_mm\n", "no column rating; expected case, x_mm"),
        (MARKS, "holds no row"),
        (MARKS + "a,r,1,2,,5\n", "line 2: a mark needs x_mm, y_mm, z_mm and rating"),
        (MARKS + "a,r,1,2,3,\n", "line 2: a mark needs x_mm, y_mm, z_mm and rating"),
        (MARKS + "a,r,1,2,3,nan\n", "line 2: rating is nan, expected a finite number"),
        (MARKS + "a,r,1,two,3,4\n", "line 2: y_mm is 'two', expected a number"),
        (MARKS + ",r,1,2,3,4\n", "line 2: no case"),
        (MARKS + "a,../r,1,2,3,4\n", "line 2: reader is '../r'; use letters"),
    ],
)
def test_a_table_of_marks_with_a_fault_names_the_line(text, message, tmp_path):
    (tmp_path / "marks.csv").write_text(text)
    with pytest.raises((CohortError, QuantityError), match=message):
        read_marks(tmp_path / "marks.csv")


def test_agreement_of_volumes_is_in_the_summary_the_dictionary_and_beside_the_plot(folders, tmp_path):
    summary = evaluate_folders(*folders, tmp_path / "out")
    found = summary["segmentation"]["volume_agreement"]
    assert found["ratio_geometric_mean"]["value"] == pytest.approx(((64 + 27) / 128) ** 0.5)
    assert (found["spearman"]["num_cases"], found["num_cases_left_out_of_log"]) == (3, 1)
    assert "1 of 3 cases hold a 0 and are left out of the log" in found["icc_2_1_of_log"]["note"]
    assert summary["segmentation"]["tlsre_agreement"] == {"not_run": "no case has both values"}
    assert "segmentation.*_agreement" in summary["data_dictionary"]["summary"]
    page = (tmp_path / "out" / "evaluation.html").read_text()
    assert "Bland-Altman of whole-body volume, on the log, 2 cases (1 with a 0 left out)." in page
    assert "Agreement of whole-body volume" in page
    assert "Agreement of SUV times volume" not in page


def test_categories_are_paired_and_counted(folders, tmp_path):
    (folders[0] / "categories.tsv").write_text("case\tkrenning\tstage\na\t3\tI\nb\t2\tII\nc\t0\tn/a\n")
    (folders[1] / "categories.tsv").write_text("case\tkrenning\nc\t0\nb\t3\na\t3\n")
    found = evaluate_folders(*folders, tmp_path / "out")["categories"]
    assert list(found) == ["krenning"]
    assert found["krenning"]["accuracy"]["value"] == pytest.approx(2 / 3)
    assert found["krenning"]["cross_table"] == {"0": {"0": 1}, "2": {"3": 1}, "3": {"3": 1}}
    page = (tmp_path / "out" / "evaluation.html").read_text()
    assert "<h2>Category krenning</h2>" in page
    assert '<td>Sensitivity of 3, 1 rows</td><td class="value">1.000 [0.025, 1.000]</td>' in page
    assert '<td>Kappa, quadratic weights</td><td class="value">0.909' in page
    assert "<tr><td>2</td><td>0</td><td>1</td></tr>" in page
    (folders[1] / "categories.tsv").write_text("case\tkrenning\na\t3\na\t2\n")
    with pytest.raises(CohortError, match="case a is there twice"):
        evaluate_folders(*folders, tmp_path / "out")
    (folders[1] / "categories.tsv").unlink()
    with pytest.raises(CohortError, match="categories.tsv: no such table"):
        evaluate_folders(*folders, tmp_path / "out")


def test_categories_alone_need_no_mask(tmp_path):
    for name, text in (("r", "case\tstage\na\tI\nb\tII\nc\tII\n"), ("p", "case\tstage\na\tI\nb\tI\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "categories.tsv").write_text(text)
    alone = EvaluationSettings(tasks=("categories",), category_orders={"stage": ("I", "II")})
    summary = evaluate_folders(tmp_path / "r", tmp_path / "p", tmp_path / "out", settings=alone)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["evaluation.html", "summary.json"]
    assert (summary["num_cases"], summary["num_patients"], summary["cases_without_prediction"]) == (2, 2, ["c"])
    accuracy = summary["categories"]["stage"]["accuracy"]
    assert accuracy["value"] == 0.5
    assert "partial cohort: 1 of 3 reference cases have no prediction" in accuracy["note"]
    assert any(line.startswith("stage") for line in summary_lines(summary))
    page = (tmp_path / "out" / "evaluation.html").read_text()
    assert "<h2>Category stage</h2>" in page
    assert "don't-care" not in page
    with pytest.raises(CohortError, match="a table agrees with itself"):
        evaluate_folders(tmp_path / "r", tmp_path / "r", tmp_path / "out", settings=alone)
    (tmp_path / "points.csv").write_text(MARKS + "a,r,,,,\n")
    for pair in ((tmp_path / "points.csv", tmp_path / "p"), (tmp_path / "r", read_marks(tmp_path / "points.csv")[0])):
        with pytest.raises(ConfigError, match="a list of points holds no categories"):
            evaluate_folders(*pair, tmp_path / "out", settings=alone)


def test_settings_of_the_matching_are_in_the_summary(folders, tmp_path):
    match = dataclasses.replace(EvaluationSettings().match, criterion="overlap", min_iou=0.3)
    summary = evaluate_folders(*folders, tmp_path / "out", settings=EvaluationSettings(match=match))
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["match_settings"]["criterion"] == "overlap"
    assert summary["match_settings"]["min_iou"] == 0.3
