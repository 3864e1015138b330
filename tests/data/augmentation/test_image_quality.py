"""Noise follows the square root of SUV, shifts replicate borders, blurs keep what they blur."""

import numpy as np
import torch
from scipy import ndimage

from netlesion.data.augmentation.field import blur, rotation
from netlesion.data.augmentation.image_quality import shifted, with_noise


def test_noise_has_the_level_asked_for_at_every_suv_and_no_negative_voxel():
    noise = torch.from_numpy(np.random.default_rng(0).normal(size=(40, 30, 20)).astype(np.float32))
    for suv in (1.0, 9.0):
        noisy = with_noise(torch.full((40, 30, 20), suv), noise, 0.1)
        assert abs(float(noisy.std()) / (0.1 * suv**0.5) - 1.0) < 0.01
    assert float(with_noise(torch.zeros(40, 30, 20), noise, 5.0).min()) >= 0.0


def test_a_shift_is_that_of_scipy_with_replicated_borders():
    image = torch.from_numpy(np.random.default_rng(0).normal(size=(5, 7, 6)).astype(np.float32))
    expected = ndimage.shift(image.numpy(), (1, -2, 0), order=0, mode="nearest")
    assert np.array_equal(shifted(image, (1, -2, 0)).numpy(), expected)


def test_a_blur_is_that_of_scipy():
    image = np.random.default_rng(0).normal(size=(15, 13, 17)).astype(np.float32)
    expected = ndimage.gaussian_filter(image, (0.8, 0.0, 1.1), mode="nearest", radius=(2, 0, 3))
    np.testing.assert_allclose(blur(torch.from_numpy(image), (0.8, 0.0, 1.1)).numpy(), expected, atol=2e-6)


def test_a_rotation_turns_without_stretching():
    turned = rotation((0.3, -0.7, 1.1))
    np.testing.assert_allclose(turned @ turned.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turned) > 0
