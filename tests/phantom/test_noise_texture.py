"""Texture: SD 1 for any blend, the widths asked for, streaks along the axis asked for, chunks that leave no seam."""

import numpy as np
import pytest

from netlesion.phantom import noise_texture
from netlesion.phantom.noise_texture import Lengths, texture_chunks

SPACING = (2.0, 2.5, 3.0)
LENGTHS = Lengths(fine_mm=6.0, coarse_mm=14.0, axial_mm=7.0)


def whole(shape, share_x, share_y, seed=3):
    field = np.empty(shape, dtype=np.float32)
    for chunk in texture_chunks(shape, SPACING, LENGTHS, seed):
        shares = (np.full(chunk.ff.shape, s, dtype=np.float32) for s in (share_x, share_y))
        field[chunk.box] = chunk.blend(*shares)
    return field


def kernel_fwhm_mm(field, axis):
    """From the autocorrelation at one kernel SD or so: exp(-lag^2 / (4 sigma^2))."""
    lag = max(1, round(4.0 / SPACING[axis]))
    near, far = (
        np.take(field, range(field.shape[axis] - lag), axis),
        np.take(field, range(lag, field.shape[axis]), axis),
    )
    value = float((near * far).mean() / (near * near).mean())
    return 2.3548 * lag * SPACING[axis] / np.sqrt(-4 * np.log(value))


@pytest.mark.parametrize("shares", [(0.0, 0.0), (1.0, 1.0), (0.4, 0.4), (0.8, 0.1), (0.0, 0.6)])
def test_every_blend_has_mean_zero_and_sd_one(shares):
    field = whole((151, 131, 61), *shares)
    assert abs(field.mean()) < 0.04
    assert field.std() == pytest.approx(1.0, abs=0.03)


def test_pure_blends_have_the_widths_asked_for():
    fine, coarse = whole((151, 131, 61), 0.0, 0.0), whole((151, 131, 61), 1.0, 1.0)
    assert [kernel_fwhm_mm(fine, a) for a in range(3)] == pytest.approx([6.0, 6.0, 7.0], rel=0.06)
    assert [kernel_fwhm_mm(coarse, a) for a in range(3)] == pytest.approx([14.0, 14.0, 7.0], rel=0.08)


def test_a_streak_is_long_along_its_own_axis_only():
    streak = whole((151, 131, 31), 1.0, 0.0)
    assert kernel_fwhm_mm(streak, 0) == pytest.approx(14.0, rel=0.08)
    assert kernel_fwhm_mm(streak, 1) == pytest.approx(6.0, rel=0.06)


def test_chunks_of_any_size_give_the_same_bytes(monkeypatch):
    one = whole((31, 23, 17), 0.3, 0.5)
    monkeypatch.setattr(noise_texture, "CHUNK_VOXELS", 31 * 23 * 3)
    assert np.array_equal(one, whole((31, 23, 17), 0.3, 0.5))
    assert not np.array_equal(one, whole((31, 23, 17), 0.3, 0.5, seed=4))


def test_one_voxel_is_plain_noise():
    assert np.isfinite(whole((1, 1, 1), 0.5, 0.5)).all()
