"""A body made of a label map: the built-in body, rasterised and fed back, keeps its organs; lesions lie in them.

The map is the oracle: it is painted by the built-in solids, which `from_labels` never sees.
"""

from dataclasses import replace

import numpy as np
import pytest

from netlesion.errors import ConfigError
from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.phantom.body.build import draw_body
from netlesion.phantom.body.from_labels import body_from_labels
from netlesion.phantom.body.label_anatomy import read_anatomy, require_body
from netlesion.phantom.body.labels import LABELS
from netlesion.phantom.body.parts import LANDMARKS, SEGMENTS
from netlesion.phantom.body.shape import BodySettings
from netlesion.phantom.lesions import LesionSettings
from netlesion.phantom.paint import paint
from netlesion.phantom.patient import draw_patient
from netlesion.phantom.pose import Pose
from netlesion.phantom.settings import PRESETS
from netlesion.phantom.stage import Stage

NAMES = {n: name for name, n in LABELS.items()}
PLAIN = BodySettings(female_height_cm=(164.0, 0.0), male_height_cm=(177.0, 0.0), build_sd=0.0)
SPACING_MM = np.array([4.5, 4.5, 5.0])
#: Where the map's world has its zero, in the body's frame.
SHIFT_MM = np.array([31.0, -120.0, 800.0])


def painted(body, affine, shape):
    """The organ label of every voxel in the reference posture."""
    organ = np.zeros(shape, dtype=np.uint8)
    for part, share in paint(Stage(Geometry(affine, shape), Pose(body.joints, {})), body.parts):
        if part.organ:
            organ[share.box][share.share >= 0.5] = LABELS[part.organ]
    return organ


@pytest.fixture(scope="module")
def person():
    return draw_body(np.random.default_rng(3), PLAIN)


@pytest.fixture(scope="module")
def labels(person):
    """The built-in body from the vertex to the thighs, arms down, on an LPS grid away from the origin."""
    affine = np.diag([-SPACING_MM[0], -SPACING_MM[1], SPACING_MM[2], 1.0])
    affine[:3, 3] = 258.0, 148.0, -520.0
    shape = (115, 64, 226)
    organ = painted(person, affine, shape)
    affine[:3, 3] += SHIFT_MM
    return Volume(organ, Geometry(affine, shape), Quantity.LABEL)


@pytest.fixture(scope="module")
def anatomy(labels):
    return read_anatomy(labels, NAMES, "built-in")


@pytest.fixture(scope="module")
def made(anatomy):
    return body_from_labels(anatomy, np.random.default_rng(0), PLAIN)


@pytest.fixture(scope="module")
def again(labels, anatomy, made):
    """The organ map of the body made of the map, on the map's own grid."""
    affine = np.array(labels.geometry.affine_ras)
    affine[:3, 3] -= anatomy.frame.at((0.0, 0.0, 0.0))
    return painted(made.body, affine, labels.geometry.shape)


def test_organs_come_back_where_they_were_and_as_large(labels, again):
    volume_ml, large = float(np.prod(SPACING_MM)) / 1000.0, 0
    for name, n in LABELS.items():
        was, now = labels.array == n, again == n
        if was.sum() * volume_ml > 100.0 and name not in ("skin", "mediastinum"):
            large += 1
            assert now.sum() == pytest.approx(was.sum(), rel=0.05), name
            assert 2.0 * (was & now).sum() / (was.sum() + now.sum()) > 0.9, name
    assert large > 25


