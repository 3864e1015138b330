"""What a header says -> tracer, contrast, and the words that may leave it."""

import pytest
from pydicom.dataset import Dataset

from netlesion.datasets.dicom.mr_contrast import MrContrast, NoContrast, mr_contrast
from netlesion.errors import DicomError
from netlesion.io.dicom.tracer import tracer_of
from netlesion.io.vocabulary import manufacturer, method, roi_label, scanner_model


def dose(text="", scheme="", value="", meaning=""):
    item, code = Dataset(), Dataset()
    item.Radiopharmaceutical = text
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    item.RadiopharmaceuticalCodeSequence = [code]
    return item


@pytest.mark.parametrize(
    ("item", "nuclide", "label", "source"),
    [
        (dose("Solution", "SCT", "35321007", "x"), "18F", "fdg", "code"),
        (dose("Solution", "SRT", "C-B1031", "x"), "18F", "fdg", "code"),
        (dose("Solution", "99SDM", "C-B1031", "x"), None, "fdg", "code"),
        (dose("FDG", "SCT", "724025002", "x"), "68Ga", "dotatate", "code"),
        (dose("", "UMLS", "C2713594", "x"), "68Ga", "dotatoc", "code"),
        (dose("DOTA-TATE Ga68"), "68Ga", "dotatate", "radiopharmaceutical text"),
        (dose("Detectnet"), "64Cu", "dotatate", "radiopharmaceutical text"),
        (dose("", "99GE", "Y-X1743", "FDG -- fluorodeoxyglucose"), "18F", "fdg", "radiopharmaceutical text"),
        (dose("Solution"), "68Ga", "dotanoc", "series text"),
    ],
)
def test_a_tracer_is_told_by_code_then_by_text(item, nuclide, label, source):
    found = tracer_of(item, nuclide, ["PET WB DOTANOC"])
    assert (found.label, found.source) == (label, source)


def test_a_tracer_that_contradicts_itself_is_refused_and_an_unknown_one_is_none():
    with pytest.raises(DicomError, match="radionuclide 18F"):
        tracer_of(dose("", "SCT", "724025002"), "18F")
    with pytest.raises(DicomError, match="names 2 tracers"):
        tracer_of(dose("FDG or DOTATOC"), None)
    assert tracer_of(dose("PSMA-11"), "68Ga", ["WB"]) is None


@pytest.mark.parametrize(
    ("words", "types", "echo", "repetition", "b", "expected"),
    [
        ("t1_vibe_dixon_tra_W", (), 1.2, 4.0, None, ("anat", "T1w", "water")),
        ("MRAC", ("DERIVED", "PRIMARY", "OPP_PHASE"), 1.2, 4.0, None, ("anat", "T1w", "opp")),
        ("t2_haste_cor", (), 90.0, 1000.0, None, ("anat", "T2w", "")),
        ("t2_tirm_cor STIR", (), 70.0, 5000.0, None, ("anat", "T2w", "stir")),
        ("ax dwi", (), 70.0, 6000.0, 800.0, ("dwi", "trace", "b800")),
        ("ep2d_diff_ADC", ("DERIVED", "PRIMARY", "DIFFUSION", "ADC"), None, None, None, ("dwi", "ADC", "")),
        ("whatever", (), 15.0, 500.0, None, ("anat", "T1w", "")),
        ("whatever", (), 100.0, 4000.0, None, ("anat", "T2w", "")),
    ],
)
def test_the_contrast_of_an_mr(words, types, echo, repetition, b, expected):
    found = mr_contrast(words, types, echo, repetition, b)
    assert isinstance(found, MrContrast)
    assert (found.folder, found.suffix, found.acquisition) == expected


@pytest.mark.parametrize("words", ["localizer", "AAHead_Scout", "MRAC umap", "t1_sub_MIP", "ep2d_diff", "unknown"])
def test_an_mr_that_is_no_image_of_a_cohort(words):
    assert isinstance(mr_contrast(words, (), None, None, None), NoContrast)


def test_only_known_words_leave_a_header():
    assert manufacturer("SIEMENS Healthineers / Dr Mueller") == "Siemens"
    assert manufacturer("Mueller") == "other"
    assert scanner_model("Discovery ST") == "Discovery ST"
    assert scanner_model("Discovery MI Dr Mueller 1950") == "Discovery MI"
    assert method("OP-OSEM3i21s Doe") == "OP OSEM 3i21s"
    assert method("Jane Doe 19500102") == "n/a"
    assert roi_label("GTV_Mass") == "GTVMass"
    assert roi_label("lesion 3 liver") == "lesion3liver"
    assert [roi_label(name) for name in ("Doe Jane", "GTV Doe", "___", "lesion 19500102", "GTV\u00e4")] == [None] * 5
