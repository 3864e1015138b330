"""A patch is what scipy would sample; beyond the visit lies air."""

import numpy as np
import torch
from scipy import ndimage

from netlesion.data.augmentation.field import rotation
from netlesion.data.labels import IGNORE
from netlesion.data.patch import PatchPlace, cut, cut_patch
from tests.data.test_transforms import visit

CHANNELS = ("fdg", "ct", "mr_t1")


def test_a_box_is_cut_and_filled_beyond_the_array():
    array = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    part = cut(array, np.array([-1, 1, 3]), np.array([2, 3, 7]), -7)
    expected = np.full((2, 3, 2, 4), -7)
    expected[:, 1:, :, :2] = array[:, :2, 1:3, 3:]
    assert np.array_equal(part, expected)
    assert (cut(array, np.array([5, 0, 0]), np.array([7, 4, 5]), 9) == 9).all()


def test_a_patch_without_a_map_is_a_crop():
    made = visit()
    patch = cut_patch(made, PatchPlace(np.array([5.0, 4.0, 6.0]), None), (4, 6, 8), CHANNELS)
    expected = made.image[:, 3:7, 1:7, 2:10].astype(np.float32)
    assert np.array_equal(patch["image"].numpy(), expected)
    assert np.array_equal(patch["instance"].numpy(), made.instance[:, 3:7, 1:7, 2:10])
    off = cut_patch(made, PatchPlace(np.array([0.0, 4.0, 6.0]), None), (4, 6, 8), CHANNELS)
    assert (off["label"][:, :2] == IGNORE).all()
    assert (off["image"][1, :2] == -1000.0).all()


def test_a_turned_patch_is_what_scipy_samples():
    made, window = visit(), (4, 4, 6)
    matrix = rotation((0.15, -0.1, 0.2)) @ np.diag([1.1, 0.9, 1.05])
    place = PatchPlace(np.array([5.2, 4.1, 6.3]), matrix)
    patch = cut_patch(made, place, window, CHANNELS)
    offset = place.centre - matrix @ ((np.array(window) - 1) / 2)
    for channel in (0, 1):
        source = made.image[channel].astype(np.float32)
        expected = ndimage.affine_transform(source, matrix, offset, window, order=1)
        np.testing.assert_allclose(patch["image"][channel].numpy(), expected, atol=2e-3)
    near = ndimage.affine_transform(made.organ, matrix, offset, window, order=0)
    assert (patch["organ"][0].numpy() == near).mean() > 0.98
    assert patch["organ"].dtype is torch.uint8