def test_joints_and_landmarks_are_those_of_the_body_it_was(person, made):
    assert set(made.body.landmarks) == set(LANDMARKS)
    assert set(made.body.joints) == {hold[1] for hold in SEGMENTS.values() if hold is not None}
    for name in ("hip_left", "hip_right", "shoulder_left", "shoulder_right"):
        assert np.linalg.norm(np.subtract(made.body.joints[name], person.joints[name])) < 25.0, name
    for name in ("vertex", "skull_base", "diaphragm_dome", "pubis", "mid_thigh"):
        assert made.body.landmarks[name][2] == pytest.approx(person.landmarks[name][2], abs=16.0), name
    assert made.body.height_cm == pytest.approx(person.height_cm, rel=0.03)
    assert made.body.sex == person.sex
    stations = {s.name: s.solid.bounds_mm().mean(axis=0) for s in person.stations}
    for station in made.body.stations:
        own = [s.solid.bounds_mm().mean(axis=0) for s in person.stations if s.name == station.name]
        assert min(np.linalg.norm(o - station.solid.bounds_mm().mean(axis=0)) for o in own) < 22.0, station.name
    assert {s.name for s in made.body.stations} >= set(stations) - {"liver_capsule"}


def test_the_head_moves_and_everything_else_is_trunk(made):
    assert {p.segment for p in made.body.parts} == {"trunk", "head"}
    assert {p.segment for p in made.body.parts if p.organ in ("brain", "skull")} == {"head"}
    assert {p.segment for p in made.body.parts if p.organ in ("humerus_left", "femur_right", "liver")} == {"trunk"}


def test_tissues_are_layered(made):
    tissues = {
        organ: [p.tissue for p in made.body.parts_of(organ=organ)]
        for organ in ("kidney_left", "vertebrae_L3", "stomach", "small_bowel", "pancreas")
    }
    assert tissues == {
        "kidney_left": ["kidney_cortex", "kidney_medulla"],
        "vertebrae_L3": ["cortical_bone", "bone_marrow"],
        "stomach": ["stomach_wall", "stomach_content"],
        "small_bowel": ["jejunum", "ileum"],
        "pancreas": ["pancreas_body", "pancreas_head"],
    }


def test_people_vary_around_the_map_and_one_seed_is_one_body(anatomy, made):
    bodies = [body_from_labels(anatomy, np.random.default_rng(n), BodySettings()).body for n in (1, 1, 2, 3)]
    heights = [b.height_cm for b in bodies]
    assert heights[0] == heights[1]
    assert len(set(heights)) == 3
    one, same = ([p.solid.bounds_mm().tobytes() for p in b.parts] for b in bodies[:2])
    assert one == same
    for body in bodies:
        liver, plain = (b.parts_of(organ="liver")[0].solid.bounds_mm() for b in (body, made.body))
        grown = np.diff(liver, axis=0) / np.diff(plain, axis=0)
        assert grown.min() > 0.85
        assert grown.max() < 1.15
        assert grown[0, 2] == pytest.approx(body.height_cm / made.body.height_cm, rel=1e-3)


def test_lesions_lie_in_their_organs(labels, anatomy, made):
    settings = replace(
        PRESETS["net-petct"], lesions=LesionSettings(negative_share=0.0, extra_mean=20.0, extra_size=5.0)
    )
    origin = anatomy.frame.at((0.0, 0.0, 0.0))
    sites = set()
    for index in range(3):
        for focus in draw_patient(index, seed=2, settings=settings, body=made.body).exams[0].foci:
            sites.add(focus.site)
            voxel = np.rint(labels.geometry.to_index(np.array([focus.centre_mm]) + origin)[0]).astype(int)
            near = labels.array[tuple(slice(v - 1, v + 2) for v in voxel)]
            if focus.site in ("liver", "pancreas", "small_bowel", "bone", "lung"):
                assert LABELS[focus.region] in near, (focus.site, focus.region)
            assert near.any()
    assert sites >= {"liver", "node", "bone"}


