import csv
import json
import sys

import pytest

from netlesion.cli.main import main
from netlesion.errors import CohortError
from netlesion.evaluate.case.reference_standard import ReferenceStandard
from netlesion.evaluate.compare.comparison import COLUMNS, compare_folders, comparison_lines
from netlesion.report.comparison import write_comparison
from tests.evaluate.evaluations import case_row, cohort, detection_rows, write_evaluation

FOUND_B = (1, 0, 2, 0, 1, 1, 1, 0, 1, 2, 0, 0)


def lesions(rows, standard="n/a", source="n/a"):
    return [
        {
            "case": row["case"],
            "source": "reference",
            "lesion_id": n + 1,
            "outcome": "true_positive" if n < row["num_true_positives"] else "false_negative",
            "score": 0.8 if n < row["num_true_positives"] else "n/a",
            "reference_standard": standard,
            "reference_source": source,
        }
        for row in rows
        for n in range(row["num_lesions_reference"])
    ]


def hashes(rows, prediction):
    cases = [row["case"] for row in rows]
    inputs = {f"reference/{c}": f"ref-{c}" for c in cases} | {f"prediction/{c}": f"{prediction}-{c}" for c in cases}
    return {"provenance": {"inputs_sha256": inputs}, "match_settings": {"min_iou": 0.1, "connectivity": 18}}


@pytest.fixture
def folders(tmp_path):
    """Two evaluations of the same twelve patients."""
    a, b = cohort(dice=0.8), cohort(found=FOUND_B)
    return (
        write_evaluation(tmp_path / "unet", a, summary=hashes(a, "a"), lesions=lesions(a)),
        write_evaluation(tmp_path / "threshold", b, summary=hashes(b, "b"), lesions=lesions(b)),
    )


def test_table_dictionary_summary_and_page(folders, tmp_path):
    out = tmp_path / "out"
    summary = compare_folders(*folders, out, reference_standard=ReferenceStandard.FOLLOWUP)
    with open(out / "compare.tsv", newline="") as text:
        rows = list(csv.DictReader(text, delimiter="\t"))
    assert list(rows[0]) == list(COLUMNS) == list(json.loads((out / "compare.json").read_text()))
    assert json.loads((out / "summary.json").read_text()) == summary
    by_name = {row["figure"]: row for row in rows}
    assert float(by_name["lesion_sensitivity"]["a"]) == 15 / 20
    assert float(by_name["lesion_sensitivity"]["difference"]) == pytest.approx(6 / 20)
    assert by_name["lesion_sensitivity"]["num_patients"] == "10"
    assert by_name["autopet_fnv_ml"]["note"] == "2 of 12 cases have no value and are left out"
    assert len(rows) == len(summary["figures"]) == 12
    assert (summary["models"], summary["num_cases"]) == ({"a": "unet", "b": "threshold"}, 12)
    assert summary["reference_standard"]["lesions_by_standard"] == {"followup": 20}
    assert summary["reference_standard"]["lesions"][0] == {
        "case": "sub-00_trc-fdg", "lesion": "1", "standard": "followup", "source": ""}  # fmt: skip
    assert set(summary["provenance"]["inputs_sha256"]) == {
        f"{side}/{name}" for side in "ab" for name in ("cases.tsv", "lesions.tsv", "summary.json")
    }
    write_comparison(out / "compare.html", summary)
    page = (out / "compare.html").read_text()
    assert "Research software, not a medical device" in page
    assert "Lesions found / all reference lesions, pooled" in page
    assert "0.300 [" in page
    assert page.count("<script") == 1, "its own, which the page's policy names by its hash"
    assert "script-src 'sha256-" in page.replace("&#39;", "'")
    assert "http://" not in page
    assert "https://" not in page
    lines = comparison_lines(summary)
    assert lines[0] == "A = unet, B = threshold: 12 cases of 12 patients"
    assert [line.split()[0] for line in lines[2:-1]] == list(by_name)
    assert lines[-1].startswith("note: not compared, curves (FROC, JAFROC, LROC): unet and threshold without")


def test_curves_are_compared_where_both_have_scores_and_missed_aloud_where_not(folders, tmp_path):
    a, b = cohort(dice=0.8), cohort(found=FOUND_B)
    scored = [
        write_evaluation(tmp_path / name, rows, detections=detection_rows(rows))
        for name, rows in (("one", a), ("other", b))
    ]
    summary = compare_folders(*scored, tmp_path / "out")
    rows = {row["figure"]: row for row in summary["figures"]}
    # every lesion against both lesion-free cases, of which one is marked, below every hit
    assert rows["jafroc"]["a"]["value"] == pytest.approx((15 + 5 * 0.25) / 20)
    assert rows["froc_score"]["difference"]["value"] > 0
    assert rows["froc_score"]["p_holm"] >= rows["froc_score"]["p"]
    assert "lroc_area" not in rows  # patients have two lesions
    assert summary["not_compared"] == []
    assert "a/detections.tsv" in summary["provenance"]["inputs_sha256"]
    half = compare_folders(scored[0], folders[1], tmp_path / "half")
    assert "froc_score" not in {row["figure"] for row in half["figures"]}
    assert half["not_compared"][0].startswith("curves (FROC, JAFROC, LROC): threshold without detections.tsv")
    assert any(line.startswith("note: not compared, curves") for line in comparison_lines(half))
    write_comparison(tmp_path / "half" / "compare.html", half)
    assert "Not compared: curves" in (tmp_path / "half" / "compare.html").read_text()


