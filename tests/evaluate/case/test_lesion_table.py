"""Facts of reference lesions from a table: regions, types, and what their truth rests on."""

import pytest

from netlesion.errors import CohortError
from netlesion.evaluate.case.marks import read_marks
from netlesion.evaluate.case.reference_standard import ReferenceStandard
from netlesion.evaluate.cohort.score import EvaluationSettings
from netlesion.report.evaluation_folder import evaluate_folders
from tests.evaluate.mask_folders import MARKS, table


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
