"""A rendered visit: bit-identical, on odd grids, and its images, labels and truth agree with each other."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from netlesion.phantom.cohort import LesionTruth, PhantomSettings, draw_patient, make_visit, render
from netlesion.phantom.lesions import LesionPriors
from netlesion.phantom.superellipsoid import share_of_voxels
from netlesion.volume import Quantity

SETTINGS = PhantomSettings(
    pet_spacing_mm=(5.0, 6.0, 7.0), ct_spacing_mm=(6.0, 5.0, 8.0), lesions=LesionPriors(negative_share=0.0)
)
SEED = 11
CHANNELS = ("sstr", "fdg")


def busy_index() -> int:
    """The first patient with at least six lesions, one of them a primary and one FDG-avid."""
    for index in range(200):
        lesions = draw_patient(index, seed=SEED, settings=SETTINGS).lesions
        if len(lesions) >= 6 and lesions[0].kind == "primary" and any("fdg" in x.avid for x in lesions):
            return index
    raise AssertionError("no busy patient among 200")


@pytest.fixture(scope="module")
def draw():
    return draw_patient(busy_index(), seed=SEED, settings=SETTINGS)


@pytest.fixture(scope="module")
def busy(draw):
    return render(draw, SETTINGS)


def test_the_same_arguments_give_the_same_bits_and_others_do_not(draw, busy):
    draw_patient(draw.index + 1, seed=SEED, settings=SETTINGS)
    again = make_visit(draw.index, seed=SEED, settings=SETTINGS)
    assert again.lesions == busy.lesions
    for channel, scan in busy.visit.scans.items():
        np.testing.assert_array_equal(again.visit.scans[channel].volume.array, scan.volume.array)
    for channel in CHANNELS:
        np.testing.assert_array_equal(again.classes[channel].array, busy.classes[channel].array)
        np.testing.assert_array_equal(again.instances[channel].array, busy.instances[channel].array)
    other_noise = replace(draw, field_seeds={**draw.field_seeds, "ct_noise": 1})
    ct = busy.visit.scans["ct"].volume.array
    assert (render(other_noise, SETTINGS).visit.scans["ct"].volume.array != ct).any()


def test_a_visit_has_three_scans_on_their_own_grids(busy):
    scans = busy.visit.scans
    assert set(scans) == {"sstr", "fdg", "ct"}
    assert busy.visit.visit_id == f"sub-{busy.visit.patient_id}_ses-01"
    assert scans["ct"].volume.quantity is Quantity.HU
    for one, other in (("sstr", "fdg"), ("sstr", "ct"), ("fdg", "ct")):
        assert not scans[one].volume.geometry.same_grid(scans[other].volume.geometry)
    for channel in CHANNELS:
        grid = scans[channel].volume.geometry
        assert scans[channel].volume.quantity is Quantity.SUVBW
        assert scans[channel].tracer.value == channel
        assert len(set(grid.shape)) == 3
        assert busy.visit.masks[channel] is busy.classes[channel]
        assert grid.same_grid(busy.instances[channel].geometry)
    assert scans["sstr"].volume.geometry.affine_ras[0, 0] < 0 < scans["fdg"].volume.geometry.affine_ras[0, 0]


@pytest.mark.parametrize(("channel", "half_life_s"), [("sstr", 4062.6), ("fdg", 6586.2)])
def test_the_facts_of_acquisition_give_the_factor(busy, channel, half_life_s):
    facts = busy.visit.scans[channel].acquisition
    assert facts.half_life_s == half_life_s
    assert 2700 <= facts.uptake_s <= 5400
    decayed_bq = facts.dose_bq * 0.5 ** (facts.uptake_s / half_life_s)
    assert facts.suv_factor == pytest.approx(facts.weight_kg * 1000 / decayed_bq)
    assert 15 < facts.weight_kg / (facts.height_cm / 100) ** 2 < 40


def test_classes_instances_and_truth_agree(busy):
    for channel in CHANNELS:
        classes, instances = busy.classes[channel].array, busy.instances[channel].array
        np.testing.assert_array_equal(classes >= 2, instances > 0)
        assert set(np.unique(classes)) <= {0, 1, 2, 3}
        assert (classes == 1).any()
        avid = {lesion.lesion_id for lesion in busy.lesions if channel in lesion.avid}
        assert set(np.unique(instances)) - {0} == avid
        for lesion in busy.lesions:
            expected = {"primary": {2}, "metastasis": {3}}[lesion.kind] if lesion.lesion_id in avid else set()
            assert set(np.unique(classes[instances == lesion.lesion_id])) == expected


def test_lesion_voxels_lie_where_and_are_as_many_as_the_truth_says(busy):
    num_large = 0
    for channel in CHANNELS:
        grid, labels = busy.instances[channel].geometry, busy.instances[channel].array
        for lesion in busy.lesions:
            index = np.argwhere(labels == lesion.lesion_id)
            if len(index):
                gap_mm = np.linalg.norm(grid.to_world(index).mean(axis=0) - lesion.centre_mm)
                assert gap_mm < 5.0
                if lesion.volume_ml > 20 * grid.voxel_volume_ml:
                    num_large += 1
                    assert len(index) * grid.voxel_volume_ml == pytest.approx(lesion.volume_ml, rel=0.2)
    assert num_large > 0


def test_a_lesion_too_small_for_the_grid_is_not_listed_as_avid():
    coarse = replace(
        SETTINGS,
        pet_spacing_mm=(13.0, 14.0, 15.0),
        ct_spacing_mm=(20.0, 20.0, 20.0),
        lesions=LesionPriors(negative_share=0.0, diameter_max_mm=9.0),
    )
    lost = 0
    for index in range(3):
        draw = draw_patient(index, seed=SEED, settings=coarse)
        made = render(draw, coarse)
        for drawn, lesion in zip(draw.lesions, made.lesions, strict=True):
            lost += len(drawn.avid) - len(lesion.avid)
            for channel in CHANNELS:
                assert (channel in lesion.avid) == (made.instances[channel].array == lesion.lesion_id).any()
    assert lost > 0


@pytest.mark.parametrize(("channel", "tissue"), [("sstr", "liver"), ("fdg", "liver"), ("sstr", "spleen")])
def test_pet_over_a_large_organ_has_the_mean_that_was_drawn(channel, tissue):
    draw = draw_patient(5, seed=SEED, settings=SETTINGS)
    draw = replace(draw, lesions=())
    scan = render(draw, SETTINGS).visit.scans[channel].volume
    inner = draw.anatomy.shapes_of(tissue)[0].grown(-14.0)
    part = share_of_voxels(inner, scan.geometry)
    inside = part.share > 0.99
    for other in draw.anatomy.parts[1 + max(n for n, p in enumerate(draw.anatomy.parts) if p.tissue == tissue) :]:
        near = np.zeros(scan.array.shape, dtype=bool)
        reach = share_of_voxels(other.shape.grown(14.0), scan.geometry)
        near[reach.box] = reach.share > 0
        inside &= ~near[part.box]
    assert inside.sum() > 20
    assert scan.array[part.box][inside].mean() == pytest.approx(draw.uptake.suv[channel][tissue], rel=0.06)


def test_air_is_cold_lesions_are_hot_and_ct_has_bone_fat_and_air(busy):
    pet, labels = busy.visit.scans["sstr"].volume.array, busy.instances["sstr"].array
    assert np.median(pet[0]) < 0.1
    hot = max((x for x in busy.lesions if "sstr" in x.avid), key=lambda x: x.volume_ml)
    own = labels == hot.lesion_id
    rim = ndimage.binary_dilation(own, iterations=3) & ~ndimage.binary_dilation(own, iterations=2)
    assert pet[own].max() > 1.3 * np.median(pet[rim & (labels == 0)])
    ct = busy.visit.scans["ct"].volume.array
    assert (ct < -900).any()
    assert ((ct > -130) & (ct < -80)).any()
    assert (ct > 400).any()


def test_a_patient_without_lesions_has_empty_truth_but_physiologic_uptake():
    made = make_visit(2, seed=SEED, settings=replace(SETTINGS, lesions=LesionPriors(negative_share=1.0)))
    assert made.lesions == ()
    for channel in CHANNELS:
        assert not made.instances[channel].array.any()
        assert set(np.unique(made.classes[channel].array)) == {0, 1}


def test_lesion_truth_is_a_frozen_record(busy):
    assert all(isinstance(lesion, LesionTruth) for lesion in busy.lesions)
    with pytest.raises(AttributeError):
        busy.lesions[0].volume_ml = 0.0
