"""The decision table of clinical.md 1.3, row by row, and every refusal around it."""

import math
from dataclasses import replace
from datetime import datetime, time

import pytest

from netlesion.errors import SuvError
from netlesion.suv import Frame, SulFormula, SuvType, suv_conversion, suv_ratio
from tests.suv.cases import DAY, FRAME, GALLIUM, with_frame

PER_BQML = 70_000.0 / (150e6 * math.exp(-math.log(2) * 3600 / 4062.6))
PHILIPS = replace(GALLIUM, units="CNTS", manufacturer="Philips Medical Systems")


def factor(facts):
    (only,) = set(suv_conversion(facts).suvbw_factors)
    return only


def test_bqml_start_decays_the_dose_to_the_series_time():
    conversion = suv_conversion(GALLIUM)
    assert conversion.path == "BQML START"
    assert conversion.activity.ref_time_source == "series"
    assert conversion.activity.elapsed_s == 3600.0
    assert conversion.suvbw_factors == (pytest.approx(PER_BQML),)
    assert conversion.bqml_factors == (1.0,)
    assert conversion.warnings == ()


def test_bqml_admin_does_not_decay_the_dose():
    conversion = suv_conversion(replace(GALLIUM, decay_correction="ADMIN"))
    assert conversion.activity.ref_time_source == "admin"
    assert conversion.activity.elapsed_s == 0.0
    assert conversion.suvbw_factors == (pytest.approx(70_000.0 / 150e6),)


def test_bqml_none_is_corrected_slice_by_slice_to_the_injection():
    """A voxel that holds what is left of 150 MBq in 70 kg, on average over its frame, has SUV 1 in every bed."""
    lam = math.log(2) / 4062.6
    starts, duration = (3600.0, 3780.0, 3960.0), 180.0
    frames = tuple(Frame(datetime(*DAY, 11, 3 * k), duration) for k in range(3))
    facts = replace(GALLIUM, decay_correction="NONE", corrected_image=("ATTN",), frames=frames)
    conversion = suv_conversion(facts)
    # the mean over a frame is the integral of the decay curve, written out rather than through a mean time
    means = [math.exp(-lam * s) * (1 - math.exp(-lam * duration)) / (lam * duration) for s in starts]
    concentrations = [150e6 / 70_000.0 * m for m in means]
    assert [c * f for c, f in zip(concentrations, conversion.suvbw_factors, strict=True)] == pytest.approx([1.0] * 3)
    assert [c * f for c, f in zip(concentrations, conversion.bqml_factors, strict=True)] == pytest.approx(
        [150e6 / 70_000.0] * 3
    )


def test_gml_of_body_weight_is_suvbw_already_even_without_dose_and_weight():
    nothing = dict.fromkeys(("weight_kg", "dose_bq", "half_life_s", "injection_time", "nuclide"))
    conversion = suv_conversion(replace(GALLIUM, units="GML", **nothing))
    assert conversion.suvbw_factors == (1.0,)
    assert conversion.activity is None
    with pytest.raises(SuvError, match=r"GML BW cannot be given in Bq/ml: .*--weight-kg"):
        conversion.bqml_factors  # noqa: B018


def test_gml_in_bqml_gives_the_same_suv_again():
    conversion = suv_conversion(replace(GALLIUM, units="GML", suv_type="BW"))
    assert conversion.bqml_factors == (pytest.approx(1.0 / PER_BQML),)
    assert conversion.bqml_factors[0] * conversion.activity.factor == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("units", "suv_type", "mass_kg"),
    [
        ("GML", "BW", 70.0),
        ("GML", "LBM", 57.80),
        ("GML", "LBMJAMES128", 56.52),
        ("GML", "LBMJANMA", 55.857),
        ("GML", "IBW", 48.0 + 1.06 * 23.0),
        ("CM2ML", None, 18.4814),
        ("CM2ML", "BSA", 18.4814),
    ],
)
def test_the_scanners_other_suv_come_back_to_body_weight(units, suv_type, mass_kg):
    """Masses of 70 kg, 175 cm, male from clinical.md 1.1."""
    assert factor(replace(GALLIUM, units=units, suv_type=suv_type)) == pytest.approx(70.0 / mass_kg, rel=1e-5)


def test_philips_suv_factor_comes_first():
    conversion = suv_conversion(replace(PHILIPS, philips_suv_factor=0.0005))
    assert (conversion.path, conversion.suvbw_factors) == ("CNTS SUV factor", (0.0005,))
    both = suv_conversion(replace(PHILIPS, philips_suv_factor=2.0 * PER_BQML, philips_bqml_factor=2.01))
    assert both.suvbw_factors == (2.0 * PER_BQML,)
    assert both.bqml_factors == (pytest.approx(2.0),)


