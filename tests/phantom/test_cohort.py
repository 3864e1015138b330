"""Digital patients: draws follow their priors, truth is true, time points are linked, images keep their promises."""

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from netlesion.errors import ConfigError
from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.phantom.biodistribution import (
    CHANNELS,
    FDG,
    SSTR,
    SUV_OF_TISSUE,
    UptakeSettings,
    draw_uptake,
    from_moments,
)
from netlesion.phantom.body.build import draw_body
from netlesion.phantom.body.shape import BodySettings
from netlesion.phantom.cohort import ONE_SESSION, make_visit, visit_of
from netlesion.phantom.evolution import EvolutionSettings, evolve
from netlesion.phantom.lesion_shape import draw_shape_of_lesion, sphere_volume_ml
from netlesion.phantom.lesions import LesionSettings, draw_net_lesions
from netlesion.phantom.patient import draw_patient
from netlesion.phantom.pet_physics import expected_image
from netlesion.phantom.pose import Pose
from netlesion.phantom.posture import pose_of
from netlesion.phantom.render import TISSUE_LABELS, PaintSettings, paint_tracers
from netlesion.phantom.scan import lower_near_bone, render_exam
from netlesion.phantom.scanners import SCANNERS
from netlesion.phantom.settings import PRESET_NAMES, PRESETS, settings_of
from netlesion.phantom.stage import Stage
from netlesion.phantom.tio import TioSettings, draw_tio_culprit
from netlesion.phantom.truth import true_field
from netlesion.quantify.measure import measure

COARSE = replace(
    ONE_SESSION, spacing_mm=(8.0, 9.0, 8.0), ct_spacing_mm=(11.0, 12.0, 14.0), ends=("pubis", "skull_base")
)
FOLLOWUP = replace(
    PRESETS["followup"],
    tracers_apart=False,
    spacing_mm=(6.0, 6.0, 6.0),
    ct_spacing_mm=(14.0, 13.0, 15.0),
    lesions=LesionSettings(negative_share=0.0, extra_mean=5.0, extra_size=5.0),
)


@pytest.fixture(scope="module")
def body():
    return draw_body(np.random.default_rng(5), BodySettings())


@pytest.fixture(scope="module")
def patient():
    """Somebody with a handful of lesions at two visits."""
    return draw_patient(0, seed=3, settings=FOLLOWUP)


@pytest.fixture(scope="module")
def rendered(patient):
    return [render_exam(patient, exam, FOLLOWUP) for exam in patient.exams]


def test_lognormals_have_the_moments_asked_for():
    d = from_moments(5.0, 1.6)
    assert (d.mean, d.sd) == (pytest.approx(5.0), pytest.approx(1.6))


def test_uptake_follows_the_table_and_its_correlations():
    drawn = [draw_uptake(np.random.default_rng(i), UptakeSettings()).suv for i in range(1500)]
    for n, channel in enumerate(CHANNELS):
        for tissue in ("liver", "spleen", "kidney_cortex", "muscle", "colon", "brain_grey"):
            values, wanted = np.array([d[channel][tissue] for d in drawn]), SUV_OF_TISSUE[tissue][n]
            assert values.mean() == pytest.approx(wanted.mean, rel=0.05), (channel, tissue)
            assert values.std() == pytest.approx(wanted.sd, rel=0.12), (channel, tissue)
    logs = {t: np.log([d[SSTR][t] for d in drawn]) for t in ("liver", "spleen", "kidney_cortex")}
    assert np.corrcoef(logs["liver"], logs["spleen"])[0, 1] == pytest.approx(0.4, abs=0.07)
    assert np.corrcoef(logs["liver"], logs["kidney_cortex"])[0, 1] == pytest.approx(0.3, abs=0.07)


def test_a_pet_shows_of_the_pituitary_what_the_table_says_after_blur():
    """4 SUV (clinical.md 7.2) as the mean of its voxels, over all scanners at 4 mm, for the mean patient."""
    uptake = draw_uptake(np.random.default_rng(0), UptakeSettings(spread=0.0))
    seen = []
    for seed in range(3):
        body = draw_body(np.random.default_rng(seed), BodySettings())
        (part,) = body.parts_of(organ="pituitary")
        affine = np.diag([4.0, 4.0, 4.0, 1.0])
        affine[:3, 3] = np.array(part.solid.centre_mm) - 33.0 + seed
        stage = Stage(Geometry(affine, (17, 17, 17)), Pose(body.joints, {}))
        truth = paint_tracers(body, (), uptake, (SSTR,), stage, PaintSettings(), 1)[SSTR]
        gland = truth.tissue == TISSUE_LABELS["pituitary"]
        for scanner in SCANNERS.values():
            image = expected_image(truth.suv, stage.geometry, scanner=scanner, nuclide="68Ga")
            seen.append(float(image[gland].mean()))
    assert np.mean(seen) == pytest.approx(4.0, rel=0.12)


