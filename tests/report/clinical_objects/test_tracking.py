"""Which lesions are one over visits and tracers."""

from netlesion.report.clinical_objects.tracking import tracked, words_of

A, B, F, G = "s_ses-01_trc-dotatate", "s_ses-03_trc-dotatate", "s_ses-02_trc-fdg", "s_ses-04_trc-fdg"


def response(*pairs, status="persistent"):
    rows = [{"class": status, "lesions_before": a, "lesions_after": b} for a, b in pairs]
    return {"question": "response", "rows": rows}


def discordance(*pairs):
    rows = [{"sstr_lesions": a, "fdg_lesions": b, "class": "concordant"} for a, b in pairs]
    return {"question": "discordance", "rows": rows}


def test_one_that_persists_keeps_its_first_name_and_a_split_one_begins_anew():
    keys = [f"{A}/1", f"{A}/2", f"{B}/1", f"{B}/2", f"{B}/3"]
    told = {"answers": [response((f"{A}/1", f"{B}/3")), response((f"{A}/2", f"{B}/1, {B}/2"), status="split")]}
    found = tracked(keys, told)
    assert found[f"{B}/3"] == f"{A}/1"
    assert [found[k] for k in (f"{B}/1", f"{B}/2")] == [f"{B}/1", f"{B}/2"]


def test_both_tracers_of_one_finding_are_one_lesion_at_every_visit():
    keys = [f"{A}/1", f"{F}/5", f"{B}/2"]
    told = {"answers": [discordance((f"{A}/1", f"{F}/5"), (None, f"{F}/6")), response((f"{A}/1", f"{B}/2"))]}
    assert set(tracked(keys, told).values()) == {f"{A}/1"}


def test_links_that_would_make_two_lesions_of_one_pet_the_same_are_cut_between_tracers():
    keys = [f"{A}/1", f"{F}/1", f"{B}/1", f"{B}/2", f"{G}/1"]
    told = {"answers": [response((f"{A}/1", f"{B}/1"), (f"{F}/1", f"{G}/1")),
                        discordance((f"{A}/1", f"{F}/1"), (f"{B}/2", f"{G}/1"))]}  # fmt: skip
    found = tracked(keys, told)
    assert found[f"{B}/1"] == f"{A}/1"
    assert found[f"{B}/2"] == f"{B}/2"
    assert found[f"{G}/1"] == f"{F}/1"


def test_without_answers_every_lesion_has_its_own_name():
    assert tracked([f"{A}/1", f"{B}/1"], None) == {f"{A}/1": f"{A}/1", f"{B}/1": f"{B}/1"}


def test_scores_and_classes_are_taken_from_the_answers():
    rows = [{"lesion": f"{A}/1", "qkrenning": 3}, {"lesion": f"{A}/2", "qkrenning": None}]
    told = {"answers": [{"question": "expression", "rows": rows}, discordance((f"{A}/1", f"{F}/5"))]}
    assert words_of(told) == {
        f"{A}/1": {"qkrenning": "3", "tracer_class": "concordant"}, f"{F}/5": {"tracer_class": "concordant"},
    }  # fmt: skip
