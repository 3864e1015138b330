import copy

import pytest
from jinja2 import UndefinedError

from netlesion.errors import OutputError
from netlesion.report.comparison import write_comparison

NOTHING = {"value": None, "low": None, "high": None, "n": 0, "note": "no patient has a value"}
FIGURE = {
    "description": "Dice, mean over cases",
    "a": {"value": 0.8125, "low": 0.7, "high": 0.9, "n": 12, "note": ""},
    "b": {"value": 0.5, "low": None, "high": None, "n": 12, "note": ""},
    "difference": {"value": 0.3125, "low": 0.1, "high": 0.5, "n": 12, "note": "only twelve"},
    "p": 0.0004,
    "p_holm": 0.0123,
    "test": "a test",
    "interval": "an interval",
    "other_p_uncorrected": {"Durkalski 2003": 0.25},
}
SUMMARY = {
    "models": {"a": "<b>unet</b>", "b": "swin"},
    "num_cases": 14,
    "num_patients": 12,
    "figures": [FIGURE, FIGURE | {"a": NOTHING, "b": NOTHING, "difference": NOTHING, "p": None, "p_holm": None}],
    "volume_agreement": {},
    "partial": ["partial cohort: 2 of 14"],
    "not_compared": ["curves: swin has no scores"],
    "reference_standard": {"lesions_by_standard": {"histology": 7}, "lesions": []},
    "method": {
        "unit": "patient",
        "interval_of_means_and_ratios": "bootstrap-t",
        "interval_of_curves": "expanded BCa over patients",
        "num_resamples": 2000,
        "seed": 5,
        "multiplicity": "Holm over the 1 tests of the table",
    },
}


def page(tmp_path, summary):
    write_comparison(tmp_path / "page.html", summary)
    return (tmp_path / "page.html").read_text()


def test_numbers_names_and_the_notice(tmp_path):
    text = page(tmp_path, SUMMARY)
    for words in (
        "Research software, not a medical device",
        "0.812 [0.700, 0.900]",
        ">0.500</td>",
        "&lt; 0.001",
        "0.012",
        "only twelve",
        "Durkalski 2003: p 0.250",
        "no patient has a value",
        ">n/a</td>",
        "&lt;b&gt;unet&lt;/b&gt;",
        "<td>histology</td><td>7</td>",
        "seed 5",
        "Partial cohort: 2 of 14.",
        "Not compared: curves: swin has no scores.",
    ):
        assert words in text
    assert "<b>unet" not in text
    assert "Whole-body volume" not in text


def test_volumes_have_a_table_of_their_own(tmp_path):
    names = ("ratio_geometric_mean", "ratio_lower_limit_of_agreement", "ratio_upper_limit_of_agreement",
             "icc_2_1_of_ml", "concordance_of_ml", "spearman")  # fmt: skip
    text = page(tmp_path, SUMMARY | {"volume_agreement": {"b": dict.fromkeys(names, FIGURE["a"])}})
    assert "Whole-body volume against the reference" in text
    assert text.count("0.812 [0.700, 0.900]") == 7
    assert '<th scope="col">swin</th>' in text


def test_a_summary_that_lacks_something_is_no_page(tmp_path):
    broken = copy.deepcopy(SUMMARY)
    del broken["method"]["seed"]
    with pytest.raises(UndefinedError, match="seed"):
        write_comparison(tmp_path / "page.html", broken)
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_comparison(tmp_path / "file" / "page.html", SUMMARY)