def test_philips_activity_factor_makes_bqml():
    conversion = suv_conversion(replace(PHILIPS, philips_bqml_factor=2.0))
    assert conversion.path == "CNTS activity factor, START"
    assert conversion.suvbw_factors == (pytest.approx(2.0 * PER_BQML),)
    assert conversion.bqml_factors == (pytest.approx(2.0),)
    zero = suv_conversion(replace(PHILIPS, philips_bqml_factor=2.0, philips_suv_factor=0.0))
    assert zero.path == conversion.path, "Philips writes 0 where it has no factor"


def test_philips_counts_without_decay_correction_are_corrected_here():
    facts = replace(PHILIPS, decay_correction="NONE", philips_bqml_factor=2.0, philips_suv_factor=1.0)
    plain = replace(GALLIUM, decay_correction="NONE")
    assert factor(facts) == pytest.approx(2.0 * factor(plain))


@pytest.mark.parametrize(("suv_type", "mass"), [(SuvType.SUL, 55.857), (SuvType.SUVBSA, 18.4814)])
def test_another_suv_is_a_ratio_to_suvbw(suv_type, mass):
    ratio, _ = suv_ratio(suv_type, SulFormula.JANMAHASATIAN, GALLIUM, suv_conversion(GALLIUM))
    assert ratio == pytest.approx(mass / 70.0, rel=1e-5)


def test_sul_of_an_obese_patient_by_james_is_warned_of():
    facts = replace(GALLIUM, weight_kg=140.0, patient_size=1.60, sex="F")
    _, conversion = suv_ratio(SuvType.SUL, SulFormula.JAMES, facts, suv_conversion(facts))
    assert "above 92.5 kg" in conversion.warnings[-1]


@pytest.mark.parametrize("decay_correction", ["START", "ADMIN"])
def test_ten_minutes_of_clock_error_cost_10_8_percent_with_68ga(decay_correction):
    late = replace(with_frame(GALLIUM, acquisition_datetime=datetime(*DAY, 11, 10)), decay_correction=decay_correction)
    late = replace(late, series_datetime=datetime(*DAY, 11, 10))
    cost = 1.108 if decay_correction == "START" else 1.0
    early = replace(GALLIUM, decay_correction=decay_correction)
    assert factor(late) / factor(early) == pytest.approx(cost, abs=5e-4)


def test_a_dose_in_mbq_is_taken_as_such_with_a_warning():
    conversion = suv_conversion(replace(GALLIUM, dose_bq=150.0))
    assert conversion.suvbw_factors == (pytest.approx(PER_BQML),)
    assert "taken as MBq" in conversion.warnings[0]
    assert "unusual" in suv_conversion(replace(GALLIUM, dose_bq=2e9)).warnings[0]


def test_a_missing_half_life_comes_from_the_table():
    conversion = suv_conversion(replace(GALLIUM, half_life_s=None))
    assert conversion.activity.half_life_s == 4062.6
    assert "0018,1075" in conversion.warnings[0]


