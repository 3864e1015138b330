"""Categories of two tables: what is paired, when classes are ordered, and numbers against scikit-learn."""

import json

import pytest

from netlesion.errors import CohortError, ConfigError
from netlesion.evaluate.cohort.categories import pair_tables, parse_orders, patients_by_case, summarise_categories
from netlesion.evaluate.cohort.interval import Resampling

GRADES = [0, 1, 1, 3, 3, 4, 0, 1, 3, 4, 4, 0]
MODEL = [0, 1, 3, 3, 1, 4, 1, 1, 3, 4, 3, 0]


def table(path, column, values, cases=None):
    rows = zip(cases or [f"sub-{n:02d}" for n in range(len(values))], values, strict=True)
    path.write_text(f"case\t{column}\n" + "".join(f"{case}\t{value}\n" for case, value in rows))
    return path


def agreement(tmp_path, reference, prediction, orders=(), cases=None):
    """The summary of one category, and the pair it was made of."""
    pairs = pair_tables(
        table(tmp_path / "reference.tsv", "grade", reference, cases),
        table(tmp_path / "prediction.tsv", "grade", prediction, cases),
        parse_orders(orders),
    )
    return summarise_categories(pairs, Resampling(0, 200))["grade"], pairs[0]


def test_whole_numbers_are_ordered_and_a_step_is_a_difference_of_one(tmp_path):
    """Nobody was graded 2: 1 and 3 are still two steps apart."""
    score = pytest.importorskip("sklearn.metrics").cohen_kappa_score
    found, pair = agreement(tmp_path, GRADES, [f"{g}.0" for g in MODEL])
    assert (found["ordered"], found["classes"]) == (True, ["0", "1", "2", "3", "4"])
    assert pair.prediction[2] == "3"
    for name, weights in (("kappa", None), ("kappa_linear", "linear"), ("kappa_quadratic", "quadratic")):
        oracle = score(GRADES, MODEL, labels=range(5), weights=weights)
        assert found[name]["value"] == pytest.approx(oracle)
        assert found[name]["low"] < oracle < found[name]["high"]
        assert found[name]["n"] == 12
    assert found["accuracy"]["value"] == pytest.approx(8 / 12)


def test_sensitivity_of_each_class_is_counted_by_hand(tmp_path):
    recall = pytest.importorskip("sklearn.metrics").recall_score
    found, _ = agreement(tmp_path, GRADES, MODEL)
    assert {c: (e["value"], e["num_rows"]) for c, e in found["sensitivity"].items()} == {
        "0": (pytest.approx(2 / 3), 3),
        "1": (pytest.approx(2 / 3), 3),
        "3": (pytest.approx(2 / 3), 3),
        "4": (pytest.approx(2 / 3), 3),
    }
    assert recall(GRADES, MODEL, average=None) == pytest.approx([2 / 3] * 4)
    entry = found["sensitivity"]["3"]
    binomtest = pytest.importorskip("scipy.stats").binomtest
    assert (entry["low"], entry["high"]) == pytest.approx(tuple(binomtest(2, 3).proportion_ci(method="exact")))
    assert entry["note"] == "only 3 patients; the interval is exact"
    assert found["cross_table"]["1"] == {"1": 2, "3": 1}


def test_words_have_an_order_only_when_it_is_stated(tmp_path):
    score = pytest.importorskip("sklearn.metrics").cohen_kappa_score
    stages = {0: "I", 1: "II", 3: "III", 4: "IV"}
    reference, prediction = ([stages[g] for g in side] for side in (GRADES, MODEL))
    without, _ = agreement(tmp_path, reference, prediction)
    assert not without["ordered"]
    assert "kappa_quadratic" not in without
    order = ["IV", "III", "II", "I", "0"]
    stated, _ = agreement(tmp_path, reference, prediction, ["grade = " + ",".join(order)])
    assert stated["kappa"]["value"] == without["kappa"]["value"]
    for name in ("linear", "quadratic"):
        assert stated[f"kappa_{name}"]["value"] == pytest.approx(
            score(reference, prediction, labels=order, weights=name)
        )


def test_lesions_of_one_patient_go_together(tmp_path):
    """Each patient's row four times over: the same numbers and intervals of kappa, n counts patients."""
    cases = [f"sub-{n:02d}" for n in range(12)]
    once, _ = agreement(tmp_path, GRADES, MODEL)
    rows = [(case, lesion, g, p) for case, g, p in zip(cases, GRADES, MODEL, strict=True) for lesion in range(4)]
    for side, place in (("reference", 2), ("prediction", 3)):
        lines = "".join(f"{row[0]}\t{row[1]}\t{row[place]}\n" for row in rows)
        (tmp_path / f"{side}.tsv").write_text("case\tlesion_id\tgrade\n" + lines)
    pairs = pair_tables(tmp_path / "reference.tsv", tmp_path / "prediction.tsv")
    copied = summarise_categories(pairs, Resampling(0, 200))["grade"]
    for name in ("kappa", "kappa_linear", "kappa_quadratic"):
        assert [copied[name][k] for k in ("value", "low", "high", "n")] == pytest.approx(
            [once[name][k] for k in ("value", "low", "high", "n")]
        )
    assert (copied["accuracy"]["value"], copied["accuracy"]["n"]) == (pytest.approx(8 / 12), 12)
    assert copied["sensitivity"]["0"]["num_rows"] == 12


