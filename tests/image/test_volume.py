import numpy as np
import pytest

from netlesion.errors import CohortError, GeometryError, QuantityError
from netlesion.image.geometry import Geometry
from netlesion.image.visit import Scan, Visit
from netlesion.image.volume import Quantity, Volume

GRID = Geometry(np.diag([2.0, 3.0, 5.0, 1.0]), (2, 3, 5))
OTHER = Geometry(np.diag([2.0, 3.0, 4.0, 1.0]), (2, 3, 5))


def suv(value: float = 1.0, grid: Geometry = GRID) -> Volume:
    return Volume(np.full(grid.shape, value), grid, Quantity.SUVBW)


def test_hu_and_suv_do_not_add():
    hu = Volume(np.zeros(GRID.shape), GRID, Quantity.HU)
    with pytest.raises(QuantityError, match="HU and SUVBW"):
        suv() + hu


def test_same_quantities_add_on_one_grid_only():
    assert (suv(1.0) + suv(2.0)).array.max() == 3.0
    assert (suv(1.0) - suv(2.0)).array.max() == -1.0
    with pytest.raises(GeometryError, match="different grids"):
        suv() + suv(grid=OTHER)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_value_that_is_not_finite_is_refused_with_its_place(bad):
    array = np.zeros(GRID.shape)
    array[1, 2, 3] = bad
    with pytest.raises(QuantityError, match=r"\(1, 2, 3\)"):
        Volume(array, GRID, Quantity.SUVBW)


def test_array_and_grid_must_have_one_shape():
    with pytest.raises(GeometryError, match=r"\(5, 3, 2\)"):
        Volume(np.zeros((5, 3, 2)), GRID, Quantity.HU)


@pytest.mark.parametrize(("value", "word"), [(0.5, "0.5"), (-1, "-1")])
def test_labels_are_whole_and_not_negative(value, word):
    array = np.zeros(GRID.shape)
    array[0, 0, 0] = value
    with pytest.raises(QuantityError, match=word):
        Volume(array, GRID, Quantity.LABEL)


def test_a_probability_above_one_is_refused():
    with pytest.raises(QuantityError, match="expected 0 to 1"):
        Volume(np.full(GRID.shape, 1.5), GRID, Quantity.PROBABILITY)


def test_a_volume_cannot_be_changed_by_accident():
    volume = suv()
    with pytest.raises(ValueError, match="read-only"):
        volume.array[0, 0, 0] = 2.0


def test_a_scan_refuses_the_wrong_quantity_and_a_visit_a_mask_of_another_grid():
    with pytest.raises(CohortError, match="holds SUVBW, expected HU"):
        Scan("ct", suv())
    mask = Volume(np.zeros(OTHER.shape, np.uint8), OTHER, Quantity.LABEL)
    with pytest.raises(GeometryError, match="visit-1: the fdg image and its mask"):
        Visit("1", "visit-1", {"fdg": Scan("fdg", suv())}, {"fdg": mask})


def test_a_volume_tells_what_it_is_in_one_line_and_in_a_notebook():
    flipped = Geometry(np.array([[0, 0, 3.0, 1], [-4.0, 0, 0, 2], [0, -2.5, 0, 3], [0, 0, 0, 1]]), (2, 3, 5))
    volume = Volume(np.arange(30.0).reshape(2, 3, 5), flipped, Quantity.SUVBW)
    assert repr(volume) == "<Volume SUVBW, 2x3x5 voxels of 4x2.5x3 mm from (1.0, 2.0, 3.0)>"
    html = volume._repr_html_()
    for text in ("2x3x5", "4x2.5x3 mm", "PIR", "g/mL", "0 to 29"):
        assert f">{text}</td>" in html
