"""Slices -> grid: in every orientation and order, and what forms no grid is refused."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from netlesion.errors import DicomError, GeometryError
from netlesion.io.dicom.slices import Plane, Slice, stack_slices

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


@pytest.mark.parametrize(
    ("step", "unit"), [(1.25, 0.1), (0.7, 0.1), (1.9531, 0.1), (3.27, 0.5), (5.2, 1.0), (0.625, 0.01), (2.0, 0.1)]
)
@pytest.mark.parametrize("oblique", [False, True])
def test_positions_that_rounding_explains_are_even_and_a_missing_slice_is_not(step, unit, oblique):
    rotation = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0] if oblique else np.eye(3)
    exact = make_slices(rotation, step=step, count=21, origin=(-250.1171875, 3.3, 7.4) if not oblique else (1, 2, 3))
    columns = slice(None) if oblique else slice(2, 3)
    slices = []
    for one in exact:
        position = np.array(one.position)
        position[columns] = np.round(position[columns] / unit) * unit
        slices.append(Slice(one.file, one.plane, tuple(position.tolist())))
    stack = stack_slices(slices, "series")
    assert stack.geometry.spacing_mm[2] == pytest.approx(step, abs=unit / 10)
    if stack.note:
        assert stack.note.startswith(f"slice positions are rounded to {unit:g} mm")
    for missing in (1, 10, 19):
        with pytest.raises(DicomError, match="missing or uneven"):
            stack_slices(slices[:missing] + slices[missing + 1 :], "series")


def test_what_was_tolerated_is_said():
    slices = [Slice(f"{z}", make_slices(np.eye(3))[0].plane, (0.0, 0.0, z)) for z in (0.0, 0.8, 1.5, 2.2, 3.0)]
    assert "rounded to 0.1 mm and are taken as even, 0.75 mm apart" in stack_slices(slices, "series").note
    with pytest.raises(DicomError, match="uneven"):  # the same with digits that no rounding leaves
        stack_slices([Slice(s.file, s.plane, (0.0, 0.0, s.position[2] * 1.00137)) for s in slices], "series")
