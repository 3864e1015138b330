"""Facts of lesions and their courses, from answers told by hand."""

import pytest

from netlesion.io.table_file import Row
from netlesion.report.answer_facts import lesion_facts, time_courses, visit_names
from netlesion.report.answer_view import keys_in, question_views
from netlesion.report.lesion_table import LesionFacts, lesion_views
from netlesion.report.plots_cohort import course_figures
from netlesion.report.results_folder import PatientResult, PetResult, VisitResult


def answer(question, rows, visit="v1", status="answered", **more):
    empty = {"category": None, "alternatives": [], "values": {}, "reasons": [], "missing": [], "reader_decides": []}
    return empty | {"question": question, "visit": visit, "status": status, "rows": rows, "settings": {}} | more


def pet(case, *peaks):
    cells = [
        {"lesion_id": str(n), "volume_ml": "2", "suvpeak_g_per_ml": str(p), "liver_ratio_peak": "n/a", "case": case}
        for n, p in enumerate(peaks, start=1)
    ]
    return PetResult(case, "fdg", None, tuple(Row(f"line {n}", n, c) for n, c in enumerate(cells, start=2)))


@pytest.fixture
def lesions():
    """Three visits: lesion 1 persists, 2 resolves, 3 splits into 2 and 3, which merge again."""
    pets = [pet("s1", 4.0, 5.0, 6.0), pet("s2", 8.0, 6.5, 3.0), pet("s3", 9.0, 7.0)]
    visits = tuple(VisitResult(p.case, (p,), {}) for p in pets)
    return lesion_views(PatientResult("P", visits), {})


VISITS = [["s1"], ["s2"], ["s3"]]
RESPONSE = [
    answer(
        "response",
        [
            {"lesions_before": "s1/1", "lesions_after": "s2/1", "class": "persistent"},
            {"lesions_before": "s1/2", "lesions_after": None, "class": "resolved", "why": "seen again nowhere"},
            {"lesions_before": "s1/3", "lesions_after": "s2/2,s2/3", "class": "split"},
        ],
        "v2",
    ),
    answer(
        "response",
        [
            {"lesions_before": "s2/1", "lesions_after": "s3/1", "class": "persistent"},
            {"lesions_before": "s2/2,s2/3", "lesions_after": "s3/2", "class": "merged"},
        ],
        "v3",
    ),
]


def test_a_lesion_is_followed_through_splits_and_to_its_end(lesions):
    courses = time_courses(RESPONSE, lesions, VISITS)
    told = [(c.status, c.why, [[v.key for v in step] for step in c.steps]) for c in courses]
    assert told == [
        ("persistent", "", [["s1/1"], ["s2/1"], ["s3/1"]]),
        ("resolved", "seen again nowhere", [["s1/2"], [], []]),
        ("merged", "", [["s1/3"], ["s2/2", "s2/3"], ["s3/2"]]),
    ]
    ((caption, svg),) = course_figures(courses, ["v1", "v2", "v3"])
    assert "FDG lesion" in caption or "fdg" in caption.lower()
    assert svg.count("<polyline") == 3
    assert course_figures([], ["v1"]) == []


def test_what_is_not_assessable_gives_no_course_and_no_fact(lesions):
    refused = [answer("response", [], status="not_assessable")]
    assert time_courses(refused, lesions, VISITS) == []
    assert lesion_facts(refused) == {}


def test_three_answers_tell_of_one_lesion():
    answers = [
        answer("differential", [{"lesion": "s1/1", "region": "bone", "call": "not_decidable"}]),
        answer(
            "discordance", [{"sstr_lesions": "s1/1,s1/2", "fdg_lesions": "f/4", "class": "concordant", "doubts": "x/9"}]
        ),
        answer("discordance", [{"sstr_lesions": None, "fdg_lesions": "f/5", "class": "fdg_only"}]),
        answer("expression", [{"lesion": "s1/1", "qkrenning": None, "qkrenning_as_measured": 2}]),
    ]
    found = lesion_facts(answers)
    assert found["s1/1"] == LesionFacts("bone", "not decidable", "both", "2, indeterminate")
    assert found["f/5"] == LesionFacts(pair="FDG only")
    assert set(found) == {"s1/1", "s1/2", "f/4", "f/5"}
    assert visit_names(answers) == {"s1": "v1", "f": "v1", "x": "v1"}


def test_questions_keep_the_order_of_the_registry_and_a_strange_one_stands_last():
    views = question_views([answer("strange_one", []), answer("response", []), answer("staging", [], category="M1a")])
    assert [v.name for v in views] == ["staging", "response", "strange_one"]
    assert (views[0].answers[0].headline, views[2].title) == ("M1a", "Strange one")


def test_keys_are_found_among_words():
    assert keys_in({"a": "sub-1_trc-fdg/2, sub-1_trc-fdg/10", "b": 4, "c": None, "d": "no key"}) == (
        "sub-1_trc-fdg/2",
        "sub-1_trc-fdg/10",
    )
