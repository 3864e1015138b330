"""A matplotlib Figure that a notebook shows without pyplot."""

from __future__ import annotations

from io import BytesIO

from matplotlib.figure import Figure


class NotebookFigure(Figure):
    """Draws itself as PNG where a notebook asks for it."""

    def _repr_png_(self) -> bytes:
        """What a notebook shows."""
        png = BytesIO()
        self.savefig(png, format="png")
        return png.getvalue()
