"""What stands in a row where a PET has a surrounding: hand-countable lesions in a field of known uptake."""

import numpy as np
import pytest
from scipy import ndimage

from netlesion.image.geometry import Geometry
from netlesion.image.visit import Tracer
from netlesion.image.volume import Quantity, Volume
from netlesion.quantify.anatomy import AnatomicalImage
from netlesion.quantify.context import Context
from netlesion.quantify.measure import measure
from netlesion.quantify.organ_map import OrganMap
from netlesion.quantify.peak import suv_peak
from netlesion.quantify.references import ReferenceOrgan, ReferenceOrgans

SPACING = (4.0, 3.0, 5.0)
GEOMETRY = Geometry(np.array([[-4.0, 0, 0, 60], [0, 3.0, 0, -40], [0, 0, 5.0, 10], [0, 0, 0, 1]]), (31, 29, 23))


def field():
    """A lesion of 6 in a background of 1, with another lesion and a hot kidney within 15 mm of it."""
    suv, labels, organs = np.ones(GEOMETRY.shape), np.zeros(GEOMETRY.shape, int), np.zeros(GEOMETRY.shape, int)
    labels[14:17, 12:16, 10:12], suv[14:17, 12:16, 10:12] = 5, 6.0
    suv[15, 13, 11] = 9.0
    labels[20, 13, 10], suv[20, 13, 10] = 2, 30.0
    organs[10:12, 8:20, 5:15], suv[10:12, 8:20, 5:15] = 1, 50.0
    organs[22:25, 8:20, 5:15] = 2
    return (
        Volume(suv, GEOMETRY, Quantity.SUVBW),
        Volume(labels, GEOMETRY, Quantity.LABEL),
        OrganMap(organs.astype(np.uint8), GEOMETRY, {1: "kidney_left", 2: "vertebra_L1"}),
    )


def test_the_local_background_leaves_out_other_lesions_and_hot_organs():
    suv, labels, organs = field()
    second, fifth = measure(suv, labels, context=Context(Tracer.SSTR, organs=organs))
    assert (fifth.background_g_per_ml, fifth.background_sd_g_per_ml) == (1.0, 0.0)
    assert (fifth.background_ratio_max, fifth.background_ratio_mean) == (9.0, fifth.suvmean_g_per_ml)
    assert second.background_g_per_ml == 1.0


def test_without_a_map_the_background_is_the_whole_shell():
    suv, labels, _ = field()
    fifth = measure(suv, labels)[1]
    mask = labels.array == 5
    distance = ndimage.distance_transform_edt(~mask, sampling=SPACING)
    shell = (distance > 5) & (distance <= 15) & (labels.array == 0)
    assert fifth.background_g_per_ml == pytest.approx(suv.array[shell].mean(dtype=float), rel=1e-6)
    assert fifth.background_g_per_ml > 2  # of the kidney
    assert (fifth.region, fifth.organ, fifth.region_confidence) == (None, None, None)


def test_a_lesion_has_its_region_by_the_map():
    suv, labels, organs = field()
    second = measure(suv, labels, context=Context(Tracer.SSTR, organs=organs))[0]
    assert (second.region, second.organ, second.bone) == ("soft_tissue", None, None)
    moved = np.roll(labels.array, 3, axis=0)
    second = measure(suv, labels.with_array(moved), context=Context(Tracer.SSTR, organs=organs))[0]
    assert (second.region, second.organ, second.bone) == ("bone", "vertebrae_L1", "vertebrae_L1")


def test_ratios_compare_like_with_like():
    suv, labels, _ = field()
    liver = ReferenceOrgan(3.0, 0.2, 4.0, 14.0, (0.0, 0.0, 0.0), "organ map")
    fifth = measure(suv, labels, context=Context(references=ReferenceOrgans({"liver": liver})))[1]
    assert fifth.liver_ratio_max == 3.0
    assert fifth.liver_ratio_mean == pytest.approx(fifth.suvmean_g_per_ml / 3)
    assert fifth.liver_ratio_peak == pytest.approx(fifth.suvpeak_g_per_ml / 4)
    assert (fifth.spleen_ratio_max, fifth.blood_pool_ratio_peak) == (None, None)


