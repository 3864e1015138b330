import numpy as np
import pytest
from scipy import ndimage

from netlesion.errors import CohortError
from netlesion.geometry import Geometry
from netlesion.harmonise import FWHM, harmonise, resample
from netlesion.normalise import network_input, normalise, num_inputs
from netlesion.study import Scan, Tracer, Visit
from netlesion.volume import Quantity, Volume


def volume(array, spacing, quantity, origin=(0.0, 0.0, 0.0), flip=(1, 1, 1)):
    affine = np.diag([*(np.array(spacing) * flip), 1.0])
    affine[:3, 3] = origin
    return Volume(array, Geometry(affine, array.shape), quantity)


def test_downsampling_is_scipy_gaussian_then_cubic():
    array = np.random.default_rng(0).normal(size=(23, 17, 13)).astype(np.float32)
    source = volume(array, (1.0, 1.0, 2.0), Quantity.MR)
    target = Geometry(np.array([[3.0, 0, 0, 1], [0, 2.5, 0, 1], [0, 0, 2, 0], [0, 0, 0, 1]]), (7, 6, 13))
    sigma = [np.sqrt(max(r**2 - 1, 0)) / FWHM for r in (3.0, 2.5, 1.0)]
    at = target.to_world(np.argwhere(np.ones(target.shape))) / (1.0, 1.0, 2.0)
    smooth = ndimage.gaussian_filter(array.astype(np.float64), sigma, mode="nearest")
    expected = ndimage.map_coordinates(smooth, at.T, order=3, mode="nearest").reshape(target.shape)
    assert np.abs(resample(source, target).array - expected).max() < 1e-3


def test_a_linear_ramp_survives_flips_and_other_spacing():
    i = np.indices((21, 11, 7))[0].astype(np.float32)
    source = volume(i, (2.0, 3.0, 4.0), Quantity.SUVBW, origin=(40.0, 0.0, 0.0), flip=(-1, 1, 1))
    target = source.geometry.resampled((1.0, 3.0, 4.0))
    world_x = target.to_world(np.stack([np.arange(8, 34), np.zeros(26), np.zeros(26)], 1))[:, 0]
    assert np.allclose(resample(source, target).array[8:34, 5, 3], (40.0 - world_x) / 2.0, atol=1e-3)


def test_outside_the_field_of_view_there_is_air_and_no_label():
    ct = volume(np.full((5, 5, 5), 40.0), (2.0, 2.0, 2.0), Quantity.HU)
    mask = volume(np.ones((5, 5, 5), np.uint8), (2.0, 2.0, 2.0), Quantity.LABEL)
    target = Geometry(np.diag([2.0, 2.0, 2.0, 1.0]), (9, 5, 5))
    moved, labels = resample(ct, target).array, resample(mask, target).array
    assert (moved[:5] == 40.0).all()
    assert (moved[5:] == -1000.0).all()
    assert labels[:5].all()
    assert not labels[5:].any()


def test_labels_stay_labels():
    labels = np.random.default_rng(0).integers(0, 4, size=(7, 5, 11)).astype(np.uint8)
    moved = resample(
        volume(labels, (3.0, 3.0, 3.0), Quantity.LABEL), Geometry(np.diag([1.0, 2.0, 3.0, 1.0]), (19, 8, 11))
    )
    assert set(np.unique(moved.array)) <= {0, 1, 2, 3}
    assert moved.array[3, 0, 2] == labels[1, 0, 2]


def visit(**scans):
    return Visit("1", "visit-1", {c: Scan(c, v, Tracer(c) if c in ("fdg", "sstr") else None) for c, v in scans.items()})


def test_a_missing_channel_is_a_flag_and_a_plane_of_its_own():
    pet = volume(np.full((5, 7, 3), 10.0), (4.0, 4.0, 4.0), Quantity.SUVBW)
    ct = volume(np.full((11, 13, 7), 1000.0), (2.0, 2.0, 2.0), Quantity.HU, origin=(-1.0, -1.0, -1.0))
    grid = harmonise(visit(fdg=pet, ct=ct), ("fdg", "ct", "mr_t1"), (4.0, 4.0, 4.0))
    assert grid.present == (True, True, False)
    image = network_input(grid, ("fdg",))
    assert image.shape == (num_inputs(("fdg", "ct", "mr_t1"), ("fdg",)), 5, 7, 3) == (5, 5, 7, 3)
    assert [float(p.mean()) for p in image] == pytest.approx([1.0, 1.0, 0.0, 1.0, 0.0])


def test_no_pet_among_the_channels_is_an_error():
    ct = volume(np.zeros((3, 3, 3)), (2.0, 2.0, 2.0), Quantity.HU)
    with pytest.raises(CohortError, match="visit-1: no PET"):
        harmonise(visit(ct=ct), ("fdg", "ct"), (4.0, 4.0, 4.0))


def test_suv_is_compressed_but_never_clipped():
    pet = volume(np.array([0.0, 10.0, 100.0, 200.0]).reshape(4, 1, 1), (1.0, 1.0, 1.0), Quantity.SUVBW)
    values = normalise(pet).ravel()
    assert values[1] == pytest.approx(1.0)
    assert values[3] > values[2] > values[1]


def test_mr_does_not_depend_on_its_scale():
    array = np.random.default_rng(0).gamma(2.0, 100.0, size=(7, 5, 9))
    one, ten = (normalise(volume(array * s, (1.0, 1.0, 1.0), Quantity.MR)) for s in (1.0, 10.0))
    assert np.allclose(one, ten, atol=1e-5)