def test_a_partial_cohort_and_few_patients_are_in_every_row(tmp_path):
    missing = {"cases_without_prediction": ["x", "y"]}
    a, b = cohort(dice=0.8)[4:], cohort(found=FOUND_B)[4:]
    folders = [
        write_evaluation(tmp_path / name, rows, summary=hashes(rows, name) | missing)
        for name, rows in (("a", a), ("b", b))
    ]
    summary = compare_folders(*folders, tmp_path / "out")
    remark = "partial cohort: 2 of 10 reference cases have no prediction and are not scored"
    assert summary["partial"] == [remark]
    for row in summary["figures"]:
        assert row["difference"]["note"].startswith(remark), row["figure"]
        count = row["difference"]["n"]
        assert f"only {count} patient" in row["difference"]["note"] or count < 2, row["figure"]
    assert f"note: {remark}" in comparison_lines(summary)
    write_comparison(tmp_path / "out" / "compare.html", summary)
    assert remark[1:] in (tmp_path / "out" / "compare.html").read_text()
    whole = write_evaluation(tmp_path / "whole", b, summary=hashes(b, "whole"))
    assert compare_folders(folders[0], whole, tmp_path / "out")["partial"] == [f"a: {remark}"]


def test_one_culprit_or_none_has_lroc(tmp_path):
    def rows(hits):
        return [
            case_row(f"sub-{n:02d}_trc-sstr", f"{n:02d}", lesions=int(n < 8), found=hit, false=0)
            | {"num_dont_care": 0, "max_score": 0.2 + 0.05 * ((7 * n) % 10)}
            | dict.fromkeys(("top_candidate_hit", "culprit_reciprocal_rank"), hit if n < 8 else "n/a")
            for n, hit in enumerate(hits)
        ]

    a = write_evaluation(tmp_path / "a", rows((1, 1, 1, 1, 1, 1, 0, 1, 0, 0, 0, 0)))
    b = write_evaluation(tmp_path / "b", rows((1, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0)))
    found = {row["figure"]: row for row in compare_folders(a, b, tmp_path / "out")["figures"]}
    assert (found["hit_at_1"]["a"]["value"], found["hit_at_1"]["b"]["value"]) == (7 / 8, 3 / 8)
    assert found["hit_at_1"]["p"] == pytest.approx(2 / 2**4)
    assert found["lroc_area"]["a"]["value"] > found["lroc_area"]["b"]["value"]


def test_volumes_are_held_against_the_reference(folders, tmp_path):
    found = compare_folders(*folders, tmp_path / "out")["volume_agreement"]["a"]
    assert found["ratio_geometric_mean"]["value"] == pytest.approx(0.9)
    assert found["ratio_geometric_mean"]["note"] == "2 of 12 pairs hold a zero and are left out"
    assert found["icc_2_1_of_ml"]["n"] == 12


def test_names_are_those_of_the_folders_where_they_differ(tmp_path):
    a = write_evaluation(tmp_path / "unet" / "evaluation", cohort())
    b = write_evaluation(tmp_path / "swin" / "evaluation", cohort(found=FOUND_B))
    assert compare_folders(a, b, tmp_path / "out")["models"] == {"a": "unet", "b": "swin"}
    assert compare_folders(a, b, tmp_path / "out", name_b="x")["models"] == {"a": "unet", "b": "x"}
    with pytest.raises(CohortError, match="both models are called x"):
        compare_folders(a, b, tmp_path / "out", name_a="x", name_b="x")


def test_a_seed_repeats(folders, tmp_path):
    one, other, third = (compare_folders(*folders, tmp_path / "out", seed=seed)["figures"] for seed in (0, 0, 1))
    assert one == other
    assert one != third


def refused(a, b, out, message, **options):
    with pytest.raises(CohortError, match=message) as error:
        compare_folders(a, b, out, **options)
    assert len(str(error.value).splitlines()) == 1
    assert not (out / "compare.tsv").exists()


