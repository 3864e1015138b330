"""SSTR expression of hand-made patients: liver 5 (hottest sphere 5.25), spleen 20, blood pool 1 (clinical.md 3.2 to
3.4)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netlesion.answers.expression import answer
from netlesion.answers.patient import Diameters
from netlesion.answers.settings import ExpressionSettings, settings_of
from netlesion.errors import ConfigError
from netlesion.quantify.references import ReferenceOrgan
from tests.answers.patients import lesion, patient, permuted, pet, references, scaled

S = ExpressionSettings()


def asked(*lesions, settings=S, **more):
    return answer(patient(pet(*lesions, **more)), settings)[0]


def big(number, suv, **more):
    return lesion(number, suv=suv, radius_mm=10, **more)


def small(number, suv, **more):
    return lesion(number, suv=suv, radius_mm=5, **more)


@pytest.mark.parametrize(
    ("told", "lesions", "category", "alternatives"),
    [
        ("no lesion", [], "no_lesion", ()),
        ("all hot", [big(1, 30.0), big(2, 9.0)], "all_above_liver", ()),
        ("one hot, one cold", [big(1, 30.0), big(2, 2.0)], "partly_above_liver", ()),
        ("all cold", [big(1, 3.0), big(2, 2.0)], "none_above_liver", ()),
        ("a small hot one counts", [small(1, 30.0)], "all_above_liver", ()),
        ("a small cold one decides nothing", [small(1, 2.0)], "indeterminate", ("all_above_liver", "none_above_liver")),
        ("hot, and a small cold one", [big(1, 30.0), small(2, 2.0)], "all_above_liver", ("partly_above_liver",)),
        ("cold, and a small cold one", [big(1, 2.0), small(2, 2.0)], "none_above_liver", ("partly_above_liver",)),
    ],
)
def test_category(told, lesions, category, alternatives):
    found = asked(*lesions)
    assert (found.category, found.alternatives) == (category, alternatives), told


def test_without_a_liver_there_is_no_score():
    found = asked(big(1, 30.0), references=references("sstr", liver=None))
    assert found.status == "not_assessable"
    assert found.reasons[0].text == "The uptake of the liver is not known: the organ was taken out."
    assert answer(patient(pet(big(1, 3.0), tracer="fdg")), S)[0].reasons[0].text == "The visit has no DOTATATE PET."


def test_without_a_spleen_four_is_not_reached_and_it_is_said():
    found = asked(big(1, 90.0), references=references("sstr", spleen=None))
    assert found.values["qkrenning_max"] == 3
    assert "at least 3" in found.missing[0]


def test_numbers_of_three_lesions_by_hand():
    a, b, c = big(1, 30.0), big(2, 4.5), small(3, 2.0)
    found = asked(a, b, c)
    total = a.volume_ml + b.volume_ml + c.volume_ml
    assert [row["qkrenning"] for row in found.rows] == [4, 2, None]
    assert [row["qkrenning_as_measured"] for row in found.rows] == [4, 2, 1]
    assert (found.values["qkrenning_min"], found.values["qkrenning_median"], found.values["qkrenning_max"]) == (1, 2, 4)
    volumes = 4 * a.volume_ml + 2 * b.volume_ml + c.volume_ml
    assert found.values["qkrenning_volume_mean"] == pytest.approx(volumes / total)
    assert found.values["frac_volume_ge3"] == pytest.approx(a.volume_ml / total)
    assert (found.values["num_assessable"], found.values["frac_lesions_gt_liver"]) == (2, 0.5)
    assert (found.values["num_le_liver"], found.values["lesions_le_liver"]) == (1, "sub-01_ses-1_trc-dotatate/2")
    assert found.values["wb_sretv_ml"] == pytest.approx(total)
    assert found.values["wb_tlsre_g"] == pytest.approx(0.8 * (30 * a.volume_ml + 4.5 * b.volume_ml + 2 * c.volume_ml))
    assert found.values["min_suvmean_g_per_ml"] == pytest.approx(1.6)
    assert found.values["indeterminate"] is True
    assert found.values["all_assessable_gt_liver"] is False


def test_the_sweep_tells_how_firm_a_score_is():
    row = asked(big(1, 5.5)).rows[0]
    assert (row["qkrenning"], row["qkrenning_lowest"], row["qkrenning_highest"]) == (2, 2, 3)
    firm = asked(big(1, 30.0)).rows[0]
    assert firm["qkrenning_lowest"] == firm["qkrenning_highest"] == 4


def test_a_readers_short_axis_makes_a_small_lesion_assessable():
    node = small(1, 2.0)
    who = patient(pet(node), diameters={"sub-01_ses-1_trc-dotatate/1": Diameters(14.0, 11.0)})
    assert answer(who, S)[0].category == "none_above_liver"


def test_like_is_compared_with_like():
    """SUVpeak 5.1 is below the liver's hottest sphere (5.25); SUVmean 0.8 * 5.1 is below its mean; 6.5 is above by
    both."""
    for statistic in ("peak", "mean"):
        settings = ExpressionSettings(statistic=statistic)
        assert asked(big(1, 5.1), settings=settings).category == "none_above_liver"
        assert asked(big(1, 6.5), settings=settings).category == "all_above_liver"


def test_targets_are_five_and_three_of_an_organ():
    lesions = [big(n, 60.0 - n) for n in range(1, 6)] + [big(6, 9.0, region="bone"), big(7, 8.0, region="node")]
    assert [row["target"] for row in asked(*lesions).rows] == [True, True, True, False, False, True, True]


def test_doubtful_references_and_the_sink_effect_are_said():
    low_spleen = asked(big(1, 30.0), references=references("sstr", spleen=4.0))
    assert low_spleen.values["reference_unreliable"] is True
    flagged = references("sstr")
    flagged = replace(flagged, found=flagged.found | {"liver": replace(flagged.found["liver"], flags=("small",))})
    assert asked(big(1, 30.0), references=flagged).values["reference_unreliable"] is True
    assert isinstance(flagged.found["liver"], ReferenceOrgan)
    huge = asked(lesion(1, suv=30.0, radius_mm=52))
    assert huge.values["wb_sretv_ml"] > 500
    assert huge.values["sink_effect"] is True
    assert "500 ml" in huge.reasons[-1].text


def test_order_scale_and_five_hundred_lesions():
    many = [small(n, 1.0 + n % 37, at=(n % 20 * 8.0, 0, 0)) for n in range(1, 501)]
    who = patient(pet(*many))
    first = answer(who, S)[0]
    for other in (permuted(who), scaled(who, 7.0)):
        found = answer(other, S)[0]
        assert (found.category, found.alternatives) == (first.category, first.alternatives)
        assert {r["lesion"]: r["qkrenning"] for r in found.rows} == {r["lesion"]: r["qkrenning"] for r in first.rows}


@pytest.mark.parametrize(
    "given", [{"low": 1.2}, {"low": 1.1, "high": 0.8}, {"sweep_low": [1.0]}, {"statistic": "max"}, {"least_ml": 0}]
)
def test_swapped_or_impossible_thresholds_are_refused(given):
    with pytest.raises(ConfigError, match=r"answers\.expression\."):
        settings_of({"expression": given})