def test_decy_and_none_contradict_and_a_decay_factor_settles_it():
    facts = replace(GALLIUM, decay_correction="NONE")
    assert "decay was corrected here" in suv_conversion(facts).warnings[0]
    assert "decay was corrected here" in suv_conversion(with_frame(facts, decay_factor=1.0)).warnings[0]
    with pytest.raises(SuvError, match=r"Decay Factor \(0054,1321\) is 1.07"):
        suv_conversion(with_frame(facts, decay_factor=1.07))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"units": "PROPCPS"}, r"0054,1001.*PROPCPS.*Bq/ml"),
        ({"units": "PROPCNTS"}, r"0054,1001.*PROPCNTS"),
        ({"units": "CPS"}, r"0054,1001.*CPS"),
        ({"units": None}, r"0054,1001.*missing"),
        ({"units": "CNTS"}, r"7053,xx00.*7053,xx09"),
        ({"units": "CNTS", "philips_suv_factor": -1.0}, r"7053,xx00.*-1"),
        ({"units": "CNTS", "philips_suv_factor": 2.03 * PER_BQML, "philips_bqml_factor": 2.0}, r"differ by 1\.5 %"),
        ({"units": "CNTS", "philips_suv_factor": 1.0, "decay_correction": "NONE"}, "NONE"),
        ({"units": "GML", "decay_correction": "NONE"}, "NONE"),
        ({"units": "GML", "suv_type": "BSA"}, r"0054,1006.*BSA"),
        ({"units": "CM2ML", "suv_type": "BW"}, r"0054,1006.*BW"),
        ({"units": "GML", "suv_type": "IBW", "sex": None}, r"0010,0040.*missing.*--sex"),
        ({"units": "GML", "suv_type": "IBW", "sex": "X"}, r"0010,0040.*X"),
        ({"units": "GML", "suv_type": "IBW", "patient_size": None}, r"0010,1020.*missing.*--height-cm"),
        ({"units": "GML", "suv_type": "IBW", "patient_size": 0.0}, r"0010,1020.* 0,"),
        ({"units": "GML", "suv_type": "LBM", "weight_kg": None}, r"0010,1030.*missing.*--weight-kg"),
        ({"units": "GML", "weight_kg": 700.0}, "700 kg"),
        ({"decay_correction": None}, r"0054,1102.*missing"),
        ({"decay_correction": "SCAN"}, r"0054,1102.*SCAN"),
        ({"corrected_image": ("DECY",)}, r"0028,0051.*ATTN"),
        ({"attenuation_method": "None"}, r"0054,1101.*none.*--allow-uncorrected"),
        ({"attenuation_method": "NONE, 0.096000 cm-1,"}, r"0054,1101"),
        ({"attenuation_method": "not corrected", "units": "GML"}, r"0054,1101"),
        ({"attenuation_method": "no AC", "units": "PROPCNTS"}, r"0054,1101.*0054,1001.*PROPCNTS"),
        ({"corrected_image": ("ATTN",)}, r"0028,0051.*DECY"),
        ({"corrected_image": ("ATTN",), "units": "GML"}, r"0028,0051.*DECY"),
        ({"weight_kg": None}, r"0010,1030.*--weight-kg"),
        ({"weight_kg": 0.0}, "0 kg"),
        ({"weight_kg": 700.0}, "700 kg"),
        ({"dose_bq": 0.0}, r"0018,1074.*--dose-mbq"),
        ({"dose_bq": -150e6}, r"0018,1074"),
        ({"dose_bq": None}, r"0018,1074.*missing"),
        ({"dose_bq": 5000.0}, r"possibly kBq \(5 MBq\).*--dose-mbq"),
        ({"dose_bq": 200e3}, r"possibly kBq \(200 MBq\).*--dose-mbq"),
        ({"dose_bq": 12.0}, r"possibly mCi \(444 MBq\).*--dose-mbq"),
        ({"dose_bq": 0.2}, r"is 0.2, which is no dose.*--dose-mbq"),
        ({"dose_bq": 150e12}, r"is 1.5e\+14, which is no dose.*--dose-mbq"),
        ({"half_life_s": 6586.2}, "wrong protocol"),
        ({"half_life_s": None, "nuclide": None}, "unknown"),
        ({"half_life_s": -1.0, "nuclide": None}, r"0018,1075"),
        ({"injection_time": None}, r"0018,1072.*--injection-time"),
        ({"series_datetime": None, "frames": (Frame(None),)}, r"0008,0022"),
        ({"decay_correction": "NONE", "frames": (FRAME, Frame(None, 180.0))}, "a slice has no Acquisition"),
        ({"decay_correction": "NONE", "frames": (replace(FRAME, duration_s=None),)}, r"0018,1242.*missing"),
        ({"decay_correction": "NONE", "frames": (replace(FRAME, duration_s=0.0),)}, r"0018,1242.*0 s"),
        ({"injection_time": time(11, 0, 1)}, "half-lives"),
    ],
)
def test_what_cannot_be_trusted_is_refused_by_tag_value_and_remedy(changes, match):
    with pytest.raises(SuvError, match=match):
        suv_conversion(replace(GALLIUM, **changes))


@pytest.mark.parametrize("method", [None, "measured,, 0.096000 cm-1,", "CTAC", "Normal scan", "nonlinear model"])
def test_other_words_deny_no_attenuation_correction(method):
    assert suv_conversion(replace(GALLIUM, attenuation_method=method)).warnings == ()


@pytest.mark.parametrize("changes", [{"attenuation_method": "None"}, {"corrected_image": ("DECY",)}])
def test_a_pet_without_attenuation_correction_is_taken_where_the_user_asks(changes):
    conversion = suv_conversion(replace(GALLIUM, allow_uncorrected=True, **changes))
    assert conversion.suvbw_factors == (pytest.approx(PER_BQML),)
    assert "as --allow-uncorrected asks" in conversion.warnings[0]