def test_a_burden_takes_from_sink_organs_alone():
    uptake = draw_uptake(np.random.default_rng(0), UptakeSettings())
    after = uptake.with_burden(300.0)
    assert after.suv[SSTR]["spleen"] == pytest.approx(uptake.suv[SSTR]["spleen"] * (1 - 0.35 / 2))
    assert after.suv[SSTR]["muscle"] == uptake.suv[SSTR]["muscle"]
    assert after.suv[FDG] == uptake.suv[FDG]


@pytest.mark.parametrize("seed", range(4))
def test_a_lesion_has_the_volume_it_says(seed):
    shape = draw_shape_of_lesion(np.random.default_rng(seed), axis_ratio_min=0.6, lobulated_share=1.0)
    solid = shape.solid((0.0, 0.0, 0.0), sphere_volume_ml(22.0))
    x, y, z = np.meshgrid(*(np.arange(-30, 30, 1.0, dtype=np.float32),) * 3, indexing="ij")
    volume = float(np.clip(0.5 - solid.distance(x, y, z), 0, 1).sum()) / 1000
    assert volume == pytest.approx(sphere_volume_ml(22.0), rel=0.04)


def test_lesions_follow_their_priors(body):
    drawn = [draw_net_lesions(np.random.default_rng(i), body, LesionSettings(), (-450.0, 400.0)) for i in range(80)]
    negative = sum(not d for d in drawn) / len(drawn)
    assert 0.12 < negative < 0.40
    everything = [f for d in drawn for f in d]
    sites = Counter(f.site for f in everything)
    assert sites.most_common(1)[0][0] == "liver"
    assert {"node", "bone", "peritoneum", "pancreas"} <= sites.keys()
    assert 11.0 < np.median([f.diameter_mm for f in everything]) < 18.0
    for d in drawn:
        assert [f.lesion_id for f in d] == list(range(1, len(d) + 1))
        assert sum(f.kind == "primary" for f in d) <= 1
    for f in everything[:40]:
        if f.site == "liver":
            (liver,) = body.parts_of(organ="liver", tissue="liver")
            assert liver.solid.distance(*(np.array([c], dtype=np.float32) for c in f.centre_mm))[0] < 0


def test_at_most_one_culprit_anywhere_from_skull_to_toe(body):
    drawn = [draw_tio_culprit(np.random.default_rng(i), body, TioSettings()) for i in range(150)]
    assert {len(d) for d in drawn} == {0, 1}
    segments = Counter(f.segment.removesuffix("_left").removesuffix("_right") for d in drawn for f in d)
    assert {"trunk", "head", "thigh", "foot"} <= segments.keys()
    assert 0.55 < sum(map(len, drawn)) / len(drawn) < 0.9


def test_evolution_links_every_lesion_once(body):
    settings = EvolutionSettings(split_share=0.5, merge_share=0.9, merge_reach_mm=60.0)
    relations = Counter()
    for seed in range(30):
        rng = np.random.default_rng(seed)
        first = draw_net_lesions(rng, body, LesionSettings(negative_share=0.0), (-450.0, 400.0))
        evolved = evolve(rng, first, settings, lambda count, there, old=first: old[:count], 1000)
        before, after = {f.lesion_id for f in first}, [f.lesion_id for f in evolved.foci]
        assert {k.from_id for k in evolved.links} - {0} == before
        assert {k.to_id for k in evolved.links} - {0} == set(after)
        assert len(after) == len(set(after))
        relations.update(k.relation for k in evolved.links)
        sizes = {f.lesion_id: f.volume_ml for f in evolved.foci}
        for parent in {k.from_id for k in evolved.links if k.relation == "split"}:
            pieces = [sizes[k.to_id] for k in evolved.links if k.from_id == parent and k.to_id in sizes]
            if len(pieces) == 2:
                assert pieces[0] / pieces[1] == pytest.approx(0.35 / 0.45)
    assert relations.keys() == {"same", "split", "merge", "new", "resolved"}


def test_activity_is_the_same_on_every_grid_and_never_more_than_was_injected(patient):
    exam = patient.exams[0]
    pose = pose_of(exam.posture, patient.body)
    totals = []
    for spacing in ((3.0, 3.5, 4.0), (6.0, 6.0, 6.0)):
        shape = tuple(int(round(e / s)) for e, s in zip((504.0, 420.0, 420.0), spacing, strict=True))
        affine = np.diag([*spacing, 1.0])
        affine[:3, 3] = np.array([-252.0, -210.0, -250.0]) + np.array(spacing) / 2
        stage = Stage(Geometry(affine, shape), pose)
        foci = (*patient.mimics, *exam.foci)
        truth = paint_tracers(patient.body, foci, exam.uptake, CHANNELS, stage, PaintSettings(), 1)
        totals.append([truth[c].suv.sum(dtype=float) * stage.geometry.voxel_volume_ml for c in CHANNELS])
    np.testing.assert_allclose(totals[0], totals[1], rtol=0.01)
    assert max(totals[0]) < patient.weight_kg * 1000


