"""Line integrals against what is known of a disc and against scipy's rotation; block means and their way back."""

import numpy as np
import pytest
from scipy import ndimage

from netlesion.phantom.projection import block_mean, coarse_factors, parallel_beam, refine


def disc(shape, pixel_mm, radius_mm):
    x, y = (np.arange(n) * h - (n - 1) * h / 2 for n, h in zip(shape, pixel_mm, strict=True))
    return (x[:, None] ** 2 + y[None] ** 2 < radius_mm**2).astype(np.float32)


def test_the_longest_line_through_a_disc_is_its_diameter():
    beam = parallel_beam((47, 63), (8.0, 6.0))
    lines = beam.line_integrals(disc((47, 63), (8.0, 6.0), 120.0)[..., None]).reshape(beam.num_angles, -1)
    assert lines.max(axis=1) == pytest.approx(np.full(beam.num_angles, 240.0), rel=0.06)


def test_every_projection_holds_the_whole_activity():
    image = np.random.default_rng(0).random((13, 17, 5), dtype=np.float32)
    beam = parallel_beam((13, 17), (8.0, 9.0))
    totals = beam.line_integrals(image).reshape(beam.num_angles, -1, 5).sum(axis=1) * 9.0
    assert totals == pytest.approx(np.broadcast_to(image.sum(axis=(0, 1)) * 72.0, totals.shape), rel=1e-4)


def test_projections_agree_with_a_rotated_image_summed():
    image = ndimage.gaussian_filter(np.random.default_rng(1).random((41, 41)), 3.0) * disc((41, 41), (1.0, 1.0), 15.0)
    beam = parallel_beam((41, 41), (1.0, 1.0))
    lines = beam.line_integrals(image[..., None].astype(np.float32)).reshape(beam.num_angles, -1)
    middle = lines.shape[1] // 2
    for n in (0, 5, 12, 19):
        turned = ndimage.rotate(image, -np.rad2deg(beam.angles[n]), axes=(0, 1), reshape=False, order=1).sum(axis=1)
        near = lines[n, middle - 1 - 20 : middle - 1 + 21]
        assert np.abs(near - turned).max() < 0.08 * turned.max()


def test_the_mean_over_angles_of_ones_is_one_inside():
    beam = parallel_beam((9, 11), (8.0, 8.0))
    ones = np.ones((beam.weights_RP.shape[0], 3), dtype=np.float32)
    assert beam.angle_mean(ones) == pytest.approx(np.ones((9, 11, 3)), rel=1e-5)
    halves = beam.angle_mean(ones, np.cos(beam.angles) ** 2)
    assert halves == pytest.approx(np.full((9, 11, 3), 0.5), rel=1e-5)


def test_block_means_keep_the_total_where_blocks_fit_and_average_what_is_left_else():
    array = np.random.default_rng(2).random((6, 9, 5), dtype=np.float32)
    assert block_mean(array, (2, 3, 5)) == pytest.approx(array.reshape(3, 2, 3, 3, 5).mean(axis=(1, 3, 4))[..., None])
    assert block_mean(array, (4, 1, 1))[1] == pytest.approx(array[4:].mean(axis=0))
    assert block_mean(np.ones((1, 1, 1), dtype=np.float32), (2, 2, 2)).shape == (1, 1, 1)


def test_refining_a_ramp_gives_the_ramp_back_between_block_centres():
    ramp = np.arange(24, dtype=np.float32)
    coarse = block_mean(ramp, (4,))
    fine = refine(coarse, 0, 4, np.arange(24))
    assert fine[2:22] == pytest.approx(ramp[2:22])
    assert refine(np.array([7.0], dtype=np.float32), 0, 3, np.arange(2)).tolist() == [7.0, 7.0]


def test_coarse_voxels_are_about_nine_mm_and_never_finer_than_the_image():
    assert coarse_factors((2.0, 4.07, 20.0)) == (4, 2, 1)
