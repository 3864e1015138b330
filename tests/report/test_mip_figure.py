"""The projections as a figure: with matplotlib and without it."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from netlesion.errors import GeometryError
from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.report.mip import mip_rgb
from netlesion.report.mip_figure import plot_mip
from tests.small_images import CT_GRID, PET_GRID


def result(mask_grid: Geometry = PET_GRID) -> SimpleNamespace:
    suv, mask = np.ones(PET_GRID.shape), np.zeros(mask_grid.shape)
    suv[3:5, 2, 2], mask[3:5, 2, 2] = 9.0, 1
    return SimpleNamespace(suv=Volume(suv, PET_GRID, Quantity.SUVBW), lesions=Volume(mask, mask_grid, Quantity.LABEL))


def test_matplotlib_shows_the_same_pixels_in_cm_and_pyplot_knows_no_figure():
    matplotlib = pytest.importorskip("matplotlib")
    figure, rgb = plot_mip(result()), mip_rgb(result().suv, result().lesions)
    (image,) = figure.axes[0].images
    assert isinstance(figure, matplotlib.figure.Figure)
    assert np.array_equal(image.get_array(), rgb)
    assert image.get_extent() == pytest.approx([0, rgb.shape[1] * 0.2, 0, rgb.shape[0] * 0.2])
    assert figure._repr_png_().startswith(b"\x89PNG")
    pyplot = sys.modules.get("matplotlib.pyplot")  # other tests' oracles may have loaded it
    assert pyplot is None or pyplot.get_fignums() == []


def test_a_pil_image_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.delitem(sys.modules, "netlesion.report.notebook_figure", raising=False)
    image = plot_mip(result())
    assert isinstance(image, Image.Image)
    assert np.array_equal(np.asarray(image), mip_rgb(result().suv, result().lesions))


def test_lesions_on_another_grid_are_refused():
    with pytest.raises(GeometryError, match="different grids"):
        plot_mip(result(CT_GRID))
