"""A body of ellipses, moved by a known amount: it is found again. Noise, air and far-off fits are refused."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from netlesion.image.geometry import Geometry
from netlesion.image.transform import DisplacementField, RigidTransform, grid_points
from netlesion.image.volume import Quantity, Volume
from netlesion.preprocess.harmonise import resample
from netlesion.register import deformable
from netlesion.register.metric import Referee, mutual_information
from netlesion.register.pair import OTHER_FRAME, SAME_FRAME, comparable, judge, register_pair
from netlesion.register.rigid import mean_of, prepare
from netlesion.register.trunk import body, diaphragm_z_mm, trunk

IDENTITY = RigidTransform(np.eye(4))


def motion(turn_deg, shift_mm):
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", turn_deg, degrees=True).as_matrix()
    matrix[:3, 3] = shift_mm
    return RigidTransform(matrix)


def ellipse(p, centre, radii, power=2):
    return (np.abs((p - centre) / radii) ** power).sum(axis=1) < 1


def image(modality, where=IDENTITY, seed=0, shape=(41, 29, 47), spacing=(10.4, 10.4, 12.0), flip=(1, 1, 1), arms=True):
    """Trunk, arms, lungs, liver, kidneys, spine, pelvis; `where` takes a point of the body to this image's world."""
    affine = np.diag([*(np.array(spacing) * flip), 1.0])
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    grid = Geometry(affine, shape)
    p = where.inverse().apply(grid_points(grid))
    value = {
        "ct": (-1000, 30, -800, 110, 170, 500),
        "pet": (0.0, 0.8, 0.4, 4.0, 9.0, 1.2),
        "mr": (0, 300, 20, 400, 250, 90),
    }[modality]
    air, soft, lung, liver, kidney, bone = value
    array = np.full(len(p), air, dtype=np.float64)
    array[ellipse(p, [0, 0, 0], [165, 110, 250], 6)] = soft
    if arms:
        for x in (-195, 195):
            array[ellipse(p, [x, 0, 40], [22, 25, 190], 4)] = soft
    for x in (-75, 75):
        array[ellipse(p, [x, 5, 130], [62, 75, 95])] = lung
        array[ellipse(p, [x * 0.75, -50, -40], [28, 24, 48])] = kidney
    array[ellipse(p, [60, 15, 20], [85, 70, 55])] = liver
    array[ellipse(p, [0, -75, 0], [18, 18, 245], 8)] = bone
    for x in (-90, 90):
        array[ellipse(p, [x, -20, -190], [38, 45, 40])] = bone
    noise = np.random.default_rng(seed).normal(size=array.shape) * (
        0.15 * np.sqrt(np.abs(array)) if modality == "pet" else 12.0
    )
    quantity = {"ct": Quantity.HU, "pet": Quantity.SUVBW, "mr": Quantity.MR}[modality]
    return Volume((array + noise).reshape(shape), grid, quantity)


def error_mm(found, truth, points):
    return float(np.median(np.linalg.norm(found.apply(points) - truth.apply(points), axis=1)))


@pytest.fixture(scope="module")
def ct():
    return prepare(image("ct"))


def test_another_day_is_found_under_turns_shifts_flips_and_another_field_of_view(ct):
    truth = motion((2.0, -3.0, 5.0), (14.0, -9.0, 60.0))
    moving = prepare(image("ct", truth, seed=1, flip=(-1, -1, 1), shape=(43, 31, 39)))
    found = register_pair(ct, moving, same_frame=False)
    assert not found.refused, found.reason
    assert error_mm(found.transform, truth, ct.trunk_points()) < 1.5
    assert found.bits_after > found.bits_before
    assert found.inverse_consistency_mm < 0.25 * 10.4  # a quarter of a voxel


def test_pet_to_its_ct_in_one_frame():
    truth = motion((0.0, 0.0, 1.5), (3.0, -4.0, 2.0))
    fine = {"shape": (61, 43, 71), "spacing": (7.0, 7.0, 8.0)}
    pet, anatomy = prepare(image("pet", **fine)), prepare(image("ct", truth, seed=1, **fine))
    found = register_pair(pet, anatomy, same_frame=True, breathing=False)
    assert not found.refused, found.reason
    assert error_mm(found.transform, truth, pet.trunk_points()) < 0.5 * 7.0


def test_a_simultaneous_mr_keeps_its_headers():
    """Nothing in it says where breathing is, and rigid fits that follow the liver were 3 mm off everywhere else."""
    found = register_pair(prepare(image("pet")), prepare(image("mr", seed=1)), same_frame=True)
    assert found.transform is None
    assert not found.refused
    assert "breathing" in found.reason


def test_where_headers_are_right_they_stand():
    found = register_pair(prepare(image("pet")), prepare(image("ct", seed=1)), same_frame=True)
    moved = (
        0.0 if found.transform is None else error_mm(found.transform, IDENTITY, prepare(image("pet")).trunk_points())
    )
    assert moved < 1.0


