"""The projections of a result as a figure: matplotlib's where it is installed, else a PIL image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from PIL import Image

from netlesion.image.volume import Volume
from netlesion.report.mip import PIXEL_MM, SUV_BLACK, mip_rgb

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Segmented(Protocol):
    """A PET with its lesions on one grid, as a model's result is."""

    @property
    def suv(self) -> Volume: ...

    @property
    def lesions(self) -> Volume: ...


def plot_mip(result: Segmented) -> Figure | Image.Image:
    """Draws coronal and sagittal maximum intensity projections with the lesions outlined in red.

    Args:
        result: What `Model.predict` gives for one tracer, or any object with `suv` (SUVbw) and `lesions` (LABEL) on
            one grid.

    Returns:
        A matplotlib Figure with axes in cm where matplotlib is installed, else a PIL image of 2 mm pixels. It is
        neither shown nor saved, and pyplot does not know it.

    Raises:
        GeometryError: if PET and lesions do not share one grid.

    Example:
        >>> visit = nl.open_cohort("cohort")[0].load()
        >>> nl.plot_mip(nl.load_model("model.safetensors").predict(visit)["fdg"]).savefig("mip.png")
    """
    rgb = mip_rgb(result.suv, result.lesions)
    try:
        from netlesion.report.notebook_figure import image_figure
    except ImportError:
        return Image.fromarray(rgb)
    return image_figure(rgb, PIXEL_MM / 10.0, f"SUVbw 0 to {SUV_BLACK:g} g/ml")
