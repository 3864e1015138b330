"""What is drawn, without rendering: shares, ranges, places, and that one patient does not depend on another."""

from dataclasses import replace

import numpy as np
import pytest

from netlesion.errors import ConfigError
from netlesion.phantom.anatomy import draw_anatomy, parts_at
from netlesion.phantom.avidity import with_avidity
from netlesion.phantom.lesions import HOST_TISSUES, LesionPriors
from netlesion.phantom.patient import PhantomSettings, draw_patient, fov_z_mm
from netlesion.phantom.superellipsoid import Superellipsoid
from netlesion.phantom.uptake import HU_OF_TISSUE, SUV_OF_TISSUE, Lognormal, draw_uptake, with_sink_effect

SETTINGS = PhantomSettings()
NUM_DRAWS = 80


@pytest.fixture(scope="module")
def draws():
    return [draw_patient(index, seed=3, settings=SETTINGS) for index in range(NUM_DRAWS)]


def test_a_draw_depends_on_index_and_seed_alone(draws):
    assert draw_patient(7, seed=3, settings=SETTINGS) == draws[7]
    assert draw_patient(7, seed=4, settings=SETTINGS) != draws[7]
    assert draws[8] != replace(draws[7], index=8)


def test_lesion_priors_do_not_change_the_body(draws):
    other = draw_patient(7, seed=3, settings=replace(SETTINGS, lesions=LesionPriors(liver_suv_median=40.0)))
    assert other.anatomy == draws[7].anatomy
    assert other.field_seeds == draws[7].field_seeds


def test_a_negative_index_is_refused():
    with pytest.raises(ConfigError, match="-1"):
        draw_patient(-1, seed=0, settings=SETTINGS)


def test_about_a_fifth_of_patients_have_no_lesion_and_the_rest_a_few(draws):
    counts = np.array([len(draw.lesions) for draw in draws])
    assert 0.13 < (counts == 0).mean() < 0.31
    assert 2 <= np.median(counts[counts > 0]) <= 7
    assert counts.max() <= SETTINGS.lesions.max_count


def test_every_pattern_of_avidity_and_every_region_occurs(draws):
    lesions = [lesion for draw in draws for lesion in draw.lesions]
    assert {("sstr",), ("fdg",), ("sstr", "fdg")} <= {lesion.avid for lesion in lesions}
    assert {lesion.region for lesion in lesions} == {"liver", "node", "bone", "pancreas", "small_bowel"}
    primaries = [sum(lesion.kind == "primary" for lesion in draw.lesions) for draw in draws]
    assert max(primaries) == 1
    assert all(x.region in ("pancreas", "small_bowel") for x in lesions if x.kind == "primary")


def test_lesions_lie_inside_their_organ_apart_from_each_other_and_in_the_field_of_view(draws):
    around = np.random.default_rng(0).normal(size=(60, 3))
    around /= np.linalg.norm(around, axis=1, keepdims=True)
    for draw in draws:
        foot, head = fov_z_mm(draw.anatomy, SETTINGS)
        ids = [lesion.lesion_id for lesion in draw.lesions]
        assert ids == list(range(1, len(ids) + 1))
        for lesion in draw.lesions:
            assert foot < lesion.shape.centre_mm[2] < head
            if lesion.region != "node":
                surface = lesion.shape.at_surface(around)
                hosts = draw.anatomy.shapes_of(*HOST_TISSUES[lesion.region])
                assert max(host.contains(surface).mean() for host in hosts) > 0.9
            for other in draw.lesions[: lesion.lesion_id - 1]:
                assert not other.shape.contains(lesion.shape.at_surface(around)).any()


def test_a_short_field_of_view_holds_all_lesions_it_lists():
    short = replace(SETTINGS, fov_z_mm=(-60.0, 120.0), lesions=LesionPriors(negative_share=0.0))
    draws = [draw_patient(index, seed=3, settings=short) for index in range(6)]
    assert any(draw.lesions for draw in draws)
    for draw in draws:
        foot, head = fov_z_mm(draw.anatomy, short)
        assert all(foot + 29 < lesion.shape.centre_mm[2] < head - 29 for lesion in draw.lesions)


def test_lesion_sizes_follow_their_priors(draws):
    volumes = np.array([lesion.volume_ml for draw in draws for lesion in draw.lesions])
    smallest_ml = np.pi / 6 * 8.0**3 / 1000
    assert volumes.min() > 0.99 * smallest_ml
    assert 1.2 < np.median(volumes) < 3.0


def test_uptake_means_match_the_table_and_organs_correlate():
    rng = np.random.default_rng(2)
    sstr = [draw_uptake(rng).suv["sstr"] for _ in range(800)]
    for tissue, mean, sd in (("liver", 5.0, 1.6), ("spleen", 18.0, 7.0), ("kidney", 10.0, 3.0)):
        values = np.array([suv[tissue] for suv in sstr])
        assert values.mean() == pytest.approx(mean, rel=0.06)
        assert values.std() == pytest.approx(sd, rel=0.2)
    logs = np.log([[suv["liver"], suv["spleen"], suv["lung"]] for suv in sstr])
    correlation = np.corrcoef(logs.T)
    assert correlation[0, 1] == pytest.approx(0.4, abs=0.1)
    assert abs(correlation[0, 2]) < 0.12


def test_lognormal_keeps_its_moments():
    law = Lognormal.of_moments(8.0, 6.0)
    values = np.array([law.at(z) for z in np.random.default_rng(0).normal(size=40000)])
    assert values.mean() == pytest.approx(8.0, rel=0.02)
    assert values.std() == pytest.approx(6.0, rel=0.06)


def test_tumour_burden_takes_uptake_from_sink_organs_in_sstr_only():
    before = draw_uptake(np.random.default_rng(1))
    after = with_sink_effect(before, burden_ml=300.0)
    assert after.suv["sstr"]["spleen"] == pytest.approx(before.suv["sstr"]["spleen"] * (1 - 0.35 / 2))
    assert after.suv["sstr"]["lung"] == before.suv["sstr"]["lung"]
    assert after.suv["fdg"] == before.suv["fdg"]
    assert with_sink_effect(before, burden_ml=0.0) == before


def test_avidity_is_a_contrast_to_the_surroundings(draws):
    draw = next(d for d in draws if any(x.region == "liver" for x in d.lesions))
    lesion = next(x for x in draw.lesions if x.region == "liver")
    deep = replace(lesion, shape=Superellipsoid(draw.anatomy.shapes_of("liver")[0].centre_mm, (6.0, 6.0, 6.0)))
    liver_suv = draw.uptake.suv["sstr"]["liver"]

    def is_avid(contrast: float) -> bool:
        warm = replace(deep, suv={"sstr": contrast * liver_suv, "fdg": 0.1})
        return with_avidity((warm,), draw.anatomy, draw.uptake, LesionPriors())[0].avid == ("sstr",)

    assert not is_avid(1.7)
    assert is_avid(1.9)


def test_every_tissue_has_uptake_and_hu_and_organs_are_where_they_belong():
    anatomy = draw_anatomy(np.random.default_rng(4))
    tissues = {part.tissue for part in anatomy.parts}
    assert tissues <= set(SUV_OF_TISSUE)
    assert set(SUV_OF_TISSUE) == set(HU_OF_TISSUE)
    right, head, nowhere = parts_at(anatomy, np.array([[75.0, 5.0, 60.0], [0.0, 30.0, 440.0], [999.0, 0.0, 0.0]]))
    assert right.tissue == "liver"
    assert head.tissue == "brain"
    assert nowhere is None
