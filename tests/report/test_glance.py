"""The first screen of a patient's page: every answer, or why there is none."""

from dataclasses import replace

from netlesion.io.table_file import Row
from netlesion.report.glance import glance_facts
from netlesion.report.lesion_table import LesionFacts, lesion_views
from netlesion.report.results_folder import PatientResult, PetResult, VisitResult


def pet(channel, *lesions):
    case = f"P_ses-01_trc-{'dotatate' if channel == 'sstr' else channel}"
    names = ("volume_ml", "suvpeak_g_per_ml", "liver_ratio_peak", "region")
    cells = [
        {"lesion_id": str(n), "case": case} | dict(zip(names, values, strict=True))
        for n, values in enumerate(lesions, start=1)
    ]
    return PetResult(case, channel, None, tuple(Row("line", n, c) for n, c in enumerate(cells)))


LIVER = {"case": "P_ses-01_trc-dotatate", "organ": "liver", "peak_g_per_ml": "8", "source": "organ map", "flags": "n/a"}
SSTR = pet("sstr", ("3", "12", "1.5", "bone"), ("40.25", "16", "2.0", "liver"))
FDG = pet("fdg", ("1", "2.5", "n/a", "bone"), ("2", "3", "n/a", "n/a"))
PATIENT = PatientResult("P", (VisitResult("P_ses-01", (SSTR, FDG), {}),), references=(Row("line", 2, LIVER),))
REFUSED = {
    "question": "discordance", "visit": "v", "status": "not_assessable", "rows": [],
    "reasons": [{"text": "No transform leads there.", "lesions": []}],
}  # fmt: skip


def facts(patient, said=None):
    return glance_facts(patient, lesion_views(patient, said or {}), {})


def test_the_largest_lesion_its_place_and_its_heat():
    many, where, hot, _ = facts(PATIENT)
    assert many.answer == "2 on DOTATATE and 2 on FDG"
    assert many.detail == "DOTATATE 43.2 ml in all; FDG 3.0 ml in all"
    assert (where.answer, where.detail, where.lesions[0].name) == ("Liver", "40.2 ml", "DOTATATE 2")
    assert (hot.answer, hot.detail) == ("2.00 times", "SUVpeak 16.0 g/ml; liver SUVpeak 8.0 g/ml, organ map.")


def test_a_doubtful_liver_says_so_and_a_missing_one_gives_the_reason():
    doubtful = replace(PATIENT, references=(Row("line", 2, LIVER | {"flags": "few voxels"}),))
    assert facts(doubtful)[2].detail.endswith("organ map. Doubtful: few voxels.")
    bare = replace(PATIENT, visits=(VisitResult("P_ses-01", (FDG,), {}),), references=())
    _, where, hot, only = facts(bare)
    assert (where.answer, where.detail) == ("Region not known", "2.0 ml; there is no organ map")
    assert hot.detail == "Against the liver: not assessable, the liver was not measured."
    assert only.detail == "One tracer was imaged (FDG)."


def test_fdg_only_lesions_are_named_and_a_refusal_is_told_in_the_answers_words():
    key = f"{FDG.case}/2"
    said = {key: LesionFacts(pair="FDG only"), f"{FDG.case}/1": LesionFacts(pair="both")}
    only = facts(PATIENT, said)[3]
    assert (only.answer, [v.key for v in only.lesions]) == ("1 of 4 lesions", [key])
    assert facts(replace(PATIENT, answers=(REFUSED,)))[3].detail == "No transform leads there."
    assert "no answer to this question" in facts(PATIENT)[3].detail


def test_an_answer_about_other_pets_is_not_taken_for_none():
    answered = REFUSED | {"status": "answered"}
    only = facts(replace(PATIENT, answers=(answered,)))[3]
    assert (only.answer, only.detail) == ("Not assessable", "The answer is about other PETs of this visit.")


def test_no_lesion_and_no_visit():
    empty = replace(PATIENT, visits=(VisitResult("P_ses-01", (pet("fdg"),), {}),))
    assert [f.answer for f in facts(empty)][:2] == ["0 on FDG", "No lesion was found."]
    assert facts(PatientResult("P")) == []
