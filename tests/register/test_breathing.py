"""A CT in another breath than its PET: organs are found where they went, wall and spine stay, noise is no breath."""

import numpy as np
import pytest

from netlesion.image.transform import DisplacementField, RigidTransform, grid_points
from netlesion.preprocess.harmonise import resample
from netlesion.register import breathing
from netlesion.register.breathing import KNOTS_MM, fit_breathing, moving_share
from netlesion.register.pair import register_pair
from netlesion.register.rigid import prepare
from tests.register.test_pair import IDENTITY, image, motion, noise

FINE = {"shape": (61, 43, 71), "spacing": (7.0, 7.0, 8.0)}
DOME_MM = 70.0
SPINE = np.array([[0.0, -75.0, z] for z in (-60.0, 0.0, 60.0)])
LIVER = np.array([[60.0, 15.0, 20.0], [40.0, 30.0, 0.0], [75.0, 20.0, 40.0]])


def bump(depth_mm, where=IDENTITY):
    """Where a CT that breathed otherwise shows the still body, p + bump(p): fading otherwise than the first guess."""
    geometry = image("ct", **FINE).geometry
    body = where.inverse().apply(grid_points(geometry))
    inside = np.exp(-((body[:, 0] / 140.0) ** 8)) / (1.0 + np.exp(-(body[:, 1] + 45.0) / 6.0))
    vectors = np.zeros((*geometry.shape, 3))
    vectors[..., 2] = (depth_mm * inside * np.exp(-(((body[:, 2] - 40.0) / 90.0) ** 2))).reshape(geometry.shape)
    return DisplacementField(vectors, geometry)


def breathed(depth_mm, where=IDENTITY):
    """The CT with its inner organs up to `depth_mm` lower."""
    still = image("ct", where, seed=1, **FINE)
    return prepare(resample(still, still.geometry, bump(depth_mm, where)))


@pytest.fixture(scope="module")
def pet():
    return prepare(image("pet", **FINE))


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(breathing, "NUM_POINTS", 12_000)


@pytest.mark.parametrize("depth_mm", [11.0, -9.0])
def test_the_liver_is_found_where_the_breath_took_it(pet, depth_mm):
    fit = fit_breathing(pet, breathed(depth_mm), IDENTITY, DOME_MM)
    places = np.random.default_rng(0).uniform([20, -10, -15], [100, 50, 55], size=(200, 3))
    found, truth = fit.field.apply(places), bump(depth_mm).undo(places)
    assert np.median(np.abs(found - truth)[:, 2]) < 0.35 * np.median(np.abs(places - truth)[:, 2])
    assert np.abs(found - places)[:, :2].max() < 1e-4, "nothing moves but along the body"
    assert np.abs(fit.field.apply(SPINE) - SPINE).max() < 0.5
    beyond = np.array([[20.0, 20.0, DOME_MM + KNOTS_MM[0] - 10.0], [20.0, 20.0, DOME_MM + KNOTS_MM[-1] + 10.0]])
    assert np.allclose(fit.field.apply(beyond), beyond, atol=1e-3)
    assert fit.error_mm < fit.depth_mm


def test_same_breath_is_no_breath_and_noise_is_none(pet):
    still = fit_breathing(pet, prepare(image("ct", seed=1, **FINE)), IDENTITY, DOME_MM)
    assert still is None or still.depth_mm < 1.5
    garbage = noise(10, image("ct").quantity, 60.0, 40.0)
    assert fit_breathing(pet, prepare(garbage), IDENTITY, DOME_MM) is None


def test_the_wall_and_what_lies_outside_the_trunk_stay(pet):
    share = moving_share(pet)
    assert share[~pet.mask].max() == 0.0
    assert share.max() == 1.0
    at = pet.image.geometry.to_index(np.vstack([SPINE, LIVER])).round().astype(int)
    assert np.all(share[tuple(at.T)] == pytest.approx([0, 0, 0, 1, 1, 1], abs=0.35))


def test_a_pair_keeps_its_rigid_part_for_chains(pet):
    truth = motion((0.0, 0.0, 1.0), (4.0, -5.0, 2.0))
    found = register_pair(pet, breathed(12.0, truth), same_frame=True)
    assert isinstance(found.transform, DisplacementField)
    assert isinstance(found.link, RigidTransform)
    assert "breathing" in found.method
    assert found.bits_after > found.bits_before
    far = np.array([[0.0, 0.0, -180.0], [80.0, 10.0, -160.0]])
    assert np.allclose(found.transform.apply(far), found.link.apply(far), atol=0.6)