def test_lean_mass_scales_max_mean_and_peak():
    suv, labels, _ = field()
    lean, plain = (measure(suv, labels, context=Context(sul_per_suv=ratio))[1] for ratio in (0.75, None))
    assert lean.sulmax_g_per_ml == 0.75 * 9.0
    assert lean.sulmean_g_per_ml == pytest.approx(0.75 * lean.suvmean_g_per_ml)
    assert lean.sulpeak_g_per_ml == pytest.approx(0.75 * lean.suvpeak_g_per_ml)
    assert (plain.sulmax_g_per_ml, plain.sulmean_g_per_ml, plain.sulpeak_g_per_ml) == (None, None, None)


def test_ct_and_mr_are_read_where_the_lesion_lies():
    suv, labels, _ = field()
    hu = Volume(np.where(labels.array == 5, 80.0, -100.0), GEOMETRY, Quantity.HU)
    t2 = Volume(np.where(labels.array == 5, 300.0, 150.0), GEOMETRY, Quantity.MR)
    fifth = measure(suv, labels, context=Context(images={"ct": AnatomicalImage(hu), "mr_t2": AnatomicalImage(t2)}))[1]
    assert (fifth.ct_hu_mean, fifth.mr_t2_ratio, fifth.mr_t1_ratio) == (80.0, 2.0, None)


def test_peaks_totals_and_the_hottest_point_are_those_of_the_slow_way():
    suv, labels, _ = field()
    fifth = measure(suv, labels)[1]
    voxels = np.argwhere(labels.array == 5)
    assert fifth.suvpeak_g_per_ml == pytest.approx(suv_peak(suv.array, voxels, SPACING))
    assert fifth.suvpeak_local_g_per_ml == pytest.approx(suv_peak(suv.array, voxels, SPACING, mode="local"))
    assert fifth.suvpeak_ibsi_g_per_ml == pytest.approx(suv_peak(suv.array, voxels, SPACING, "ibsi_centre"))
    assert fifth.total_uptake_g == pytest.approx((23 * 6 + 9) * 0.06)
    hottest = GEOMETRY.to_world(np.array([[15, 13, 11]]))[0]
    assert (fifth.hottest_x_mm, fifth.hottest_y_mm, fifth.hottest_z_mm) == pytest.approx(tuple(hottest))
    assert fifth.num_peaks == 1


def test_the_score_is_the_highest_probability_and_its_95th_percentile():
    suv, labels, _ = field()
    probability = np.zeros(GEOMETRY.shape)
    probability[labels.array == 5] = np.linspace(0.5, 0.96, 24)
    fifth = measure(suv, labels, Volume(probability, GEOMETRY, Quantity.PROBABILITY))[1]
    assert (fifth.score, fifth.score_p95) == (
        pytest.approx(0.96),
        pytest.approx(np.percentile(np.linspace(0.5, 0.96, 24), 95)),
    )


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_flipped_scan_is_measured_alike(axis):
    suv, labels, organs = field()
    rng = np.random.default_rng(4)
    noisy = suv.with_array(suv.array * rng.uniform(0.9, 1.1, GEOMETRY.shape))
    flip = np.diag([-1.0 if a == axis else 1.0 for a in range(3)] + [1.0])
    flip[axis, 3] = GEOMETRY.shape[axis] - 1
    turned = Geometry(GEOMETRY.affine_ras @ flip, GEOMETRY.shape)

    def turn(volume):
        return Volume(np.flip(volume.array, axis), turned, volume.quantity)

    mirrored = OrganMap(np.flip(organs.labels, axis), turned, organs.names)
    first = measure(noisy, labels, context=Context(Tracer.SSTR, organs=organs))
    second = measure(turn(noisy), turn(labels), context=Context(Tracer.SSTR, organs=mirrored))
    for a, b in zip(first, second, strict=True):
        assert {n: v for n, v in vars(a).items() if isinstance(v, float)} == pytest.approx(
            {n: v for n, v in vars(b).items() if isinstance(v, float)}, rel=1e-4, abs=1e-3
        )
        assert [v for v in vars(a).values() if not isinstance(v, float)] == [
            v for v in vars(b).values() if not isinstance(v, float)
        ]


def test_a_lesion_at_the_border_and_one_of_a_single_voxel_are_measured():
    suv, labels, _ = field()
    array = np.zeros(GEOMETRY.shape, int)
    array[0, 0, 0], array[30, 28, 22] = 1, 2
    for row in measure(suv, labels.with_array(array)):
        assert (row.suvmax_g_per_ml, row.suvpeak_g_per_ml, row.num_peaks) == (1.0, pytest.approx(1.0), 1)
        assert (row.cov, row.skewness, row.auc_csh) == (0.0, None, None)
        assert row.background_g_per_ml == 1.0
