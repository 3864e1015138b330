"""A matplotlib Figure that a notebook shows without pyplot."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from matplotlib.figure import Figure


class NotebookFigure(Figure):
    """Draws itself as PNG where a notebook asks for it."""

    def _repr_png_(self) -> bytes:
        """What a notebook shows."""
        png = BytesIO()
        self.savefig(png, format="png")
        return png.getvalue()


def image_figure(rgb: np.ndarray, pixel_cm: float, title: str) -> NotebookFigure:
    """An image (height, width, 3) uint8 with axes in cm."""
    height, width = (n * pixel_cm for n in rgb.shape[:2])
    figure = NotebookFigure(figsize=(6.0 * width / height, 6.0), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(rgb, extent=(0.0, width, 0.0, height))
    axes.set(xlabel="cm", ylabel="cm", title=title)
    return figure
