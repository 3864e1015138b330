"""Breathing: activity stays, the mean position stays, the SD is that of cos^6, the tail points to the feet."""

import numpy as np
import pytest

from netlesion.errors import ConfigError
from netlesion.phantom.breathing import Breathing, breathe, displacement_kernel

#: SD of cos^6 over a period: mean of cos^12 is 231/1024, of cos^6 5/16.
SD_OF_COS6 = np.sqrt(231 / 1024 - (5 / 16) ** 2)


@pytest.mark.parametrize("spacing", [1.5, 2.0, 5.0])
@pytest.mark.parametrize("amplitude", [3.0, 11.0])
def test_kernel_has_sum_one_mean_zero_and_the_right_sd(spacing, amplitude):
    kernel = displacement_kernel(amplitude, spacing, cranial=1)
    offsets = np.arange(kernel.size) - kernel.size // 2
    assert kernel.min() >= 0.0
    assert kernel.sum() == pytest.approx(1.0)
    assert (kernel * offsets).sum() == pytest.approx(0.0, abs=1e-9)
    assert np.sqrt((kernel * offsets**2).sum()) * spacing == pytest.approx(amplitude * SD_OF_COS6, rel=1e-3)


def test_more_time_is_spent_near_expiration_so_the_tail_is_caudal():
    kernel = displacement_kernel(15.0, 1.0, cranial=1)
    offsets = np.arange(kernel.size) - kernel.size // 2
    assert (kernel * offsets**3).sum() < 0.0
    assert displacement_kernel(15.0, 1.0, cranial=-1) == pytest.approx(kernel[::-1])


def body(z_mm):
    image = np.random.default_rng(0).random((3, 4, z_mm.size), dtype=np.float32)
    image[:, :, z_mm.size // 2] = 50.0
    return image


@pytest.mark.parametrize("step", [3.0, -3.0])
def test_activity_is_kept_and_smeared_at_the_dome_only(step):
    z_mm = step * (np.arange(121) - 60.0)
    image = body(z_mm)
    before = image.copy()
    breathe(image, z_mm, Breathing(dome_z_mm=0.0, amplitude_mm=14.0))
    assert image.sum() == pytest.approx(before.sum(), rel=1e-5)
    assert image[0, 0, 60] < 35.0
    far = np.abs(z_mm) > 110.0
    assert np.array_equal(image[:, :, far], before[:, :, far])


def test_a_flipped_image_breathes_the_same_way():
    z_mm = 3.0 * (np.arange(81) - 40.0)
    image, flipped = body(z_mm), body(z_mm)[:, :, ::-1].copy()
    breathe(image, z_mm, Breathing(5.0, 12.0))
    breathe(flipped, z_mm[::-1], Breathing(5.0, 12.0))
    assert flipped[:, :, ::-1] == pytest.approx(image, rel=1e-5)


def test_no_amplitude_one_slice_or_a_far_dome_change_nothing():
    for z_mm, breathing in (
        (np.arange(9.0), Breathing(4.0, 0.0)),
        (np.zeros(1), Breathing(0.0, 10.0)),
        (np.arange(9.0), Breathing(500.0, 10.0)),
    ):
        image = np.random.default_rng(1).random((2, 3, z_mm.size), dtype=np.float32)
        before = image.copy()
        breathe(image, z_mm, breathing)
        assert np.array_equal(image, before)


@pytest.mark.parametrize(("amplitude", "reach"), [(-1.0, 100.0), (60.0, 100.0), (10.0, 0.0)])
def test_nonsense_is_refused(amplitude, reach):
    with pytest.raises(ConfigError, match="breathing"):
        Breathing(0.0, amplitude, reach)


def test_a_volume_that_moves_as_a_whole_keeps_its_activity():
    image = np.full((2, 3, 5), 4.0, dtype=np.float32)
    breathe(image, 4.0 * np.arange(5), Breathing(8.0, 12.0))
    assert image.sum() == pytest.approx(120.0)
    assert image.min() > 0.0
