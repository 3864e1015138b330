"""A SUV image whose body mean is far from 1 is flagged."""

import numpy as np
import pytest

from netlesion.suv.plausibility import body_mean_suvbw, body_mean_warning

BODY = np.concatenate([np.full(100, 0.01), np.full(300, 0.8)])


def test_air_does_not_count():
    assert body_mean_suvbw(BODY) == pytest.approx(0.8)
    assert body_mean_warning(0.8) is None


@pytest.mark.parametrize("factor", [1000.0, 2.0, 0.3])
def test_a_wrong_dose_is_flagged(factor):
    assert "check dose" in body_mean_warning(body_mean_suvbw(BODY * factor))


def test_an_image_without_a_body_is_flagged():
    assert body_mean_suvbw(BODY * 1e-6) is None
    assert "no voxel" in body_mean_warning(None)
