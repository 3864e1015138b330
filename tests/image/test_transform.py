"""Laws of transforms: identity, inverse, composition; what is not rigid is refused."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from netlesion.errors import GeometryError
from netlesion.image.geometry import Geometry
from netlesion.image.transform import DisplacementField, RigidTransform, compose, grid_points, inverse_over

POINTS = np.random.default_rng(3).uniform(-60, 60, size=(41, 3))
GRID = Geometry(np.array([[9.0, 0, 0, -90], [0, 11.0, 0, -85], [0, 0, 13.0, -95], [0, 0, 0, 1]]), (21, 17, 15))


def rigid(seed, degrees=20.0):
    rng = np.random.default_rng(seed)
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(np.radians(degrees) * rng.normal(size=3) / 2).as_matrix()
    matrix[:3, 3] = rng.uniform(-20, 20, size=3)
    return RigidTransform(matrix)


def bump(size_mm=6.0):
    world = grid_points(GRID)
    height = size_mm * np.exp(-(((world - [10.0, -5.0, 3.0]) / 45.0) ** 2).sum(axis=1))
    return DisplacementField((height[:, None] * [1.0, -0.5, 0.7]).reshape(*GRID.shape, 3), GRID)


def test_points_of_a_grid_are_its_voxel_centres_in_array_order_all_or_some():
    grid = Geometry(rigid(4).matrix @ np.diag([2.0, 3.0, 5.0, 1.0]), (3, 7, 5))
    index = np.argwhere(np.ones(grid.shape))
    assert np.allclose(grid_points(grid), grid.to_world(index), atol=1e-12)
    places = np.array([0, 1, 5, 34, 104])
    assert np.allclose(grid_points(grid, places), grid_points(grid)[places], atol=1e-12)


def test_inverse_and_composition_of_rigid_transforms():
    a, b = rigid(0), rigid(1)
    assert np.allclose(a.undo(a.apply(POINTS)), POINTS)
    assert np.allclose(compose([a, b]).apply(POINTS), b.apply(a.apply(POINTS)))
    assert np.allclose(compose([a, a.inverse()]).matrix, np.eye(4))
    assert np.allclose(compose([compose([a, b]), rigid(2)]).matrix, compose([a, compose([b, rigid(2)])]).matrix)
    assert compose([]) is None
    assert rigid(5).angle_deg == pytest.approx(np.degrees(Rotation.from_matrix(rigid(5).matrix[:3, :3]).magnitude()))


def test_a_field_is_undone_to_a_hundredth_of_a_millimetre():
    field = bump()
    moved = field.apply(POINTS)
    assert np.abs(moved - POINTS).max() > 3.0
    assert np.abs(field.undo(moved) - POINTS).max() < 0.01


def test_chains_with_a_field_equal_their_links_one_after_another():
    a, field, b = rigid(0, 5.0), bump(), rigid(1, 5.0)
    links = b.apply(field.apply(a.apply(POINTS)))
    whole = compose([a, field, b])
    assert isinstance(whole, DisplacementField)
    assert np.abs(whole.apply(POINTS) - links).max() < 1e-3  # on the field's own lattice nothing is interpolated anew
    back = inverse_over(field, GRID)
    assert np.median(np.linalg.norm(back.apply(field.apply(POINTS)) - POINTS, axis=1)) < 0.1


def test_a_field_of_zeros_is_the_identity():
    still = DisplacementField(np.zeros((*GRID.shape, 3)), GRID)
    assert np.array_equal(still.apply(POINTS), POINTS)


@pytest.mark.parametrize(
    "matrix", [np.diag([1.1, 1, 1, 1]), np.diag([-1.0, 1, 1, 1]), np.full((4, 4), np.nan), np.eye(3)]
)
def test_what_is_not_a_turn_and_a_shift_is_refused(matrix):
    with pytest.raises(GeometryError, match="rigid"):
        RigidTransform(matrix)


def test_a_field_of_another_shape_or_with_nan_is_refused():
    with pytest.raises(GeometryError, match="shape"):
        DisplacementField(np.zeros((3, 5, 7, 3)), GRID)
    with pytest.raises(GeometryError, match="finite"):
        DisplacementField(np.full((*GRID.shape, 3), np.nan), GRID)
