"""Slices -> grid: in every orientation and order, and what forms no grid is refused."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from netlesion.errors import DicomError, GeometryError
from netlesion.io.slice_stack import Plane, Slice, stack_slices

LPS = np.array([-1.0, -1.0, 1.0])


def make_slices(rotation, spacing=(3.0, 2.0), step=4.0, count=5, origin=(1.0, 2.0, 3.0), shear=(0.0, 0.0)):
    row, column = rotation[0], rotation[1]
    normal = np.cross(row, column)
    plane = Plane(7, 11, tuple(spacing), (*row.tolist(), *column.tolist()), 3.0)
    advance = normal * step + row * shear[0] + column * shear[1]
    return [Slice(f"{k}.dcm", plane, tuple((np.array(origin) + k * advance).tolist())) for k in range(count)]


@st.composite
def rotations(draw):
    """Rotations of any angle, and the 24 that only permute and flip axes."""
    seed = draw(st.integers(0, 2**32 - 1))
    matrix, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    if draw(st.booleans()):
        axis = np.abs(matrix).argmax(axis=1)
        assume(len(set(axis.tolist())) == 3)
        matrix = np.eye(3)[axis] * np.sign(matrix[np.arange(3), axis])[:, None]
    return matrix


spacings = st.floats(0.3, 9.0)


@settings(max_examples=150, deadline=None)
@given(rotations(), st.tuples(spacings, spacings), spacings, st.integers(2, 9), st.randoms())
def test_a_voxel_lies_where_its_slice_says_in_any_orientation_and_order(rotation, spacing, step, count, random):
    slices = make_slices(rotation, spacing, step, count)
    shuffled = list(slices)
    random.shuffle(shuffled)
    stack = stack_slices(shuffled, "series")
    assert [one.file for one in stack.slices] == [f"{k}.dcm" for k in range(count)]
    assert stack.geometry.shape == (11, 7, count)
    for k, one in enumerate(slices):
        for i, j in ((0, 0), (10, 0), (0, 6), (10, 6)):
            # PS3.3 C.7.6.2.1-1: position + column index * row cosines + row index * column cosines
            expected = np.array(one.position) + i * spacing[1] * rotation[0] + j * spacing[0] * rotation[1]
            assert np.allclose(stack.geometry.to_world([[i, j, k]])[0] * LPS, expected, atol=1e-6)
    centres = np.array([[3, 2, 1], [10, 6, count - 1]])
    assert np.allclose(stack.geometry.to_index(stack.geometry.to_world(centres)), centres, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(rotations(), st.floats(0.01, 0.5))
def test_a_tilted_gantry_is_refused(rotation, shear):
    with pytest.raises(GeometryError, match="tilted gantry"):
        stack_slices(make_slices(rotation, shear=(0.0, 4.0 * shear)), "CT series")


@settings(max_examples=60, deadline=None)
@given(rotations(), st.integers(1, 3), st.floats(0.06, 0.9))
def test_uneven_slices_are_refused(rotation, which, share):
    slices = make_slices(rotation)
    normal = np.cross(rotation[0], rotation[1])
    moved = slices[which]
    slices[which] = Slice(moved.file, moved.plane, tuple(np.array(moved.position) + normal * 4.0 * share))
    with pytest.raises(DicomError, match=r"uneven|same position"):
        stack_slices(slices, "series")


@pytest.mark.parametrize(
    ("plane", "position", "match"),
    [
        (Plane(7, 11, (1.0, 1.0), None), (0.0, 0.0, 0.0), "Orientation"),
        (Plane(7, 11, (1.0, 1.0), (1.0, 0, 0, 1.0, 0, 0)), (0.0, 0.0, 0.0), "Orientation"),
        (Plane(7, 11, (1.0, 1.0), (2.0, 0, 0, 0, 1.0, 0)), (0.0, 0.0, 0.0), "Orientation"),
        (Plane(7, 11, None, (1.0, 0, 0, 0, 1.0, 0)), (0.0, 0.0, 0.0), "Spacing"),
        (Plane(7, 11, (0.0, 1.0), (1.0, 0, 0, 0, 1.0, 0)), (0.0, 0.0, 0.0), "Spacing"),
        (Plane(7, 11, (1.0, 1.0), (1.0, 0, 0, 0, 1.0, 0)), None, "Position"),
        (Plane(7, 11, (1.0, 1.0), (1.0, 0, 0, 0, 1.0, 0)), (0.0, 0.0, 0.0), "Thickness"),
    ],
)
def test_a_slice_without_a_place_is_refused_by_name(plane, position, match):
    with pytest.raises(DicomError, match=rf"s\.dcm.*{match}"):
        stack_slices([Slice("s.dcm", plane, position)], "series")
