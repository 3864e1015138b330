"""The culprit of an osteomalacia: features counted by hand, ranks, and what is said where the scan is not complete."""

import math
from dataclasses import replace

import numpy as np
import pytest

from netlesion.answers.culprit import (
    FEATURES,
    QUESTION,
    answer,
    baseline,
    candidates,
    is_complete,
    score_of,
)
from netlesion.answers.settings import CulpritSettings, Settings, settings_of
from netlesion.errors import ConfigError
from netlesion.image.visit import Acquisition
from netlesion.quantify.organ_map import OrganMap
from tests.answers.patients import GRID, lesion, patient, permuted, pet

#: ln SUVpeak less 1 in a bone that breaks, less 4 in a normal organ.
PLAIN = CulpritSettings(
    **{f"weight_{name}": 0.0 for name in FEATURES} | {
        "intercept": -1.0, "weight_log_suvpeak": 1.0, "weight_fracture_site": -1.0, "weight_physiologic": -4.0,
        "tau": 0.0,
    }
)  # fmt: skip
SETTINGS = Settings(culprit=PLAIN)
SMALL = {"radius_mm": 7.0}


def organs(*names):
    """A map with a voxel of each of these organs."""
    labels = np.zeros(GRID.shape, dtype=np.uint8)
    for n in range(len(names)):
        labels[50, 50, 10 * (n + 1)] = n + 1
    found = OrganMap(labels, GRID, dict(enumerate(names, start=1)))
    return lambda: found


WHOLE = organs("skull", "toes_left", "toes_right", "vertebrae_L3")


def ranked(*lesions, settings=SETTINGS, **more):
    who = patient(pet(*lesions, **more), disease="tio")
    return candidates(who, who.visits[0], settings)


def one(*lesions, read_organs=WHOLE, **more):
    return answer(patient(pet(*lesions, read_organs=read_organs, **more), disease="tio"), SETTINGS)[0]


def test_features_are_those_of_the_docstring():
    """A rib lesion of SUVpeak 6, contrast 4, score 0.9; one other bone lesion of SUVpeak 5, one of 20 (not alike)."""
    rib = lesion(
        1, "bone", bone="rib_left_6", suv=6.0, score=0.9, facts={"background_ratio_max": 4.0, "mr_t2_ratio": 2.0}
    )
    rib = replace(rib, volume_ml=2.5)
    others = [lesion(n, "bone", bone="skull", suv=s, at=(100, 0, 60.0 * n)) for n, s in ((2, 5.0), (3, 20.0))]
    found = next(r for r in ranked(rib, *others) if r.lesion.lesion_id == 1)
    assert found.features == pytest.approx(
        {
            "log_suvpeak": math.log(6.0),
            "log_contrast": math.log(4.0),
            "log_volume": math.log(2.5),
            "model_score": math.log(9.0),
            "fracture_site": 1.0,
            "joint_site": 0.0,
            "multiplicity": math.log(2.0),
            "mirrored": 0.0,
            "physiologic": 0.0,
            "mr_bright": math.log(2.0),
        }
    )
    assert set(found.features) == set(FEATURES)


def test_what_is_not_known_is_0_and_told_as_missing():
    found = one(lesion(1, "soft_tissue", suv=9.0))
    row = found.rows[0]
    assert [row[f"feature_{n}"] for n in ("log_contrast", "model_score", "mr_bright")] == [0.0, 0.0, 0.0]
    assert found.missing == ("the local background", "T2 MR", "the network's probability")


def test_the_score_is_the_intercept_and_the_weighted_features():
    features = dict.fromkeys(FEATURES, 0.0) | {"log_suvpeak": 2.0, "fracture_site": 1.0}
    assert score_of(features, PLAIN) == pytest.approx(-1.0 + 2.0 - 1.0)


def test_a_fracture_that_is_hotter_comes_after_the_tumour_but_first_by_suvpeak():
    """ln 8 - 1 = 1.08 in a rib, ln 6 = 1.79 in soft tissue."""
    rib = lesion(1, "bone", bone="rib_left_6", suv=8.0, **SMALL)
    tumour = lesion(2, "soft_tissue", suv=6.0, at=(100, 0, 0), **SMALL)
    found = ranked(rib, tumour)
    assert [r.lesion.lesion_id for r in found] == [2, 1]
    assert [r.lesion.lesion_id for r in baseline(found)] == [1, 2]


def test_the_baseline_puts_normal_organs_last():
    spleen = lesion(1, "spleen", suv=20.0)
    tumour = lesion(2, "soft_tissue", suv=6.0, at=(100, 0, 0), **SMALL)
    assert [r.lesion.lesion_id for r in baseline(ranked(spleen, tumour))] == [2, 1]


