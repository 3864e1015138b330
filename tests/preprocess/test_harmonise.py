import numpy as np
import pytest
from scipy import ndimage

from netlesion.errors import CohortError
from netlesion.image.geometry import Geometry
from netlesion.image.transform import DisplacementField, RigidTransform, grid_points
from netlesion.image.visit import Scan, Tracer, Visit
from netlesion.image.volume import Quantity, Volume
from netlesion.preprocess.harmonise import FWHM, harmonise, resample
from netlesion.preprocess.normalise import network_input, normalise, num_inputs


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


TURNED = np.array([[0.9962, -0.0872, 0.0, 3.0], [0.0872, 0.9962, 0.0, -2.5], [0.0, 0.0, 1.0, 4.2], [0, 0, 0, 1.0]])


def smooth(shape, spacing, origin, flip, quantity=Quantity.MR):
    array = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=shape), 1.5).astype(np.float32)
    return volume(array / array.std(), spacing, quantity, origin, flip)


def with_simpleitk(source, target, transform, interpolator):
    """SimpleITK's resampling under the same transform, made there from the same facts."""
    sitk = pytest.importorskip("SimpleITK")
    lps = np.diag([-1.0, -1.0, 1.0])

    def image(array, geometry, vector=False):
        made = sitk.GetImageFromArray(np.swapaxes(array, 0, 2), isVector=vector)
        made.SetSpacing(geometry.spacing_mm)
        made.SetOrigin((lps @ geometry.affine_ras[:3, 3]).tolist())
        made.SetDirection((lps @ geometry.affine_ras[:3, :3] / geometry.spacing_mm).ravel().tolist())
        return made

    if isinstance(transform, RigidTransform):
        moved = sitk.AffineTransform(3)
        moved.SetMatrix((lps @ transform.matrix[:3, :3] @ lps).ravel().tolist())
        moved.SetTranslation((lps @ transform.matrix[:3, 3]).tolist())
    else:
        field = image(transform.vectors.astype(np.float64) @ lps, transform.geometry, vector=True)
        moved = sitk.DisplacementFieldTransform(field)
    grid = image(np.zeros(target.shape, np.float32), target)
    out = sitk.Resample(image(source.array, source.geometry), grid, moved, getattr(sitk, interpolator), 0.0)
    return np.swapaxes(sitk.GetArrayFromImage(out), 0, 2)


def bump(grid):
    world = grid_points(grid)
    height = 5.0 * np.exp(-(((world - world.mean(axis=0)) / 20.0) ** 2).sum(axis=1))
    return DisplacementField((height[:, None] * [1.0, -0.6, 0.8]).reshape(*grid.shape, 3), grid)


@pytest.mark.parametrize("kind", ["rigid", "field"])
def test_resampling_under_a_transform_is_simpleitks(kind):
    source = smooth((31, 27, 23), (2.0, 2.5, 3.0), (-40.0, 30.0, -35.0), (1, -1, 1))
    target = Geometry(
        np.array([[-1.9, 0, 0, 15.0], [0, 2.3, 0, -20.0], [0, 0, 2.9, -30.0], [0, 0, 0, 1]]), (21, 17, 19)
    )
    lattice = Geometry(
        np.array([[9.0, 0, 0, -60.0], [0, 9.0, 0, -70.0], [0, 0, 9.0, -70.0], [0, 0, 0, 1]]), (15, 17, 17)
    )
    # the nearest rotation of TURNED's rounded digits
    u, _, v = np.linalg.svd(TURNED[:3, :3])
    matrix = TURNED.copy()
    matrix[:3, :3] = u @ v
    transform = RigidTransform(matrix) if kind == "rigid" else bump(lattice)
    found = resample(source, target, transform).array
    expected = with_simpleitk(source, target, transform, "sitkBSpline")
    index = source.geometry.to_index(transform.apply(grid_points(target))).reshape(*target.shape, 3)
    core = ((index > 5) & (index < np.array(source.geometry.shape) - 6)).all(axis=-1)
    assert core.sum() > 500
    assert np.abs(found - expected)[core].max() < 2e-3
    labels = source.with_array(np.digitize(source.array, [-0.5, 0.8]).astype(np.uint8), Quantity.LABEL)
    same = resample(labels, target, transform).array == with_simpleitk(labels, target, transform, "sitkNearestNeighbor")
    assert same[core].mean() > 0.995, "but for ties half-way between two voxels"


@pytest.mark.parametrize("spacing", [1.6, 3.0, 6.0])
def test_a_matrix_and_the_same_motion_as_a_field_agree(spacing):
    """From 1.6 to 6 mm, also where the target is coarser and the low-pass works."""
    source = smooth((29, 25, 21), (2.0, 2.0, 2.4), (-30.0, -25.0, -25.0), (1, 1, 1))
    target = source.geometry.resampled((spacing,) * 3)
    rigid = RigidTransform(np.array([[1.0, 0, 0, 2.7], [0, 1, 0, -3.1], [0, 0, 1, 1.3], [0, 0, 0, 1]]))
    field = DisplacementField(np.broadcast_to([2.7, -3.1, 1.3], (*target.shape, 3)), target)
    a, b = (resample(source, target, t).array for t in (rigid, field))
    assert np.abs(a - b).max() < 1e-3
    assert np.array_equal(a == 0.0, b == 0.0), "the same voxels lie outside the field of view"


def test_the_identity_changes_nothing_and_the_inverse_brings_back():
    source = smooth((17, 13, 11), (3.0, 3.5, 4.0), (-20.0, 10.0, -20.0), (1, -1, 1))
    still = RigidTransform(np.eye(4))
    assert np.abs(resample(source, source.geometry, still).array - source.array).max() < 1e-4
    matrix = np.eye(4)
    matrix[:3, 3] = (3.0, 7.0, -4.0)  # whole voxels
    there = resample(source, source.geometry, RigidTransform(matrix))
    back = resample(there, source.geometry, RigidTransform(matrix).inverse())
    inner = (slice(2, -2), slice(3, -3), slice(2, -2))
    assert np.abs(back.array - source.array)[inner].max() < 1e-3


def test_a_scan_of_another_frame_is_brought_over_with_its_mask():
    hot = np.zeros((9, 11, 7))
    hot[4, 5, 3] = 10.0
    pet = volume(hot, (4.0, 4.0, 4.0), Quantity.SUVBW)
    other = volume(hot, (4.0, 4.0, 4.0), Quantity.SUVBW, origin=(100.0, -60.0, 8.0))
    matrix = np.eye(4)
    matrix[:3, 3] = (100.0, -60.0, 8.0)
    mask = other.with_array((hot > 0).astype(np.uint8), Quantity.LABEL)
    scans = {
        "sstr": Scan("sstr", pet, Tracer.SSTR),
        "fdg": Scan("fdg", other, Tracer.FDG, transform=RigidTransform(matrix)),
    }
    grid = harmonise(Visit("1", "v", scans, {"fdg": mask}), ("sstr", "fdg", "ct"), (4.0, 4.0, 4.0))
    assert grid.present == (True, True, False)
    assert np.allclose(grid.volumes["fdg"].array, hot, atol=1e-5)
    assert np.argwhere(grid.masks["fdg"].array).tolist() == [[4, 5, 3]]
    with pytest.raises(CohortError, match="another frame"):
        harmonise(Visit("1", "v", scans), ("fdg",), (4.0, 4.0, 4.0))