def test_a_patient_column_says_whose_row_it_is_and_is_no_category(tmp_path):
    lines = [f"scan{n}\tp{n // 2}\t{g}\n" for n, g in enumerate(GRADES)]
    (tmp_path / "a.tsv").write_text("case\tpatient\tgrade\n" + "".join(lines))
    (tmp_path / "b.tsv").write_text((tmp_path / "a.tsv").read_text())
    found = summarise_categories(pair_tables(tmp_path / "a.tsv", tmp_path / "b.tsv"), Resampling(0, 20))
    assert list(found) == ["grade"]
    assert (found["grade"]["accuracy"]["n"], found["grade"]["num_pairs"]) == (6, 12)
    assert patients_by_case(tmp_path / "a.tsv")["scan3"] == "p1"


def test_rows_without_a_partner_are_in_every_note(tmp_path):
    reference = table(tmp_path / "a.tsv", "grade", [1, 2, "n/a", 2], ["a", "b", "c", "d"])
    prediction = table(tmp_path / "b.tsv", "grade", [1, 2, 3, 2], ["a", "b", "c", "e"])
    found = summarise_categories(pair_tables(reference, prediction), Resampling(0, 50, "partial cohort"))["grade"]
    assert (found["num_pairs"], found["num_unpaired"]) == (2, 3)
    for name in ("accuracy", "kappa", "kappa_quadratic"):
        assert found[name]["note"].startswith("3 of 5 rows have a value on one side only, or none; partial cohort")


def test_two_classes_and_the_widest_scale(tmp_path):
    score = pytest.importorskip("sklearn.metrics").cohen_kappa_score
    reference, prediction = ["yes", "no", "no", "yes", "no"], ["yes", "no", "yes", "yes", "no"]
    found, _ = agreement(tmp_path, reference, prediction)
    assert found["kappa"]["value"] == pytest.approx(score(reference, prediction))
    assert found["cross_table"] == {"no": {"no": 2, "yes": 1}, "yes": {"yes": 2}}
    for top, ordered in ((49, True), (50, False)):
        wide, pair = agreement(tmp_path, [0, top, 7], [0, top, 7])
        assert wide["ordered"] is ordered
        assert len(pair.classes) == (50 if ordered else 3)


def test_ends_of_the_scale(tmp_path):
    alone, _ = agreement(tmp_path, [2, 2, 2], [2, 2, 2])
    assert alone["accuracy"]["value"] == 1.0
    assert alone["kappa"]["value"] is alone["kappa_quadratic"]["value"] is None
    assert "one class only: no kappa" in alone["kappa"]["note"]
    nothing, _ = agreement(tmp_path, ["n/a", ""], ["I", "II"])
    assert nothing == {"not_run": "no row has a value on both sides", "num_pairs": 0, "num_unpaired": 2}
    far, pair = agreement(tmp_path, [1, 1000, 7], [1, 1000, 8])
    assert (far["ordered"], pair.classes) == (False, ("1", "7", "8", "1000"))
    many, _ = agreement(tmp_path, [f"x{n}" for n in range(51)], [f"x{n}" for n in range(51)])
    assert many["not_run"] == "51 classes, expected at most 50; is it a category?"
    missed, _ = agreement(tmp_path, ["yes", "no", "no"], ["no", "no", "no"])
    assert (missed["sensitivity"]["yes"]["value"], missed["cross_table"]["yes"]) == (0.0, {"no": 1})
    never, _ = agreement(tmp_path, ["no", "no", "no"], ["yes", "no", "no"])
    assert never["sensitivity"]["yes"]["value"] is None
    assert json.dumps(never, allow_nan=False)


def test_nonsense_is_refused(tmp_path):
    for text in ("stage", "stage=", "=I,II", "stage=I", "stage=I,,II", "stage=I,II,I"):
        with pytest.raises(ConfigError, match="expected NAME=LOWEST,...,HIGHEST"):
            parse_orders([text])
    with pytest.raises(CohortError, match=r"case sub-01: grade is 'V', which its order \(I, II\) lacks"):
        agreement(tmp_path, ["I", "II"], ["I", "V"], ["grade=I,II"])
    with pytest.raises(ConfigError, match="an order is given for stage, the tables share grade"):
        agreement(tmp_path, ["I", "II"], ["I", "II"], ["stage=I,II"])
    other = table(tmp_path / "other.tsv", "colour", ["red"])
    with pytest.raises(CohortError, match=r"has no category of .* \(grade\)"):
        pair_tables(table(tmp_path / "grades.tsv", "grade", [1]), other)
    with pytest.raises(CohortError, match="has no row of"):
        pair_tables(table(tmp_path / "grades.tsv", "grade", [1]), table(tmp_path / "far.tsv", "grade", [1], ["sub-99"]))