def test_a_mirrored_candidate_of_like_uptake_is_noticed():
    left, right = (
        lesion(n, "bone", bone=f"femur_{side}", suv=4.0, at=(x, 0, 0), **SMALL)
        for n, side, x in ((1, "left", -70.0), (2, "right", 275.0))
    )
    spine = organs("vertebrae_L3")  # at x = 100
    assert [r.features["mirrored"] for r in ranked(left, right, read_organs=spine)] == [1.0, 1.0]
    assert [r.features["mirrored"] for r in ranked(left, replace(right, suvpeak=9.0), read_organs=spine)] == [0.0, 0.0]
    assert [r.features["mirrored"] for r in ranked(left, right)] == [0.0, 0.0]


def test_a_map_with_head_and_both_feet_makes_a_complete_scan():
    assert is_complete(pet(read_organs=WHOLE)) is True
    assert is_complete(pet(read_organs=organs("skull", "toes_left"))) is False
    assert is_complete(pet(read_organs=organs("liver"))) is None
    assert is_complete(pet()) is None


def test_without_such_a_map_the_scan_must_be_as_long_as_the_patient():
    """The grid is 1050 mm long."""
    assert is_complete(pet(acquisition=Acquisition(height_cm=105.0))) is True
    assert is_complete(pet(acquisition=Acquisition(height_cm=175.0))) is False


def test_a_candidate_is_found_whether_or_not_the_scan_is_complete():
    tumour = lesion(1, "soft_tissue", suv=9.0)
    assert one(tumour).category == "candidate"
    cut = one(tumour, read_organs=organs("skull", "toes_left"))
    assert cut.category == "candidate"
    assert cut.missing[0] == "a scan from vertex to toe"


def test_no_candidate_means_something_only_on_a_complete_scan():
    weak = lesion(1, "bone", bone="rib_left_6", suv=3.0)
    assert one(weak).category == "no_candidate"
    assert one().category == "no_candidate"
    assert one().reasons[0].text == "The DOTATATE PET shows no candidate from vertex to toe."
    cut = one(weak, read_organs=organs("skull", "toes_left"))
    assert (cut.status, cut.category) == ("not_assessable", None)
    assert "does not reach from vertex to toe" in cut.reasons[0].text
    assert "is not known to reach" in one(weak, read_organs=organs("liver")).reasons[0].text


@pytest.mark.parametrize(
    ("disease", "line"), [(None, "not told whether osteomalacia"), ("net", "the patient's disease is another")]
)
def test_other_diseases_are_not_asked(disease, line):
    found = answer(patient(pet(lesion(suv=9.0)), disease=disease), SETTINGS)[0]
    assert found.status == "not_assessable"
    assert line in found.reasons[0].text


def test_the_answer_names_the_first_three_with_reasons_and_excuses_fractures():
    lesions = [lesion(n, "soft_tissue", suv=4.0 + n, at=(0, 0, 60.0 * n - 200)) for n in (1, 2, 3, 4)]
    rib = lesion(9, "bone", bone="rib_left_6", suv=3.0, at=(100, 0, 0), facts={"ct_hu_mean": 500.0}, **SMALL)
    found = one(*lesions, rib)
    assert [row["rank"] for row in found.rows] == [1, 2, 3, 4, 5]
    assert all(set(row) == set(QUESTION.row_columns) for row in found.rows)
    assert found.values["first"] == found.rows[0]["lesion"]
    assert [r.text.split(" (")[0] for r in found.reasons] == ["Rank 1", "Rank 2", "Rank 3", found.reasons[3].text]
    assert found.reasons[3].text.startswith("DOTATATE lesion 9 may be fractures or Looser zones")


def test_fdg_is_taken_where_there_is_no_dotatate():
    who = patient(pet(lesion(1, "soft_tissue", suv=6.0), tracer="fdg"), disease="tio")
    assert [r.lesion.tracer for r in candidates(who, who.visits[0], SETTINGS)] == ["fdg"]


def test_ranks_do_not_depend_on_the_order_of_lesions():
    lesions = [lesion(n, "soft_tissue", suv=3.0 + n, at=(0, 0, 60.0 * n - 200)) for n in range(1, 6)]
    who = patient(pet(*lesions), disease="tio")
    again = permuted(who, 5)
    keys = [r.lesion.key for r in candidates(who, who.visits[0], SETTINGS)]
    assert [r.lesion.key for r in candidates(again, again.visits[0], SETTINGS)] == keys


def test_impossible_settings_are_refused():
    with pytest.raises(ConfigError, match=r"answers\.culprit\.top_k"):
        settings_of({"culprit": {"top_k": 0}})