def test_a_folder_is_not_compared_with_itself_nor_overwritten(folders, tmp_path):
    a, b = folders
    refused(a, a / ".." / a.name, tmp_path / "out", "the same folder was given twice")
    refused(a, b, b, "is one of the folders compared and would be overwritten")
    assert json.loads((b / "summary.json").read_text())["match_settings"]


def test_other_cases_are_named(folders, tmp_path):
    a, _ = folders
    rows = [*cohort()[1:], case_row("sub-77", "77"), case_row("sub-78", "78")]
    b = write_evaluation(tmp_path / "b", rows)
    refused(a, b, tmp_path / "out", "only in .*unet: sub-00_trc-fdg; only in .*/b: sub-77, sub-78; evaluate both")
    many = write_evaluation(tmp_path / "many", [*cohort(), *(case_row(f"x{n:02d}", "x") for n in range(25))])
    refused(a, many, tmp_path / "out", "the cases differ, only in .*many: x00, .*, x19 and 5 more; ")


@pytest.mark.parametrize("change", [{"num_lesions_reference": 1}, {"volume_reference_ml": 10.5}])
def test_another_reference_is_refused(folders, tmp_path, change):
    rows = cohort()
    rows[3] |= change
    b = write_evaluation(tmp_path / "b", rows)
    refused(folders[0], b, tmp_path / "out", "case sub-03_trc-fdg has another reference in .*unet than in .*/b")


def test_another_file_of_the_reference_is_refused(folders, tmp_path):
    rows, summary = cohort(), hashes(cohort(), "c")
    summary["provenance"]["inputs_sha256"]["reference/sub-05_trc-fdg"] = "other"
    b = write_evaluation(tmp_path / "b", rows, summary=summary)
    refused(folders[0], b, tmp_path / "out", "case sub-05_trc-fdg has another reference")


def test_other_lesions_of_the_reference_are_refused(folders, tmp_path):
    rows = cohort()
    table = lesions(rows)
    table[4] |= {"lesion_id": 7}
    b = write_evaluation(tmp_path / "b", rows, lesions=table)
    refused(folders[0], b, tmp_path / "out", "case sub-02_trc-fdg: reference lesion 1 is not the same")


def test_other_patients_and_other_settings_are_refused(folders, tmp_path):
    rows = [cohort()[0] | {"patient": "zz"}, *cohort()[1:]]
    b = write_evaluation(tmp_path / "b", rows)
    refused(folders[0], b, tmp_path / "out", "is of patient 00 in .* and zz in")
    summary = hashes(cohort(), "c") | {"match_settings": {"min_iou": 0.5, "connectivity": 18}}
    c = write_evaluation(tmp_path / "c", cohort(), summary=summary)
    refused(folders[0], c, tmp_path / "out", r"matched under other settings \(min_iou\)")


def test_the_same_predictions_in_two_folders_are_one_model(folders, tmp_path):
    b = write_evaluation(tmp_path / "b", cohort(), summary=hashes(cohort(), "a"))
    refused(folders[0], b, tmp_path / "out", "hold the same predictions")


def test_a_test_that_is_its_own_reference_is_refused(folders, tmp_path):
    a, b = folders
    rows = cohort()
    own = write_evaluation(tmp_path / "own", rows, summary=hashes(rows, "ref"))
    refused(a, own, tmp_path / "out", "every prediction of own is the file of its reference")
    refused(own, b, tmp_path / "out", "every prediction of own is the file of its reference")
    read = write_evaluation(
        tmp_path / "read", rows, lesions=lesions(rows, "same_modality_reader", "reader 1"), summary=hashes(rows, "r")
    )
    model = write_evaluation(tmp_path / "model", rows, lesions=lesions(rows, "same_modality_reader", "reader 1"))
    refused(model, read, tmp_path / "out", "has reader 1 as its reference", name_b="reader 1")
    compare_folders(model, read, tmp_path / "out", name_b="reader 2")


def test_nothing_to_compare_is_refused(tmp_path):
    folders = [write_evaluation(tmp_path / n, [{"case": "a", "patient": "a", "comment": n}]) for n in "ab"]
    refused(*folders, tmp_path / "out", "no column to compare")


def test_the_verb(folders, tmp_path, monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["netlesion", "compare", *map(str, arguments)])
        with pytest.raises(SystemExit) as done:
            main()
        return done.value.code or 0, capsys.readouterr()

    a, b = folders
    options = ("--reference-standard", "histology", "--also", "volume_prediction_ml")
    code, text = run(a, b, "--out", tmp_path / "out", *options)
    assert code == 0
    assert "lesion_sensitivity" in text.out
    assert "volume_prediction_ml" in text.out
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["compare.html", "compare.json", "compare.tsv", "summary.json"]
    code, text = run(a, a, "--out", tmp_path / "out")
    assert code == 1
    assert text.err.startswith("error: ")
    assert len(text.err.splitlines()) == 1