@pytest.mark.slow
def test_a_deformation_is_found_between_cts_and_not_offered_between_pets(ct, monkeypatch):
    """Liver and kidneys 12 mm lower on one side, by a smooth bump: halved at least, and never asked of two PETs."""
    for name, quick in (("LEVELS", ((10.0, 6.0),)), ("SAMPLING", (0.3,)), ("ITERATIONS", 8)):
        monkeypatch.setattr(deformable, name, quick)
    grid = ct.image.geometry
    world = grid_points(grid)
    height = 14.0 * np.exp(-(((world - [40.0, 0.0, 0.0]) / 80.0) ** 2).sum(axis=1))
    bump = DisplacementField((height[:, None] * [0.3, 0.2, -1.0]).reshape(*grid.shape, 3), grid)
    bent = prepare(resample(image("ct", seed=1), image("ct").geometry, bump))
    found = register_pair(bent, ct, same_frame=False, deform=True)
    assert found.method == "deformable"
    places = world[(height > 7.0) & ct.mask.ravel()]
    left = np.linalg.norm(found.transform.apply(places) - bump.apply(places), axis=1)
    assert np.median(left) < 0.5 * np.median(np.linalg.norm(bump.apply(places) - places, axis=1))
    pet = prepare(image("pet"))
    assert not comparable(pet, pet)
    assert not comparable(ct, pet)


def noise(seed, quantity, scale, offset):
    geometry = image("ct").geometry
    return Volume(np.random.default_rng(seed).normal(offset, scale, geometry.shape), geometry, quantity)


@pytest.mark.parametrize("same_frame", [True, False])
def test_noise_is_refused(ct, same_frame):
    garbage = prepare(noise(10, Quantity.HU, 60.0, 40.0))
    other = ct if same_frame else prepare(noise(11, Quantity.HU, 60.0, 40.0))
    found = register_pair(other, garbage, same_frame=same_frame)
    assert found.refused, (found.bits_before, found.bits_after, found.bits_elsewhere)
    assert found.transform is None


def test_air_is_refused(ct):
    nothing = image("ct").with_array(np.full(image("ct").array.shape, -1000.0))
    found = register_pair(ct, prepare(nothing), same_frame=True)
    assert found.refused
    assert "no body" in found.reason


@pytest.mark.parametrize(
    ("moved", "consistency", "bounds", "words"),
    [
        (motion((0, 0, 0), (300.0, 0, 0)), 0.1, OTHER_FRAME, "lies in the other image"),
        (motion((0, 0, 0), (20.0, 0, 0)), 0.1, OTHER_FRAME, "no better than the headers"),
        (IDENTITY, 0.1, OTHER_FRAME, "no better than the headers"),
        (motion((0, 0, 0), (0.0, 0.0, 40.0)), 0.1, SAME_FRAME, "no better than the headers"),
    ],
)
def test_a_fit_that_gains_nothing_is_refused(ct, moved, consistency, bounds, words):
    assert words in judge(Referee(ct.image, ct.image, ct.mask), moved, ct.centre_mm, consistency, bounds).reason


def test_a_gain_beyond_plausible_bounds_is_refused(ct):
    shift, turn = motion((0, 0, 0), (0.0, 0.0, 40.0)), motion((0, 0, 12.0), (0, 0, 0))
    for truth, words in ((shift, "shift of 40 mm"), (turn, "turn of 12 degrees")):
        moving = prepare(image("ct", truth, seed=1))
        referee = Referee(ct.image, moving.image, ct.mask)
        assert words in judge(referee, truth, np.zeros(3), 0.1, SAME_FRAME).reason
        assert "differ by 6.0 mm" in judge(referee, truth, np.zeros(3), 6.0, OTHER_FRAME).reason
        assert judge(referee, truth, np.zeros(3), 0.1, OTHER_FRAME).transform is truth


def test_same_seed_same_transform(ct):
    moving = prepare(image("ct", motion((1.0, 0, 0), (5.0, 0, 0)), seed=1))
    first, second = (register_pair(ct, moving, same_frame=True, breathing=False).transform.matrix for _ in range(2))
    assert np.array_equal(first, second)


def test_the_trunk_has_no_arms_and_the_diaphragm_is_found():
    volume = image("ct")
    inside = trunk(body(volume))
    x = volume.geometry.to_world(np.argwhere(inside))[:, 0]
    assert np.abs(x).max() < 170.0
    assert np.ptp(x) > 300.0
    dome = diaphragm_z_mm(volume, inside)
    assert dome == pytest.approx(75.0, abs=25.0)
    assert diaphragm_z_mm(image("pet"), inside) is None


def test_mutual_information_by_hand():
    """Equal fair coins share one bit; independent ones none; a coin and its negative one."""
    coin = np.repeat([0.0, 1.0], 50)
    assert mutual_information(coin, coin) == pytest.approx(1.0)
    assert mutual_information(coin, 1 - coin) == pytest.approx(1.0)
    assert mutual_information(coin, np.tile([0.0, 1.0], 50)) == pytest.approx(0.0, abs=1e-12)
    assert mutual_information(coin, np.zeros(100)) == 0.0


def test_half_way_between_two_motions():
    centre = np.array([10.0, -20.0, 30.0])
    there = mean_of(motion((0, 0, 10.0), (4.0, 0, 0)), motion((0, 0, 20.0), (0, 2.0, 0)), centre)
    assert there.angle_deg == pytest.approx(15.0)
    first, second = motion((0, 0, 10.0), (4.0, 0, 0)), motion((0, 0, 20.0), (0, 2.0, 0))
    middle = (first.apply(centre[None]) + second.apply(centre[None])) / 2
    assert np.allclose(there.apply(centre[None]), middle)