def test_measuring_the_noise_free_image_gives_the_true_values(patient, rendered):
    made = visit_of(patient, patient.exams[0], rendered[0])
    for channel, pet in rendered[0].pets.items():
        truth = Volume(pet.truth.suv, pet.image.geometry, Quantity.SUVBW)
        measured = {m.lesion_id: m for m in measure(truth, made.instances[channel])}
        rows = [r for r in made.rows if r.tracer == channel and r.in_map]
        assert {r.lesion_id for r in rows} == set(measured)
        for row in rows:
            assert measured[row.lesion_id].suvmax_g_per_ml == pytest.approx(row.mask_suv_max, rel=1e-5)
            assert measured[row.lesion_id].suvmean_g_per_ml == pytest.approx(row.mask_suv_mean, rel=1e-5)
            if row.diameter_mm > 25:  # it has a middle that no neighbour shines into
                assert row.mask_suv_max >= 0.98 * row.suv_max_true
                assert row.num_voxels * truth.geometry.voxel_volume_ml == pytest.approx(row.volume_ml, rel=0.2)


def test_what_does_not_stand_out_is_in_the_table_and_not_in_the_map(patient, rendered):
    made = visit_of(patient, patient.exams[0], rendered[0])
    for row in made.rows:
        shown = row.lesion_id in np.unique(made.instances[row.tracer].array)
        assert shown == bool(row.in_map)
        blood = patient.exams[0].uptake.suv[row.tracer]["blood"]
        faint = row.contrast < 1.5 or row.suv_mean_true <= blood
        assert not (faint and shown), "no reader calls it positive"
    physiologic = made.classes["sstr"].array == 1
    assert (rendered[0].pets["sstr"].truth.suv[physiologic] >= 3.0).all()


def test_the_written_transform_takes_a_lesion_to_its_twin(patient, rendered):
    field, grid = true_field(patient, rendered[0], rendered[1])
    first, later = (
        {r.lesion_id: np.array([r.x_mm, r.y_mm, r.z_mm]) for r in visit_of(patient, e, i).rows}
        for e, i in zip(patient.exams, rendered, strict=True)
    )
    twins = [n for n in first if n in later]
    assert twins
    index = grid.to_index(np.array([first[n] for n in twins])).T
    moved = np.stack([map_coordinates(field[..., a], index, order=1, mode="nearest") for a in range(3)], axis=1)
    gaps = np.linalg.norm(np.array([first[n] for n in twins]) + moved - np.array([later[n] for n in twins]), axis=1)
    assert np.median(gaps) < 0.5
    assert gaps.max() < 3.0
    assert np.linalg.norm(moved, axis=1).max() > 2.0


def test_images_are_of_this_patient_and_day(rendered):
    one, two = rendered
    assert one.pets["sstr"].image.array.min() >= 0
    assert one.anatomical["ct"].array.min() >= -1024
    assert one.pets["sstr"].image.geometry.shape == one.pets["fdg"].image.geometry.shape
    assert not np.array_equal(one.pose.matrices["trunk"], two.pose.matrices["trunk"])


def test_same_seed_same_bytes_and_no_two_alike():
    a, b, other = (make_visit(i, seed=s, settings=COARSE) for i, s in ((1, 7), (1, 7), (1, 8)))
    for channel in a.visit.scans:
        np.testing.assert_array_equal(a.visit.scans[channel].volume.array, b.visit.scans[channel].volume.array)
    assert a.visit.scans["sstr"].acquisition != other.visit.scans["sstr"].acquisition


@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_every_preset_draws(preset):
    settings = settings_of(preset, 1)
    drawn = draw_patient(1, seed=2, settings=settings)
    assert len(drawn.exams) == (1 + settings.followups) * len(settings.modalities) * (
        2 if settings.tracers_apart else 1
    )
    assert 35.0 < drawn.weight_kg < 170.0
    for exam in drawn.exams:
        assert math.isfinite(exam.acquisitions[exam.channels[0]].suv_factor)


def test_an_unknown_preset_names_those_there_are():
    with pytest.raises(ConfigError, match="'net-ct'; expected one of net-petct, "):
        settings_of("net-ct", 0)


def test_a_petmr_has_its_sequences():
    settings = replace(
        PRESETS["net-petmr"], tracers_apart=False, spacing_mm=(9.0, 9.0, 9.0), ends=("pubis", "diaphragm_dome")
    )
    patient = draw_patient(2, seed=1, settings=settings)
    images = render_exam(patient, patient.exams[0], settings)
    assert {"dixon_water", "dixon_fat", "dixon_in", "dixon_opp", "t2", "dwi_b50", "dwi_b800"} == set(images.anatomical)
    assert all(v.quantity is Quantity.MR and v.array.min() >= 0 for v in images.anatomical.values())


def test_pet_reads_low_near_bone_where_the_attenuation_map_has_none(patient, rendered):
    pet = rendered[0].pets["fdg"]
    image = np.ones(pet.image.geometry.shape, dtype=np.float32)
    lower_near_bone(image, pet.truth, pet.image.geometry, patient.exams[0], replace(FOLLOWUP, mr_bias=(0.15, 0.15)))
    marrow, lung = (pet.truth.of_tissue({t: 1.0}) > 0 for t in ("bone_marrow", "lung"))
    assert 0.85 < np.median(image[marrow]) < 0.95
    assert np.median(image[lung]) > 0.97
    assert image.min() > 0.85