def few_organs(shape=(60, 40, 55), spacing_mm=6.0, upside_down=False, mirrored=False):
    """Liver, spleen and a column of lumbar vertebrae as plain ellipsoids; no body."""
    index = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1) * spacing_mm
    organ = np.zeros(shape, dtype=np.uint8)
    middle = np.array(shape) * spacing_mm / 2.0
    for name, place, axes in (
        ("liver", (58, 20, 60), (60, 55, 60)), ("spleen", (-95, -20, 60), (25, 35, 45)),
        ("pancreas", (-10, 20, 0), (60, 12, 12)),
        *((f"vertebrae_L{n}", (0, -40, 36 - 36 * n), (22, 18, 15)) for n in range(1, 6)),
    ):  # fmt: skip
        inside = (((index - middle - place) / axes) ** 2).sum(axis=-1) <= 1.0
        organ[inside] = LABELS[name]
    organ = organ[:, :, ::-1] if upside_down else organ[::-1] if mirrored else organ
    return Volume(organ, Geometry(np.diag([spacing_mm] * 3 + [1.0]), shape), Quantity.LABEL)


def test_a_map_of_few_organs_stands_and_says_what_it_lacks():
    labels = few_organs()
    made = body_from_labels(read_anatomy(labels, NAMES, "few"), np.random.default_rng(1), PLAIN)
    line = made.line("few")
    assert line.startswith("anatomy few: placed by landmark: adrenal_gland_right")
    assert "pituitary" in line.split("left out:")[1]
    assert "lung" in line
    assert "no body mask" in line
    assert "\n" not in line
    assert {p.segment for p in made.body.parts} == {"trunk"}
    assert np.abs(made.body.parts_of(organ="vertebrae_L1")[0].solid.bounds_mm().mean(axis=0)[[0, 2]]).max() < 6.0
    skin = made.body.parts_of(tissue="skin")[0].solid.bounds_mm()
    for part in made.body.parts_of(organ="liver"):
        assert (part.solid.bounds_mm()[0] > skin[0]).all()
        assert (part.solid.bounds_mm()[1] < skin[1]).all()


def test_a_cohort_of_few_organs_is_made_with_lesions_in_the_liver(tmp_path, capsys):
    from netlesion.io.nifti import read_volume, write_volume
    from netlesion.phantom.digital_cohort.bids import CohortPlan, make_cohort

    write_volume(tmp_path / "maps" / "p1.nii.gz", few_organs())
    lesions = LesionSettings(
        negative_share=0.0,
        primary_share=0.0,
        extra_mean=6.0,
        extra_size=50.0,
        site_shares={"liver": 1.0},
        diameter_min_mm=18.0,
    )
    settings = replace(PRESETS["net-petct"], lesions=lesions, noise=False, tracers_apart=False)
    plan = CohortPlan(1, 4, settings=settings, spacing_mm=(6.0, 6.0, 6.0), anatomy=tmp_path / "maps")
    for name in ("one", "two"):
        make_cohort(tmp_path / name, plan, workers=1)
    assert capsys.readouterr().err.count("anatomy p1.nii.gz: placed by landmark:") == 2
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*.nii.gz"))
    assert all((tmp_path / "one" / f).read_bytes() == (tmp_path / "two" / f).read_bytes() for f in files)
    truth = tmp_path / "one" / "derivatives" / "netlesion"
    instances, organs = (
        read_volume(next(truth.rglob(f"*dotatate*desc-{desc}_*.nii.gz")), Quantity.LABEL).array
        for desc in ("lesions", "organs")
    )
    assert instances.max() >= 3
    assert (organs[instances > 0] == LABELS["liver"]).mean() > 0.85


def refused(labels, names=NAMES):
    with pytest.raises(ConfigError) as caught:
        require_body(labels, names, "map.nii.gz")
    assert str(caught.value).startswith("map.nii.gz: ")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_no_body_is_refused():
    good = few_organs()
    assert "empty" in refused(good.with_array(good.array * 0))
    assert "no known organ" in refused(good, {})
    soft = {LABELS[n]: n for n in ("spleen", "pancreas")}
    assert "neither liver nor any bone" in refused(good, soft)
    for spacing_mm in (0.006, 60.0):
        assert "no body does" in refused(
            replace(good, geometry=Geometry(np.diag([spacing_mm] * 3 + [1.0]), good.geometry.shape))
        )
    assert "upside down" in refused(few_organs(upside_down=True))
    assert "mirrored" in refused(few_organs(mirrored=True))
